import LanguageSystem
import PostgresTesting
import Testing

@testable import PostgresAccess

@Suite struct `Error mapping` {
    @Test func `every code of ours comes back from a function that raises it`() async throws {
        try await ThrowAwayDatabase.with { database in
            for code in ErrorCode.allCases {
                let error = await coordinatorError {
                    try await database.pool.withConnection { connection in
                        try connection.executeScript(
                            """
                            do $$ begin
                                raise exception using errcode = '\(code.sqlState)',
                                    message = 'cannot do it: found 1, expected 2',
                                    hint = 'do something else', detail = 'for the log';
                            end $$
                            """)
                    }
                }
                #expect(
                    error
                        == LanguageSystemError(
                            code, "cannot do it: found 1, expected 2", hint: "do something else",
                            cause: "for the log"))
            }
        }
    }

    @Test(arguments: [
        ("57014", ErrorCode.deadlineExceeded), ("57P01", .unavailable), ("08006", .unavailable),
        ("40001", .busy), ("40P01", .busy), ("55P03", .busy), ("53300", .busy),
        ("53100", .unavailable), ("23505", .alreadyExists), ("42501", .identityRefused),
        ("42883", .schemaMismatch), ("28P01", .invalidSettings), ("3D000", .invalidSettings),
        ("25006", .unavailable), ("22012", .internal), ("XX000", .internal),
    ])
    func `PostgreSQL's own states become ours`(sqlState: String, code: ErrorCode) {
        let error = PostgresError(.server, "words", sqlState: sqlState, detail: "more")
        #expect(error.coordinatorError.code == code)
        #expect(error.coordinatorError.message == "PostgreSQL refused: words")
        #expect(error.coordinatorError.cause?.contains(sqlState) == true)
    }

    @Test(arguments: [
        (PostgresError.Kind.connection, ErrorCode.unavailable), (.closed, .unavailable),
        (.deadline, .deadlineExceeded), (.cancelled, .cancelled), (.busy, .busy),
        (.usage, .internal),
    ])
    func `what went wrong on our side becomes ours, too`(
        kind: PostgresError.Kind, code: ErrorCode
    ) {
        #expect(PostgresError(kind, "words").coordinatorError.code == code)
    }

    @Test func `other errors keep what they are`() {
        let ours = LanguageSystemError(.busy, "words")
        #expect(LanguageSystemError(database: ours) == ours)
        #expect(LanguageSystemError(database: CancellationError()).code == .cancelled)
        struct Mine: Error {}
        #expect(LanguageSystemError(database: Mine()).code == .internal)
    }
}
