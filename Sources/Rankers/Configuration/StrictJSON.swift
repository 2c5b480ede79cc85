// JSON of configurations: keys sorted on the way out; unknown keys, keys that stand twice and wrong
// types refused with a sentence on the way in.
internal import Foundation
internal import LanguageSystem

enum StrictJSON {
    static let byteCountMax = 65_536

    static func decode<T: Decodable>(
        _ type: T.Type, from json: String, what: String
    ) throws(LanguageSystemError) -> T {
        guard json.utf8.count <= byteCountMax else {
            throw .unreadableConfiguration(
                what, "found \(json.utf8.count) bytes, at most 65536 fit")
        }
        do {
            try JSONScan.check(Data(json.utf8))
            return try JSONDecoder().decode(type, from: Data(json.utf8))
        } catch let error as LanguageSystemError {
            throw error
        } catch let refusal as JSONScan.Refusal {
            throw .unreadableConfiguration(what, refusal.found)
        } catch let error as DecodingError {
            throw .unreadableConfiguration(what, sentence(error))
        } catch {
            throw .unreadableConfiguration(what, "found text that is not JSON")
        }
    }

    static func encode(_ value: some Encodable) -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        do {
            return String(decoding: try encoder.encode(value), as: UTF8.self)
        } catch {
            preconditionFailure("a configuration or report is always finite: \(error)")
        }
    }

    static func refuseUnknownKeys<Key: CodingKey & CaseIterable>(
        _ keys: Key.Type, in decoder: any Decoder, what: String
    ) throws {
        let known = Set(Key.allCases.map(\.stringValue))
        let found = try decoder.container(keyedBy: AnyKey.self).allKeys.map(\.stringValue)
        if let unknown = found.sorted().first(where: { !known.contains($0) }) {
            throw LanguageSystemError(
                .invalidArgument,
                "cannot read the \(what): found the unknown key '\(unknown.printable())'",
                hint: "known keys are \(known.sorted().joined(separator: ", "))")
        }
    }

    private static func sentence(_ error: DecodingError) -> String {
        func path(_ context: DecodingError.Context, _ key: (any CodingKey)? = nil) -> String {
            (context.codingPath + (key.map { [$0] } ?? [])).map { $0.stringValue.printable() }
                .joined(separator: ".")
        }
        switch error {
        case .keyNotFound(let key, let context): return "found no '\(path(context, key))'"
        case .typeMismatch(let type, let context), .valueNotFound(let type, let context):
            return "found another type at '\(path(context))', expected \(type)"
        case .dataCorrupted(let context):
            return context.codingPath.isEmpty
                ? "found text that is not JSON" : "found an unknown value at '\(path(context))'"
        @unknown default: return "found text that is not JSON"
        }
    }
}

private struct AnyKey: CodingKey {
    let stringValue: String
    var intValue: Int? { nil }
    init?(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
}

extension LanguageSystemError {
    static func unreadableConfiguration(_ what: String, _ why: String) -> Self {
        Self(.invalidArgument, "cannot read the \(what): \(why)")
    }
}
