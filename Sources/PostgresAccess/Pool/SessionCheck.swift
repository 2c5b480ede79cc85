// Whether a connection is a session of its own. Behind a pooler in transaction mode it is not:
// LISTEN, prepared statements and settings go to whichever server connection is free, and work
// half of the time. Found out at the start, not at three in the morning.
import Concurrency
public import LanguageSystem
import Logging

extension ConnectionPool {
    /// Checks that sessions stay the same, by sending a notification to itself over two
    /// connections. It waits for a server that is away or full, and does not check a standby, which
    /// has no notifications.
    ///
    /// - Parameter deadline: For that wait; nil: the pool's own.
    /// - Throws: `invalidSettings` when it does not come back within two seconds.
    public func checkSession(deadline: Duration? = nil) async throws(LanguageSystemError) {
        let end = ContinuousClock.now + (deadline ?? configuration.acquireDeadline)
        var failureCount = 0
        while true {
            do {
                return try await checkSessionOnce(deadline)
            } catch let error as PostgresError where error.sqlState == "25006" {
                return
            } catch let error as PostgresError where error.kind == .connection && .now < end {
                failureCount += 1
                logger.warning("\(error.message); trying again")
                try? await Task.sleep(for: Backoff.ofDatabase.pause(failureCount: failureCount))
                if Task.isCancelled { throw LanguageSystemError(database: error) }
            } catch {
                throw LanguageSystemError(database: error)
            }
        }
    }

    private func checkSessionOnce(_ deadline: Duration?) async throws {
        let (configuration, logger) = (self.configuration.connection, self.logger)
        try await withConnection(deadline: deadline) { sender in
            var patience = configuration
            patience.statementDeadline = .seconds(2)
            let listener: Connection
            do throws(PostgresError) {
                listener = try Connection(patience, interrupt: Interrupt(), logger: logger)
            } catch {
                guard error.kind == .deadline else { throw error }
                // A server that answers the first one is neither stopped nor too busy.
                try sender.executeScript("select 1")
                throw LanguageSystemError.connectionIsOnlyOne
            }
            do throws(PostgresError) {
                guard try Self.hears(listener, from: sender) else {
                    throw PostgresError.usage("no notification came")
                }
            } catch {
                guard error.meansSharedSession else { throw error }
                throw LanguageSystemError.sessionIsShared
            }
        }
    }

    /// Checks that the server accepts writes. It waits for a standby, which may become the primary,
    /// but not for a read-only setting.
    ///
    /// - Throws: `invalidSettings` when a setting makes the server read-only.
    public func checkWritable() async throws(LanguageSystemError) {
        do {
            try await withConnection { connection in
                // (A parameter's status comes with the answer to a statement.)
                try connection.executeScript("select 1")
                if connection.isReadOnlyBySetting { throw LanguageSystemError.databaseOnlyReads }
            }
        } catch {
            throw LanguageSystemError(database: error)
        }
    }

    private static func hears(_ listener: Connection, from sender: Connection)
        throws(PostgresError) -> Bool
    {
        let channel = "ls_self_\(UInt64.random(in: .min ... .max))"
        try listener.listen(on: [channel])
        func process() throws(PostgresError) -> Int {
            try listener.execute("select pg_backend_pid()").one().decode()
        }
        let before = try process()
        // While the sender's transaction is open, a pooler has to look for another connection.
        try sender.executeScript("begin")
        try sender.execute("select pg_notify($1, '')", channel)
        let after = try process()
        try sender.executeScript("commit")
        guard before == after else { return false }
        let end = ContinuousClock.now + .seconds(2)
        while true {
            while let (name, _) = listener.nextNotification() {
                if name == channel { return true }
            }
            let left = end - .now
            guard left > .zero else { return false }
            _ = try listener.waitForInput(left)
        }
    }
}

extension PostgresError {
    /// Whether the error means that a pooler shares sessions: no notification, no free connection
    /// of the pooler, a prepared statement that is missing or already there, or the pooler's own
    /// error.
    fileprivate var meansSharedSession: Bool {
        kind == .usage || kind == .deadline
            || ["26000", "42P05", "08P01", "57014"].contains(sqlState)
            || message.contains("pooling mode")
    }
}

extension LanguageSystemError {
    static let databaseOnlyReads = LanguageSystemError(
        .invalidSettings,
        """
        cannot write to this database: its sessions only read, because \
        default_transaction_read_only is on
        """,
        hint:
            """
            look for it: select setting, source from pg_settings where name = \
            'default_transaction_read_only'; alter role, database or system … reset \
            default_transaction_read_only
            """
    )

    static let connectionIsOnlyOne = LanguageSystemError(
        .invalidSettings,
        """
        cannot work on this database connection: a second one got no answer while the first was \
        open, so a pooler allows only one
        """,
        hint:
            """
            let PgBouncer open at least 12 for each coordinator (default_pool_size, pool_size, \
            max_db_connections, max_user_connections), or name PostgreSQL itself in --database
            """
    )

    static let sessionIsShared = LanguageSystemError(
        .invalidSettings,
        """
        cannot work on this database connection: a notification to ourselves did not come back, so \
        a pooler shares the session with others
        """,
        hint:
            """
            set pool_mode=session for this database in PgBouncer, or name PostgreSQL itself in \
            --database
            """
    )
}
