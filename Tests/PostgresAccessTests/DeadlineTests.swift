// A server that is slow, stopped (SIGSTOP), killed or away: each call ends in its time, and the
// pool is whole afterwards. No test asks how long a call took, because a machine may be busy: what
// must not be waited for takes an hour, and each suite's limit tells a hang.
import Foundation
import Glibc
import LanguageSystem
import PostgresTesting
import ServiceLifecycle
import Testing

@testable import PostgresAccess

@Suite(.timeLimit(.minutes(20))) struct `A call that takes too long` {
    @Test func `a long call is ended by the server's own timeout, and the connection stays`()
        async throws
    {
        try await ThrowAwayDatabase.with { database in
            let pool = database.pool {
                $0.connectionCountMax = 1
                $0.connection.statementDeadline = .milliseconds(100)
            }
            let before = try await backend(pool)
            let error = await postgresError { try await pool.execute("select pg_sleep(3600)") }
            #expect(error?.sqlState == "57014")
            #expect(error?.coordinatorError.code == .deadlineExceeded)
            #expect(try await backend(pool) == before)
            await pool.close()
        }
    }

    @Test func `a long call is ended by its caller's deadline, and the server stops, too`()
        async throws
    {
        try await ThrowAwayDatabase.with { database in
            let pool = database.pool { $0.connectionCountMax = 1 }
            let before = try await backend(pool)
            let error = await postgresError {
                try await pool.execute("select pg_sleep(3600)", deadline: .milliseconds(200))
            }
            #expect(error?.kind == .deadline)
            #expect(error?.coordinatorError.code == .deadlineExceeded)
            #expect(try await backend(pool) != before)
            // The cancel request reached the backend: it is gone long before its hour is over.
            try await database.pool.waitUntil(
                "select not exists (select from pg_stat_activity where pid = $1)", before)
            await pool.close()
        }
    }

    @Test func `a call may take longer than the ordinary deadline when its caller says so`()
        async throws
    {
        try await ThrowAwayDatabase.with { database in
            let pool = database.pool {
                $0.connectionCountMax = 1
                $0.connection.statementDeadline = .milliseconds(50)
            }
            let rows = try await pool.execute(
                "select pg_sleep(0.3)", deadline: .seconds(300))
            #expect(rows.count == 1)
            // And the next one is held to the ordinary deadline again.
            let error = await postgresError { try await pool.execute("select pg_sleep(3600)") }
            #expect(error?.sqlState == "57014")
            await pool.close()
        }
    }

    @Test func `a long call ends although the server's process is stopped`() async throws {
        try await ThrowAwayDatabase.with { database in
            let pool = database.pool {
                $0.connectionCountMax = 1
                $0.connection.statementDeadline = .milliseconds(200)
            }
            let process = pid_t(try await backend(pool))
            kill(process, SIGSTOP)
            // Small (waits for the answer) and larger than any socket buffer (waits to send).
            let error = await postgresError { try await pool.execute("select 1") }
            #expect(error?.kind == .deadline)
            let next = pid_t(try await backend(pool))
            #expect(next != process)
            kill(next, SIGSTOP)
            let large = await postgresError {
                try await pool.execute(
                    "select length($1::bytea)", [UInt8](repeating: 0, count: 32 << 20))
            }
            #expect(large?.kind == .deadline)
            try await pool.answers()
            kill(process, SIGCONT)
            kill(next, SIGCONT)
            await pool.close()
        }
    }

    @Test func `a long call ends although a COPY is not read any more`() async throws {
        try await ThrowAwayDatabase.with { database in
            try await database.pool.execute("create table t (b bytea)")
            let pool = database.pool {
                $0.connectionCountMax = 1
                $0.connection.statementDeadline = .milliseconds(200)
            }
            let process = pid_t(try await backend(pool))
            let error = await postgresError {
                try await pool.withConnection { connection in
                    try connection.copyIn("t", columns: ["b"]) { writer in
                        try writer.write([UInt8](repeating: 0, count: 1 << 20))
                        kill(process, SIGSTOP)
                        for _ in 0..<100 { try writer.write([UInt8](repeating: 0, count: 1 << 20)) }
                    }
                }
            }
            #expect(error?.kind == .deadline)
            kill(process, SIGCONT)
            #expect(try await pool.execute("select 1 from t").isEmpty)
            await pool.close()
        }
    }

    @Test func `a long call is ended by the cancellation of its task`() async throws {
        try await ThrowAwayDatabase.with { database in
            let pool = database.pool { $0.connectionCountMax = 1 }
            let gate = Gate()
            let task = Task {
                try await pool.withConnection { connection in
                    Task { await gate.open() }
                    try connection.execute("select pg_sleep(3600)")
                }
            }
            await gate.wait()
            task.cancel()
            let error = await postgresError { try await task.value }
            #expect(error?.kind == .cancelled)
            try await pool.answers()
            await pool.close()
        }
    }

    @Test func `a late cancellation does not hit the next caller`() async throws {
        let interrupt = Interrupt()
        let first = interrupt.begin()
        _ = interrupt.begin()
        interrupt.raise(use: first)
        #expect(!interrupt.isRaised)
        interrupt.raise()
        #expect(interrupt.isRaised)
        _ = interrupt.begin()
        #expect(!interrupt.isRaised)
    }
}

