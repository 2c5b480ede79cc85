import Foundation
import LanguageSystem
import Rankers
import Testing

@Suite struct `Query notes` {
    /// Reads the notes of two queries from a JSONL file of these bytes.
    static func read(_ bytes: [UInt8]?) throws -> [QueryNote]? {
        let directory = FileManager.default.temporaryDirectory
            .appending(path: "notes-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: directory) }
        if let bytes { try Data(bytes).write(to: directory.appending(path: "train.jsonl")) }
        do {
            return try QueryNote.read(
                beside: directory.appending(path: "train.safetensors").path, queryCount: 2)
        } catch {
            throw Refusal(says: error.message.replacing(directory.path, with: "here"))
        }
    }

    struct Refusal: Error, Equatable { let says: String }

    @Test func `notes stand in the order of the lines, a level as it is written`() throws {
        let notes = try Self.read(
            Array(#"{"query_id":"a","level":"one"}"#.utf8) + [13, 10]
                + Array(#"{"level":2,"query_id":"b"}"#.utf8) + [13, 10, 10])
        #expect(notes?.map(\.id) == ["a", "b"] && notes?.map(\.level) == ["one", "2"])
    }

    @Test func `notes may have no level, and a feature file may have no notes`() throws {
        let line = #"{"query_id":"a","level":null}"# + "\n"
        #expect(try Self.read(Array((line + line).utf8))?.map(\.level) == [nil, nil])
        #expect(try Self.read(nil) == nil)
        #expect(try QueryNote.read(beside: "notes", queryCount: 2) == nil)
    }

    @Test(arguments: [
        (Array("{}".utf8), "found 1 lines, expected 2, one a query"),
        (Array("{\"query_id\":\"a\"}\n{}".utf8), "found no JSON object with query_id in line 2"),
        (Array("[1]\n[2]".utf8), "found no JSON object with query_id in line 1"),
        ([255, 10, 255], "found no readable UTF-8 text"),
    ])
    func `notes that are wrong are refused with a sentence`(bytes: [UInt8], says: String) {
        #expect(throws: Refusal(says: "cannot read here/train.jsonl: \(says)")) {
            try Self.read(bytes)
        }
    }
}
