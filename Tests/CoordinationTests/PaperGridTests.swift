// The paper's grid exists twice: for Swift, and for an admin in SQL. They are one.
import LanguageSystem
import Ledger
import PostgresAccess
import PostgresTesting
import Rankers
import Testing

@Suite struct `Paper grid in SQL` {
    @Test(arguments: RankerKind.allCases)
    func `the paper's grid in SQL is the grid in Swift, in the same order`(kind: RankerKind)
        async throws
    {
        let list =
            "[\(TrainingConfiguration.paperGrid(kind: kind).map(\.json).joined(separator: ","))]"
        try await ThrowAwayDatabase.with(TestDispatch.template) { database in
            // As text: it is the text that makes two sweeps the same.
            let found = try await database.pool.execute(
                "select ls.paper_grid($1)::text = $2::jsonb::text as same", kind, list)
            #expect(try found.one().decode(Bool.self, "same"))
        }
    }
}
