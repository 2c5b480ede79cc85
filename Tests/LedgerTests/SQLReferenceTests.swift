// Keeps the page SQL.md equal to the catalogue. With LS_REGENERATE set, as
// deploy/develop/regenerate sets it, the page is written anew instead.
import Foundation
import PostgresAccess
import PostgresTesting
import Testing

@Suite struct `SQL reference page` {
    private static let page = TestLedger.sqlFolder.appending(
        path: "../Sources/Ledger/Ledger.docc/SQL.md")

    @Test func `the SQL reference page is what the catalogue says`() async throws {
        let text = try await TestLedger.withoutFixture { try await SQLReference(of: $0.pool).text }
        if ProcessInfo.processInfo.environment["LS_REGENERATE"] != nil {
            try Data(text.utf8).write(to: Self.page)
        }
        let written = try String(contentsOf: Self.page, encoding: .utf8)
        let (old, new) = (written.split(separator: "\n"), text.split(separator: "\n"))
        let difference = zip(old, new).first { $0 != $1 }
        #expect(
            written == text,
            """
            run deploy/develop/regenerate: the page says \(difference?.0 ?? "less"), \
            the catalogue \(difference?.1 ?? "less")
            """
        )
    }

    @Test func `the SQL reference page comes out the same from another database`() async throws {
        let first = try await TestLedger.withoutFixture { try await SQLReference(of: $0.pool).text }
        let second = try await TestLedger.withoutFixture { database in
            // What is stored changes nothing.
            try await database.pool.execute("select ls.register_base_model('m', 8)")
            return try await SQLReference(of: database.pool).text
        }
        #expect(first == second)
    }

    /// A comment promises nothing that the code does not do.
    @Test func `the SQL reference page names no SQLSTATE that cannot come`() async throws {
        let text = try await TestLedger.withoutFixture { try await SQLReference(of: $0.pool).text }
        for part in text.components(separatedBy: "\n### ").dropFirst() {
            guard let end = part.range(of: " May raise: ") ?? part.range(of: " Raises nothing.")
            else { continue }
            let comment = part[..<end.lowerBound]
            let raised = part[end.lowerBound...].prefix { $0 != "\n" }
            for match in comment.matches(of: /LS\d\d\d/) {
                #expect(raised.contains(match.0), "\(match.0) in \(part.prefix(40))")
            }
        }
    }
}
