import PostgresTesting
import Testing

@testable import PostgresAccess

@Suite(.timeLimit(.minutes(20))) struct `Listening` {
    private func listener(_ database: ThrowAwayDatabase) -> Listener {
        Listener(ConnectionConfiguration(database.connectionInfo), logger: quiet)
    }

    @Test func `a listener says that it stands, then what was notified, in order`() async throws {
        try await ThrowAwayDatabase.with { database in
            var events = listener(database).events(on: ["ls_task", "Odd \"name\""])
                .makeAsyncIterator()
            #expect(await events.next() == .reconnected)
            try await database.pool.execute("select pg_notify('ls_task', '1')")
            try await database.pool.execute("select pg_notify('other', 'x')")
            try await database.pool.execute("select pg_notify('Odd \"name\"', '')")
            #expect(await events.next() == .notification(channel: "ls_task", payload: "1"))
            #expect(await events.next() == .notification(channel: "Odd \"name\"", payload: ""))
        }
    }

    @Test func `a listener connects again by itself and says so`() async throws {
        try await ThrowAwayDatabase.with { database in
            var events = listener(database).events(on: ["ls_task"]).makeAsyncIterator()
            #expect(await events.next() == .reconnected)
            for round in 0..<3 {
                try await database.pool.execute(
                    """
                    select pg_terminate_backend(pid, 5000) from pg_stat_activity
                    where datname = current_database() and query like 'listen %'
                    """)
                #expect(await events.next() == .reconnected)
                try await database.pool.execute("select pg_notify('ls_task', $1)", "\(round)")
                #expect(
                    await events.next() == .notification(channel: "ls_task", payload: "\(round)"))
            }
        }
    }

    @Test func `a listener hears within its connection's checks, too`() async throws {
        try await ThrowAwayDatabase.with { database in
            var listener = listener(database)
            listener.checkInterval = .milliseconds(10)
            var events = listener.events(on: ["ls_task"]).makeAsyncIterator()
            #expect(await events.next() == .reconnected)
            for round in 0..<50 {
                try await database.pool.execute("select pg_notify('ls_task', $1)", "\(round)")
                try await Task.sleep(for: .milliseconds(3))
            }
            for round in 0..<50 {
                #expect(
                    await events.next() == .notification(channel: "ls_task", payload: "\(round)"))
            }
        }
    }

    @Test(arguments: [4, 5, 100])
    func `a reader that was too slow is told to look for itself`(eventCount: Int) async {
        let (stream, continuation) = AsyncStream.makeStream(
            of: Listener.Event.self, bufferingPolicy: .bufferingNewest(4))
        for number in 1...eventCount {
            Listener.yield(.notification(channel: "c", payload: "\(number)"), continuation)
        }
        continuation.finish()
        let events = await stream.reduce(into: []) { $0.append($1) }
        #expect(events.contains(.notification(channel: "c", payload: "\(eventCount)")))
        #expect((events.last == .reconnected) == (eventCount > 4))
    }

    @Test func `a listener ends its connection when nobody reads any more`() async throws {
        try await ThrowAwayDatabase.with { database in
            let task = Task { [listener = listener(database)] in
                for await _ in listener.events(on: ["ls_task"]) {}
            }
            let count = """
                select (select count(*) from pg_stat_activity where datname = current_database()
                    and query like 'listen %') = $1
                """
            try await database.pool.waitUntil(count, 1)
            task.cancel()
            try await database.pool.waitUntil(count, 0)
        }
    }
}
