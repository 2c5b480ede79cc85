// What the JSONL file beside a feature file says of its queries: one line a query, in their order.
internal import Foundation
package import LanguageSystem

/// A query's name and the level that it belongs to.
package struct QueryNote: Sendable, Hashable {
    /// The member `query_id`.
    package let id: String
    /// The member `level`; nil where there is none.
    package let level: String?

    /// The path of the JSONL file beside a feature file; nil for a file of another ending.
    package static func path(beside features: String) -> String? {
        let path = features.replacing(/\.safetensors$/, with: ".jsonl")
        return path == features ? nil : path
    }

    /// Reads the notes beside a feature file; nil when there are none.
    ///
    /// - Throws: `invalidFeatures` unless each query has its JSON object with a `query_id`.
    package static func read(
        beside features: String, queryCount: Int
    ) throws(LanguageSystemError) -> [Self]? {
        guard let path = path(beside: features), FileManager.default.fileExists(atPath: path) else {
            return nil
        }
        guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
            throw .unusableNotes(path, "found no readable UTF-8 text")
        }
        // By bytes: as characters, a line's end and the carriage return before it are one.
        let lines = text.utf8.split(separator: UInt8(ascii: "\n"))
        guard lines.count == queryCount else {
            throw .unusableNotes(
                path, "found \(lines.count) lines, expected \(queryCount), one a query")
        }
        var notes: [Self] = []
        for (index, line) in lines.enumerated() {
            guard
                let object = (try? JSONSerialization.jsonObject(with: Data(line)))
                    as? [String: Any],
                let id = object["query_id"] as? String
            else {
                throw .unusableNotes(
                    path, "found no JSON object with query_id in line \(index + 1)")
            }
            let level = object["level"].flatMap { $0 is NSNull ? nil : "\($0)" }
            notes.append(Self(id: id, level: level))
        }
        return notes
    }
}

extension LanguageSystemError {
    fileprivate static func unusableNotes(_ path: String, _ why: String) -> Self {
        Self(.invalidFeatures, "cannot read \(path): \(why)")
    }
}
