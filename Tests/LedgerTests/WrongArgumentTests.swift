// What an admin in psql gets who leaves something out or mistypes it: one sentence of ours, never
// the name of a constraint. sql/tests/support/wrong_arguments.sql makes the calls, for every
// function in the catalogue, and notes how each ended; this reads what it noted.
import Foundation
import LanguageSystem
import PostgresAccess
import PostgresTesting
import Testing

@Suite(.timeLimit(.minutes(20))) struct `Wrong arguments of SQL functions` {
    @Test func `every function answers wrong arguments with an SQLSTATE of ours`()
        async throws
    {
        let script = try String(
            contentsOf: TestLedger.sqlFolder.appending(path: "tests/support/wrong_arguments.sql"),
            encoding: .utf8)
        try await ThrowAwayDatabase.with(TestLedger.template) { database in
            try await database.pool.withConnection { connection in
                try connection.executeScript(script)
                let outcomes = try connection.execute(
                    "select function, argument, statement, state, message from outcome order by id"
                ).map(Outcome.init(row:))
                try #require(outcomes.count > 3_000, "the functions were found at all")
                for outcome in outcomes where !outcome.isExpected {
                    Issue.record("\(outcome.state): \(outcome.message)\n\(outcome.statement)")
                }
                // A function of which nothing is known to be right is not tried in earnest.
                let refused = outcomes.filter { $0.argument == "all good" && !$0.isDone }
                #expect(
                    refused.map(\.function) == Self.withoutGoodArguments,
                    "give their new arguments in wrong_arguments.sql: \(refused)")
                try connection.executeScript("rollback")
            }
        }
    }

    /// One needs a whole file (FeatureFileTests have them), two what only weeks of work bring.
    private static let withoutGoodArguments = [
        "import_feature_file", "reopen_evaluation_check", "retire_certificate_authority",
    ]
}

private struct Outcome {
    let function: String
    let argument: String
    let statement: String
    let state: String
    let message: String

    init(row: Row) throws {
        function = try row.decode("function")
        argument = try row.decode("argument")
        statement = try row.decode("statement")
        state = try row.decode("state")
        message = try row.decode("message")
    }

    var isDone: Bool { state == "00000" }
    /// Done, or refused by one of our functions.
    var isExpected: Bool {
        isDone || ErrorCode(sqlState: state).map { $0 != .internal } ?? false
    }
}
