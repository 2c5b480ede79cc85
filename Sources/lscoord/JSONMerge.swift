// Lays a person's few JSON keys over a preset's many. Whether the result makes sense is for the
// configuration that reads it to say.
import Foundation
import LanguageSystem

enum JSONMerge {
    /// - Returns: `base` with the keys of `changes` replaced, objects inside merged the same way.
    static func merging(_ changes: String?, into base: String, flag: String)
        throws(CoordinatorError)
        -> String
    {
        guard let changes else { return base }
        guard let changed = object(changes) else {
            throw CoordinatorError(
                .invalidArgument, "cannot use \(flag): found no JSON object",
                hint: #"for example '{"epochs": 2}'"#)
        }
        guard let original = object(base) else { preconditionFailure("a preset is a JSON object") }
        let merged = merge(changed, into: original)
        // Made of values JSONSerialization gave us: it can write them again.
        let bytes = try! JSONSerialization.data(withJSONObject: merged, options: [.sortedKeys])
        return String(decoding: bytes, as: UTF8.self)
    }

    /// - Returns: `base` with the keys of `changes` replaced, each value whole.
    ///
    /// What `ls.request_sweep` does with an entry.
    static func replacingKeys(of base: String, with changes: String) -> String {
        guard let original = object(base), let changed = object(changes) else {
            preconditionFailure("both were read as JSON objects before")
        }
        let merged = original.merging(changed) { $1 }
        // Made of values JSONSerialization gave us: it can write them again.
        let bytes = try! JSONSerialization.data(withJSONObject: merged, options: [.sortedKeys])
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func object(_ text: String) -> [String: Any]? {
        (try? JSONSerialization.jsonObject(with: Data(text.utf8))) as? [String: Any]
    }

    private static func merge(_ changes: [String: Any], into base: [String: Any]) -> [String: Any] {
        base.merging(changes) { old, new in
            if let old = old as? [String: Any], let new = new as? [String: Any] {
                return merge(new, into: old)
            }
            return new
        }
    }
}
