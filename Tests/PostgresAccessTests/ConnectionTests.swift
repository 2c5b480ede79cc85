import Concurrency
import Foundation
import LanguageSystem
import Logging
import PostgresTesting
import Testing

@testable import PostgresAccess

@Suite struct `One connection` {
    @Test func `a transaction that throws leaves nothing`() async throws {
        struct Mine: Error {}
        try await ThrowAwayDatabase.with { database in
            try await database.pool.execute("create table t (n int)")
            await #expect(throws: Mine.self) {
                try await database.pool.transaction { connection in
                    try connection.execute("insert into t values (1)")
                    throw Mine()
                }
            }
            try await database.pool.transaction { connection in
                try connection.execute("insert into t values (2)")
            }
            let numbers = try await database.pool.execute("select n from t").map {
                try $0.decode(Int.self, "n")
            }
            #expect(numbers == [2])
        }
    }

    @Test func `an error passed over inside a transaction is not lost at its end`() async throws {
        try await ThrowAwayDatabase.with { database in
            let error = await postgresError {
                try await database.pool.transaction { connection in
                    _ = try? connection.execute("select 1 / 0")
                }
            }
            #expect(error?.message.contains("rolled back") == true)
            let rows = try await database.pool.execute("select 1")
            #expect(rows.count == 1)
        }
    }

    @Test func `a transaction inside a transaction is refused`() async throws {
        try await ThrowAwayDatabase.with { database in
            let error = await postgresError {
                try await database.pool.transaction { connection in
                    try connection.transaction {}
                }
            }
            #expect(error?.kind == .usage)
        }
    }

    @Test func `a forgotten transaction is an error and its connection is thrown away`()
        async throws
    {
        try await ThrowAwayDatabase.with(connectionCountMax: 1) { database in
            let before = try await backend(database.pool)
            let error = await postgresError {
                try await database.pool.withConnection { try $0.executeScript("begin") }
            }
            #expect(error?.message.contains("neither committed nor rolled back") == true)
            #expect(try await backend(database.pool) != before)
        }
    }

    @Test func `a statement's fields of an error are told apart`() async throws {
        try await ThrowAwayDatabase.with { database in
            try await database.pool.execute("create table t (n int constraint n_once unique)")
            try await database.pool.execute("insert into t values (1)")
            let error = await postgresError {
                try await database.pool.execute("insert into t values (1)")
            }
            #expect(error?.sqlState == "23505")
            #expect(error?.constraint == "n_once")
            #expect(error?.detail?.contains("already exists") == true)
            #expect(error?.coordinatorError.code == .alreadyExists)
        }
    }

    @Test func `a prepared statement survives a change of its table`() async throws {
        try await ThrowAwayDatabase.with(connectionCountMax: 1) { database in
            try await database.pool.execute("create table t (n int)")
            try await database.pool.execute("insert into t values (1)")
            #expect(try await database.pool.execute("select * from t").one().decode(Int.self) == 1)
            try await database.pool.execute("alter table t alter n type bigint")
            #expect(try await database.pool.execute("select * from t").one().decode(Int.self) == 1)
            try await database.pool.execute("deallocate all")
            #expect(try await database.pool.execute("select * from t").one().decode(Int.self) == 1)
        }
    }

    @Test func `the number of prepared statements is bounded`() async throws {
        try await ThrowAwayDatabase.with { database in
            let pool = database.pool {
                $0.connectionCountMax = 1
                $0.connection.preparedStatementCountMax = 4
            }
            let count = try await pool.withConnection { connection in
                for number in 0..<20 {
                    try connection.execute("select \(number) as n")
                    try connection.execute("select 1")
                }
                return try connection.execute("select count(*) from pg_prepared_statements").one()
                    .decode(Int.self)
            }
            #expect(count == 4)
            await pool.close()
        }
    }

    @Test func `COPY is refused where it was not asked for`() async throws {
        try await ThrowAwayDatabase.with { database in
            try await database.pool.execute("create table t (n int)")
            for sql in ["copy t from stdin", "copy t to stdout"] {
                let error = await postgresError {
                    try await database.pool.withConnection { try $0.executeScript(sql) }
                }
                #expect(error?.kind == .usage)
                #expect(try await database.pool.execute("select 1").count == 1)
            }
        }
    }

    @Test func `only one caller at a time has a connection`() async throws {
        try await ThrowAwayDatabase.with(connectionCountMax: 3) { database in
            try await database.pool.execute("create table counter (n bigint)")
            try await database.pool.execute("insert into counter values (0)")
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<200 {
                    group.addTask {
                        _ = try await database.pool.transaction { connection in
                            try connection.execute("update counter set n = n + 1")
                        }
                    }
                }
                try await group.waitForAll()
            }
            #expect(
                try await database.pool.execute("select n from counter").one().decode(Int.self)
                    == 200)
            #expect(database.pool.connectionCount == 3)
        }
    }

    @Test func `warnings of the server reach the log`() async throws {
        let lines = Locked<[String]>([])
        let logger = Logger(label: "test") { _ in LineLog(lines: lines) }
        try await ThrowAwayDatabase.with { database in
            let pool = ConnectionPool(PoolConfiguration(database.connectionInfo), logger: logger)
            try await pool.withConnection {
                try $0.executeScript(
                    "do $$ begin raise warning 'look here'; raise notice 'not here'; end $$")
            }
            await pool.close()
            #expect(lines.withLock { $0 } == ["warning: PostgreSQL says: look here"])
        }
    }

    @Test func `a password is never printed`() {
        let configuration = PoolConfiguration("postgres://ada:secret@example.org/ls")
        #expect(!String(describing: configuration).contains("secret"))
        #expect(!String(reflecting: configuration).contains("secret"))
    }
}

