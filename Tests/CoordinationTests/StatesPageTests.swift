// The page that explains the states must say what the database enforces.
import Foundation
import PostgresAccess
import PostgresTesting
import Testing

@Suite struct `States page` {
    @Test func `the states page lists exactly the allowed pairs and who makes them`() async throws {
        let page = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("Sources/Coordination/Coordination.docc/States.md")
        let text = try String(contentsOf: page, encoding: .utf8)
        let section = try #require(text.firstRange(of: "## A task"))
        let rows = text[section.upperBound...].split(separator: "\n")
            .drop { !$0.hasPrefix("|---") }.dropFirst().prefix { $0.hasPrefix("|") }
        let onPage = Set(
            rows.map { row in
                row.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
                    .joined(separator: " | ")
            })
        try await ThrowAwayDatabase.with(TestDispatch.template) { database in
            let found = try await database.pool.execute(
                """
                select from_state || ' | ' || to_state || ' | ' || made_by as pair from \
                ls.task_transition
                """
            )
            let enforced = Set(try found.map { try $0.decode(String.self, "pair") })
            #expect(onPage == enforced)
        }
    }
}
