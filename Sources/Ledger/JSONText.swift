// What SQL functions take as JSON, written from a value of ours.
import Foundation
import LanguageSystem

/// - Throws: `internal` for a number that JSON cannot represent, one that is not finite.
func jsonText(of value: some Encodable) throws(LanguageSystemError) -> String {
    do {
        return String(decoding: try JSONEncoder().encode(value), as: UTF8.self)
    } catch {
        throw LanguageSystemError(
            .internal, "cannot write to the database: found a value that is no JSON",
            cause: "\(error)")
    }
}
