import Concurrency
import Dispatch
import LanguageSystem
import Logging
import PostgresTesting
import Testing

@testable import PostgresAccess

@Suite struct `Migrating` {
    private let first = Migration(
        version: 1, name: "make t", sql: "create table ls.t (n int); insert into ls.t values (1);")
    private let second = Migration(
        version: 2, name: "widen t", sql: "alter table ls.t alter n type bigint")
    private let answer = SQLFile(
        name: "answer.sql",
        sql: "create or replace function ls.answer() returns int language sql as 'select 42'")

    private func migrator(_ migrations: [Migration], _ functions: [SQLFile] = []) -> Migrator {
        Migrator(migrations: migrations, functions: functions, logger: quiet)
    }

    @Test func `migrating applies what is missing, and nothing twice`() async throws {
        try await ThrowAwayDatabase.with { database in
            let pool = database.pool
            let none = await coordinatorError { try await migrator([first]).check(pool) }
            #expect(none?.code == .schemaMismatch)
            #expect(none?.message == "the database has no schema yet, this program needs version 1")

            let start = try await migrator([first], [answer]).migrate(pool)
            #expect(start == .init(from: 0, to: 1, appliedFiles: true))
            let again = try await migrator([first], [answer]).migrate(pool)
            #expect(again == .init(from: 1, to: 1, appliedFiles: false))
            try await migrator([first], [answer]).check(pool)

            let older = await coordinatorError {
                try await migrator([first, second], [answer]).check(pool)
            }
            #expect(older?.message == "the database schema is version 1, this program needs 2")
            let step = try await migrator([first, second], [answer]).migrate(pool)
            #expect(step == .init(from: 1, to: 2, appliedFiles: true))
            #expect(try await pool.execute("select n from ls.t").one().decode(Int.self) == 1)
            #expect(try await pool.execute("select ls.answer()").one().decode(Int.self) == 42)
        }
    }

    @Test func `migrating applies changed functions again`() async throws {
        try await ThrowAwayDatabase.with { database in
            try await migrator([first], [answer]).migrate(database.pool)
            let changed = SQLFile(
                name: answer.name, sql: answer.sql.replacing("select 42", with: "select 43"))
            let differs = await coordinatorError {
                try await migrator([first], [changed]).check(database.pool)
            }
            #expect(differs?.code == .schemaMismatch)
            let report = try await migrator([first], [changed]).migrate(database.pool)
            #expect(report == .init(from: 1, to: 1, appliedFiles: true))
            let row = try await database.pool.execute("select ls.answer()").one()
            #expect(try row.decode(Int.self) == 43)
        }
    }