@Suite struct `Copying rows in` {
    @Test func `copying in streams rows of every type`() async throws {
        try await ThrowAwayDatabase.with { database in
            try await database.pool.execute(
                "create table t (n bigint, s smallint, f real, x text, b bytea, j jsonb, a int[])")
            let count = try await database.pool.transaction { connection in
                try connection.copyIn(
                    "public.t", columns: ["n", "s", "f", "x", "b", "j", "a"]
                ) { writer in
                    for number in 0..<10_000 {
                        try writer.write(
                            number, 3, Float(0.5), "row \(number)",
                            [UInt8](repeating: 7, count: 100),
                            number == 5 ? nil : "{}", [1, 2])
                    }
                }
            }
            #expect(count == 10_000)
            let row = try await database.pool.execute(
                """
                select count(*) as n, sum(length(b)) as bytes, count(j) as j, sum(a[2]) as a,
                    max(x) as x from t
                """
            ).one()
            #expect(try row.decode(Int.self, "n") == 10_000)
            #expect(try row.decode(Int.self, "bytes") == 1_000_000)
            #expect(try row.decode(Int.self, "j") == 9_999)
            #expect(try row.decode(Int.self, "a") == 20_000)
            #expect(try row.decode(String.self, "x") == "row 9999")
        }
    }

    @Test func `a writer that throws leaves no row, and the connection whole`() async throws {
        struct Mine: Error {}
        try await ThrowAwayDatabase.with(connectionCountMax: 1) { database in
            try await database.pool.execute("create table t (b bytea)")
            let before = try await backend(database.pool)
            await #expect(throws: Mine.self) {
                try await database.pool.withConnection { connection in
                    try connection.copyIn("t", columns: ["b"]) { writer in
                        for _ in 0..<50 { try writer.write([UInt8](repeating: 1, count: 100_000)) }
                        throw Mine()
                    }
                }
            }
            #expect(try await database.pool.execute("select 1 from t").isEmpty)
            #expect(try await backend(database.pool) == before)
        }
    }

    @Test func `a row that the table refuses is the server's error`() async throws {
        try await ThrowAwayDatabase.with(connectionCountMax: 1) { database in
            try await database.pool.execute("create table t (n int check (n < 10))")
            let error = await postgresError {
                try await database.pool.withConnection { connection in
                    try connection.copyIn("t", columns: ["n"]) { writer in
                        for number in 0..<200_000 { try writer.write(number) }
                    }
                }
            }
            #expect(error?.sqlState == "23514")
            #expect(try await database.pool.execute("select 1 from t").isEmpty)
        }
    }

    @Test func `copying in refuses a value of a wrong type or count`() async throws {
        try await ThrowAwayDatabase.with { database in
            try await database.pool.execute("create table t (n int)")
            for values in [["a"], [1, 2]] as [[any PostgresEncodable]] {
                let error = await postgresError {
                    try await database.pool.withConnection { connection in
                        try connection.copyIn("t", columns: ["n"]) { writer in
                            if values.count == 1 {
                                try writer.write(values[0])
                            } else {
                                try writer.write(values[0], values[1])
                            }
                        }
                    }
                }
                #expect(error?.kind == .usage)
            }
        }
    }
}

/// The server process behind the pool's (only) connection.
func backend(_ pool: ConnectionPool) async throws -> Int {
    try await pool.execute("select pg_backend_pid() as pid").one().decode(Int.self, "pid")
}
