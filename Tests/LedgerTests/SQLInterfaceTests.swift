// Schema `ls` as programs know it, compared with what was recorded: they break when a name or a
// type goes.
import Foundation
import PostgresAccess
import PostgresTesting
import RecordedTexts
import Testing

@Suite struct `Interface that is recorded, in SQL` {
    @Test func `the recorded SQL interface is what the catalogue says`() async throws {
        let text = try await TestLedger.withoutFixture {
            try await SQLReference(of: $0.pool).interface
        }
        try #require(text.contains("\nls.route("))
        let difference = try RecordedText("sql.txt").difference(from: text)
        #expect(difference == nil, "\(difference ?? "")")
    }

    /// One function that takes another argument, one that is gone, a column of another type.
    @Test func `the recorded SQL interface shows what a program would notice`() async throws {
        let (old, new) = try await TestLedger.withoutFixture { database in
            let old = try await SQLReference(of: database.pool).interface
            try await database.pool.execute(
                "create function ls.house(p_room text) returns integer language sql return 1")
            try await database.pool.execute(
                "grant execute on function ls.house(text) to ls_reader")
            try await database.pool.execute("alter table ls.domain add column house integer")
            return (old, try await SQLReference(of: database.pool).interface)
        }
        let added = new.split(separator: "\n").filter { !old.split(separator: "\n").contains($0) }
        #expect(
            added == [
                "ls.house(p_room text) -> integer; for reader, operator, admin, service",
                "ls.domain.house integer",
            ])
    }
}

@Suite struct `Recorded texts` {
    @Test func `recorded texts say what differs, how to record it, and where to name it`() throws {
        let file = FileManager.default.temporaryDirectory
            .appending(path: "ls-recorded-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: file) }
        let recording = RecordedText(file: file, isRecording: true)
        #expect(try recording.difference(from: "a\nb\nc\n") == nil)
        let text = RecordedText(file: file, isRecording: false)
        #expect(try text.difference(from: "a\nb\nc\n") == nil)
        #expect(
            try text.difference(from: "a\nc\nd\n") == """
                \(file.lastPathComponent) is not what was recorded:
                2: - b
                3: + d
                If that is meant, run `deploy/develop/regenerate interface` and name the change in \
                CHANGELOG.md.
                """)
        #expect(throws: (any Error).self) {
            try RecordedText(file: file.appending(path: "none"), isRecording: false)
                .difference(from: "")
        }
    }
}