@Suite(.timeLimit(.minutes(20))) struct `A caller that waits for a connection` {
    @Test func `a caller that waits is told so when its time is over`() async throws {
        try await ThrowAwayDatabase.with { database in
            let pool = database.pool {
                $0.connectionCountMax = 1
                $0.acquireDeadline = .milliseconds(100)
            }
            let gate = Gate(), isHeld = Gate()
            let holder = Task {
                try await pool.hold(until: gate, told: isHeld)
            }
            await isHeld.wait()
            let error = await postgresError { try await pool.execute("select 1") }
            #expect(error?.kind == .deadline)
            #expect(
                error?.message == "no connection became free within 0.1 s: 1 in use")
            await gate.open()
            try await holder.value
            try await pool.answers()
            await pool.close()
        }
    }

    @Test func `a caller that waits leaves when its task is cancelled`() async throws {
        try await ThrowAwayDatabase.with { database in
            let pool = database.pool { $0.connectionCountMax = 1 }
            let gate = Gate(), isHeld = Gate()
            let holder = Task { try await pool.hold(until: gate, told: isHeld) }
            await isHeld.wait()
            let waiter = Task { try await pool.execute("select 1") }
            while pool.waiterCount == 0 { await Task.yield() }
            waiter.cancel()
            await #expect(throws: CancellationError.self) { try await waiter.value }
            #expect(pool.waiterCount == 0)
            await gate.open()
            try await holder.value
            await pool.close()
        }
    }

    @Test func `a caller that waits learns why there is no server`() async throws {
        var configuration = PoolConfiguration("host=/nonexistent dbname=x")
        configuration.acquireDeadline = .seconds(3)
        let pool = ConnectionPool(configuration, logger: quiet)
        var error = await postgresError { try await pool.execute("select 1") }
        // On a machine that is full of other tests the first caller may give up before anybody
        // knows.
        for _ in 0..<10 where error?.message.contains("/nonexistent") == false {
            error = await postgresError { try await pool.execute("select 1") }
        }
        #expect(error?.kind == .connection)
        #expect(error?.message.contains("/nonexistent") == true)
        #expect(error?.coordinatorError.code == .unavailable)
        await pool.close()
        let closed = await postgresError { try await pool.execute("select 1") }
        #expect(closed?.kind == .closed)
    }

    @Test func `a caller that waits is not kept by a port that accepts and never answers`()
        async throws
    {
        // A listening socket whose backlog takes the connection and says nothing.
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(listener) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let port = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                _ = bind(listener, address, length)
                _ = listen(listener, 8)
                _ = getsockname(listener, address, &length)
            }
            return UInt16(bigEndian: pointer.pointee.sin_port)
        }
        var configuration = PoolConfiguration("host=127.0.0.1 port=\(port) dbname=x user=x")
        configuration.acquireDeadline = .milliseconds(300)
        configuration.connection.connectDeadline = .seconds(2)
        let pool = ConnectionPool(configuration, logger: quiet)
        let error = await postgresError { try await pool.execute("select 1") }
        #expect(error?.kind == .connection)
        #expect(
            error?.message
                == "no connection to PostgreSQL within 0.3 s: the server has not answered yet")
        await pool.close()
    }
}

