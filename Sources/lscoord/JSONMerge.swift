// Lays a person's few JSON keys over a preset's many. Whether the result makes sense is for the
// configuration that reads it to say.
import Foundation
import LanguageSystem

enum JSONMerge {
    /// - Returns: `base` with the keys of `changes` replaced, objects inside merged the same way.
    static func merging(_ changes: String?, into base: String, flag: String)
        throws(LanguageSystemError)
        -> String
    {
        guard let changes else { return base }
        guard let changed = object(changes) else {
            throw LanguageSystemError(
                .invalidArgument, "cannot use \(flag): found no JSON object",
                hint: #"for example '{"epochs": 2}'"#)
        }
        do {
            // Of two equal keys the decoder below takes one without a word.
            try JSONScan.check(Data(changes.utf8))
        } catch {
            throw LanguageSystemError(.invalidArgument, "cannot use \(flag): \(error.found)")
        }
        guard let original = object(base) else { throw .notMergeable() }
        return try text(of: merge(changed, into: original))
    }

    /// - Returns: `base` with the keys of `changes` replaced, each value whole.
    ///
    /// What `ls.request_sweep` does with an entry.
    static func replacingKeys(
        of base: String, with changes: String
    ) throws(LanguageSystemError) -> String {
        guard let original = object(base), let changed = object(changes) else {
            throw .notMergeable()
        }
        return try text(of: original.merging(changed) { $1 })
    }

    private static func text(of object: [String: Any]) throws(LanguageSystemError) -> String {
        do {
            let bytes = try JSONSerialization.data(withJSONObject: object, options: [.sortedKeys])
            return String(decoding: bytes, as: UTF8.self)
        } catch {
            throw .notMergeable(cause: "\(error)")
        }
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

extension LanguageSystemError {
    fileprivate static func notMergeable(cause: String? = nil) -> Self {
        Self(
            .internal,
            "cannot lay one configuration over another: found one that is no JSON object",
            cause: cause)
    }
}
