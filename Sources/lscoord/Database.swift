// How a command reaches the ledger: your own PostgreSQL, or the socket of the embedded cluster that
// a running `lscoord serve` keeps.
import EmbeddedPostgres
import Foundation
import LanguageSystem
import Ledger
import Logging
import PostgresAccess

enum Database {
    /// The conninfo a command uses.
    ///
    /// - Throws: `unavailable` when the embedded cluster is meant and none is running.
    static func connectionInfo(_ settings: Settings) throws(LanguageSystemError) -> String {
        if let database = settings.database { return database }
        let cluster = embeddedCluster(settings, logger: quietLogger)
        guard
            FileManager.default.fileExists(atPath: settings.clusterDirectory + "/run/.s.PGSQL.5432")
        else {
            throw .coordinatorNotRunning(settings.dataDirectory)
        }
        return cluster.connectionInfo
    }

    /// The cluster that `serve` keeps in the data directory.
    static func embeddedCluster(_ settings: Settings, logger: Logger) -> EmbeddedCluster {
        // What is meant for another server must not steer the way to this one.
        PostgresEnvironment.forget()
        return EmbeddedCluster(
            EmbeddedClusterConfiguration(dataDirectory: settings.clusterDirectory), logger: logger)
    }

    /// Opens the ledger for one command, refusing a schema this program does not know.
    static func withLedger<T: Sendable>(
        _ settings: Settings, _ body: @Sendable (LedgerStore) async throws -> T
    ) async throws -> T {
        try await withPool(settings) { pool in
            try await LedgerStore.migrator(logger: quietLogger).check(pool)
            return try await body(LedgerStore(pool: pool))
        }
    }

    /// The same also while no `lscoord serve` runs on the embedded cluster: then that is started
    /// for the command.
    static func withLedgerAtRest<T: Sendable>(
        _ settings: Settings, _ body: @Sendable (LedgerStore) async throws -> T
    ) async throws -> T {
        guard settings.database == nil, (try? connectionInfo(settings)) == nil,
            FileManager.default.fileExists(atPath: settings.clusterDirectory)
        else { return try await withLedger(settings, body) }
        // A start after a crash takes a while: why is said.
        var logger = quietLogger
        logger.logLevel = .notice
        let cluster = embeddedCluster(settings, logger: logger)
        try await cluster.start()
        do {
            try await withPool(settings) { pool in
                _ = try await LedgerStore.migrator(logger: quietLogger).migrate(pool)
            }
            let value = try await withLedger(settings, body)
            await cluster.stop()
            return value
        } catch {
            await cluster.stop()
            throw error
        }
    }

    /// - Parameters:
    ///   - patience: For a first connection, if not the pool's own.
    ///   - logger: Where it is said that and why there is none yet; nil: nowhere.
    static func withPool<T: Sendable>(
        _ settings: Settings, patience: Duration? = nil, logger: Logger? = nil,
        _ body: @Sendable (ConnectionPool) async throws -> T
    ) async throws -> T {
        var configuration = PoolConfiguration(try connectionInfo(settings))
        configuration.connection.applicationName = "lscoord"
        configuration.connectionCountMax = 2
        let pool = ConnectionPool(configuration, logger: logger ?? quietLogger)
        do {
            if settings.database != nil { try await pool.checkSession(deadline: patience) }
            let value = try await body(pool)
            await pool.close()
            return value
        } catch {
            let error = error is PostgresError ? LanguageSystemError(database: error) : error
            var refusal: LanguageSystemError?
            // Asked only now: commands that read do without.
            if (error as? LanguageSystemError)?.code == .unavailable {
                do throws(LanguageSystemError) {
                    try await pool.checkWritable()
                } catch {
                    if error.code == .invalidSettings { refusal = error }
                }
            }
            await pool.close()
            throw refusal ?? error
        }
    }

    /// A command's output is its own; only what is wrong is worth a log line.
    private static var quietLogger: Logger {
        var logger = Logger(label: "lscoord")
        logger.logLevel = .error
        return logger
    }
}

extension LanguageSystemError {
    static func coordinatorNotRunning(_ dataDirectory: String) -> Self {
        Self(
            .unavailable,
            "cannot reach the database: no lscoord serve is running on \(dataDirectory)",
            hint: "start it, or name another place with --data-dir, LSCOORD_DATA_DIR or --database")
    }
}