    @Test func `migrating refuses a newer schema and a migration that was changed`() async throws {
        try await ThrowAwayDatabase.with { database in
            try await migrator([first, second]).migrate(database.pool)
            let calls: [(Migrator, ConnectionPool) async throws -> Void] = [
                { try await $0.check($1) }, { try await $0.migrate($1) },
            ]
            for call in calls {
                let newer = await coordinatorError {
                    try await call(migrator([first]), database.pool)
                }
                #expect(newer?.code == .schemaMismatch)
                #expect(
                    newer?.message == "the database schema is version 2, this program knows 1 to 1")
                let changed = Migration(version: 1, name: "make t", sql: "select 1")
                let differs = await coordinatorError {
                    try await call(migrator([changed, second]), database.pool)
                }
                #expect(differs?.code == .schemaMismatch)
                #expect(differs?.message.contains("another text") == true)
            }
        }
    }

    @Test func `migrating keeps all or nothing`() async throws {
        try await ThrowAwayDatabase.with { database in
            let broken = Migration(version: 2, name: "broken", sql: "select 1; select 1 / 0;")
            let error = await coordinatorError {
                try await migrator([first, broken]).migrate(database.pool)
            }
            #expect(
                error?.message
                    == "migration 2 (broken) failed and nothing of it was kept: division by zero")
            let row = try await database.pool.execute(
                "select to_regclass('ls.t') is null as isMissing"
            ).one()
            #expect(try row.decode(Bool.self))
        }
    }

    @Test func `of twenty who migrate at once one does, the others find it done`() async throws {
        try await ThrowAwayDatabase.with { database in
            let pool = database.pool { $0.connectionCountMax = 20 }
            let reports = try await withThrowingTaskGroup(of: Migrator.Report.self) { group in
                for _ in 0..<20 {
                    group.addTask {
                        try await self.migrator([self.first, self.second], [self.answer])
                            .migrate(pool)
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(reports.count { $0.from == 0 && $0.appliedFiles } == 1)
            #expect(reports.count { $0.from == 2 && !$0.appliedFiles } == 19)
            await pool.close()
        }
    }

    /// Somebody reads a table for long: who comes after us does not wait behind us, and the one
    /// that is waited for is named.
    @Test func `migrating does not queue behind a long reader, and names it`() async throws {
        try await ThrowAwayDatabase.with { database in
            try await migrator([first]).migrate(database.pool)
            let lines = Locked<[String]>([])
            var waiting = Migrator(
                migrations: [first, second], functions: [],
                logger: Logger(label: "test") { _ in LineLog(lines: lines) })
            waiting.lockPatience = .seconds(1)
            let readers = database.pool { $0.connection.applicationName = "nightly report" }
            let isRead = Gate(), isOver = Gate()
            let reader = Task {
                try await readers.transaction { connection in
                    try connection.execute("select n from ls.t")
                    let process = try connection.execute("select pg_backend_pid()").one()
                        .decode(Int.self)
                    Task { await isRead.open() }
                    // Two attempts, and a reader that came after.
                    while lines.withLock({ $0.count }) < 2 {
                        try connection.execute("select pg_sleep(0.01)")
                    }
                    return process
                }
            }
            await isRead.wait()
            let other = Task {
                try await readers.withConnection { connection in
                    while lines.withLock({ $0.isEmpty }) {
                        try connection.execute("select n from ls.t")
                    }
                }
                await isOver.open()
            }
            let report = try await waiting.migrate(database.pool)
            #expect(report == .init(from: 1, to: 2, appliedFiles: true))
            let process = try await reader.value
            await isOver.wait()
            try await other.value
            let line = try #require(lines.withLock { $0.first { $0.contains("yet") } })
            #expect(
                line.hasPrefix(
                    "warning: cannot migrate yet: process \(process) (nightly report, "
                        + "user postgres, "
                ) && line.contains("last query at ")
                    && line.hasSuffix(") holds a lock that it needs; trying again"), "\(line)")
            await readers.close()
        }
    }

    @Test func `migrating ends when its time is over, with the name of who was in the way`()
        async throws
    {
        try await ThrowAwayDatabase.with { database in
            try await migrator([first]).migrate(database.pool)
            // A table, and the turn itself.
            for lock in ["select n from ls.t", "select pg_advisory_xact_lock(7814710077892485492)"]
            {
                let holders = database.pool { $0.connectionCountMax = 1 }
                let process = try await backend(holders)
                let held = Gate(), over = Gate()
                let holder = Task {
                    try await holders.withConnection { connection in
                        try connection.transaction {
                            try connection.execute(lock)
                            Task { await held.open() }
                            let done = DispatchSemaphore(value: 0)
                            Task {
                                await over.wait()
                                done.signal()
                            }
                            done.wait()
                        }
                    }
                }
                await held.wait()
                var late = migrator([first, second])
                // Long enough for a busy machine to see who is in the way.
                late.deadline = .seconds(12)
                late.lockPatience = .seconds(1)
                let error = await coordinatorError { try await late.migrate(database.pool) }
                #expect(error?.code == .busy)
                #expect(
                    error?.message.hasPrefix("cannot migrate within 12 s: process \(process) (")
                        == true, "\(error?.message ?? "")")
                #expect(error?.hint?.contains("pg_terminate_backend") == true)
                await over.open()
                try await holder.value
                await holders.close()
            }
            try await migrator([first, second]).migrate(database.pool)
        }
    }

    @Test func `migrating refuses a schema that others filled before`() async throws {
        try await ThrowAwayDatabase.with { database in
            let pool = database.pool
            for (statement, words) in [
                (
                    "create function ls.answer() returns int language sql as 'select 1'",
                    "function ls.answer()"
                ),
                ("create view ls.report as select 1 as n", "view ls.report"),
                ("create table ls.note (n int)", "table ls.note"),
                ("create type ls.mood as enum ('good')", "type ls.mood"),
            ] {
                try await pool.execute("create schema ls")
                try await pool.execute(statement)
                let error = await coordinatorError {
                    try await migrator([first], [answer]).migrate(pool)
                }
                #expect(error?.code == .schemaMismatch)
                #expect(
                    error?.message
                        == """
                        cannot make schema ls in this database: there is one already, with \
                        \(words)
                        """
                )
                try await pool.execute("drop schema ls cascade")
            }
            // Made beforehand, and empty.
            try await pool.execute("create schema ls")
            try await migrator([first], [answer]).migrate(pool)
        }
    }

    @Test func `migrating refuses a database that only reads because it was told to`() async throws
    {
        try await ThrowAwayDatabase.with { database in
            try await database.pool.execute(
                "alter database \(database.name) set default_transaction_read_only = on")
            let pool = database.pool { _ in }
            let error = await coordinatorError { try await migrator([first]).migrate(pool) }
            #expect(error?.code == .invalidSettings)
            #expect(error?.message.contains("default_transaction_read_only is on") == true)
            await pool.close()
        }
    }

    @Test func `two lists of files never have the same checksum by moving a border`() {
        #expect(hexadecimalSHA256(["ab", "c"]) != hexadecimalSHA256(["a", "bc"]))
        #expect(hexadecimalSHA256([]).count == 64)
    }
}