@Suite(.timeLimit(.minutes(20))) struct `The pool` {
    @Test func `the pool survives the end of all its backends`() async throws {
        try await ThrowAwayDatabase.with { database in
            let pool = database.pool { $0.connectionCountMax = 4 }
            for round in 0..<5 {
                // All four are made, all four are ended, the next calls work.
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for _ in 0..<8 {
                        group.addTask { _ = try await pool.execute("select pg_sleep(0.01)") }
                    }
                    try await group.waitForAll()
                }
                try await database.pool.execute(
                    """
                    select pg_terminate_backend(pid, 5000) from pg_stat_activity
                    where datname = current_database() and pid <> pg_backend_pid()
                    """)
                for _ in 0..<4 {
                    let rows = try await pool.execute("select \(round)")
                    #expect(rows.count == 1)
                }
            }
            await pool.close()
        }
    }

    @Test func `the pool tells a caller whose backend ended in the middle, and goes on`()
        async throws
    {
        try await ThrowAwayDatabase.with { database in
            let pool = database.pool { $0.connectionCountMax = 1 }
            let gate = Gate()
            let process = try await backend(pool)
            let task = Task {
                try await pool.withConnection { connection in
                    Task { await gate.open() }
                    try connection.execute("select pg_sleep(3600)")
                }
            }
            await gate.wait()
            try await database.pool.execute("select pg_terminate_backend($1)", process)
            let error = await postgresError { try await task.value }
            #expect(error?.kind == .connection)
            #expect(error?.coordinatorError.code == .unavailable)
            try await pool.answers()
            await pool.close()
        }
    }

    @Test func `the pool closes while statements run`() async throws {
        try await ThrowAwayDatabase.with { database in
            let pool = database.pool {
                $0.connectionCountMax = 2
                $0.closeDeadline = .milliseconds(100)
            }
            let gate = Gate()
            let task = Task {
                try await pool.withConnection { connection in
                    Task { await gate.open() }
                    try connection.execute("select pg_sleep(3600)")
                }
            }
            await gate.wait()
            await pool.close()
            await pool.close()
            let error = await postgresError { try await task.value }
            #expect(error?.kind == .cancelled)
            #expect(pool.connectionCount == 0)
        }
    }

    @Test func `the pool is a service that ends at the graceful shutdown`() async throws {
        try await ThrowAwayDatabase.with { database in
            let pool = database.pool { $0.connectionCountMax = 2 }
            let group = ServiceGroup(
                configuration: .init(services: [.init(service: pool)], logger: quiet))
            let running = Task { try await group.run() }
            try await pool.answers()
            await group.triggerGracefulShutdown()
            try await running.value
            let error = await postgresError { try await pool.answers() }
            #expect(error?.kind == .closed)
            #expect(pool.connectionCount == 0)
        }
    }

    @Test func `the pool gives up a connection to a server that only reads`() async throws {
        try await ThrowAwayDatabase.with { database in
            let pool = database.pool { $0.connectionCountMax = 1 }
            let before = try await backend(pool)
            try await pool.execute("set default_transaction_read_only = on")
            let error = await postgresError { try await pool.execute("create table t (n int)") }
            #expect(error?.coordinatorError.code == .unavailable)
            #expect(try await backend(pool) != before)
            await pool.close()
        }
    }

    @Test func `the pool leaves no thread and no descriptor behind`() async throws {
        try await ThrowAwayDatabase.with { database in
            func count(_ what: String) throws -> Int {
                try FileManager.default.contentsOfDirectory(atPath: "/proc/self/\(what)").count
            }
            let pool = { database.pool { $0.connectionCountMax = 3 } }
            let before = try (count("fd"), count("task"))
            for _ in 0..<30 {
                let pool = pool()
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for _ in 0..<6 { group.addTask { _ = try await pool.execute("select 1") } }
                    try await group.waitForAll()
                }
                await pool.close()
            }
            // Other tests run beside this one: far less than the 90 connections made is enough.
            let after = try (count("fd"), count("task"))
            #expect(after.0 - before.0 < 60)
            #expect(after.1 - before.1 < 60)
        }
    }
}

extension ConnectionPool {
    /// Throws unless the pool serves.
    func answers() async throws { _ = try await execute("select 1").one() }

    /// Takes a connection and keeps it until the gate is open.
    func hold(until gate: Gate, told: Gate) async throws {
        try await withConnection { _ in
            Task { await told.open() }
            let done = DispatchSemaphore(value: 0)
            Task {
                await gate.wait()
                done.signal()
            }
            done.wait()
        }
    }

    /// Asks again until the statement's only value is true, or the suite's time is over.
    func waitUntil(_ sql: String, _ parameter: Int) async throws {
        while try await !execute(sql, parameter).one().decode(Bool.self) {
            try await Task.sleep(for: .milliseconds(10))
        }
    }
}
