// The database of a run: the embedded cluster as `lscoord serve` keeps it, with its durability, in
// a directory that is removed afterwards; or a scratch database of yours.
import EmbeddedPostgres
import Foundation
import LanguageSystem
import Ledger
import Logging
import PostgresAccess

struct BenchDatabase: Sendable {
    let connectionInfo: String
    let pool: ConnectionPool
    let ledger: LedgerStore
    /// The directory for files of the run, which the account of the cluster can read.
    let directory: URL

    /// Opens and migrates a database, calls `body`, and removes everything that it made.
    static func with<T: Sendable>(
        _ database: String?, connectionCount: Int, _ body: (BenchDatabase) async throws -> T
    ) async throws -> T {
        let directory = try scratchDirectory()
        defer { try? FileManager.default.removeItem(at: directory) }
        let cluster =
            database == nil
            ? EmbeddedCluster(
                EmbeddedClusterConfiguration(dataDirectory: directory.path + "/postgres"),
                logger: quietLogger) : nil
        try await cluster?.start()
        // There is a cluster where there is no database.
        let connectionInfo = cluster?.connectionInfo ?? database!
        do {
            let value = try await open(connectionInfo, connectionCount, directory, body)
            await cluster?.stop()
            return value
        } catch {
            await cluster?.stop()
            throw error
        }
    }

    /// Opens a database that exists already, with its schema.
    static func open<T: Sendable>(
        _ connectionInfo: String, _ connectionCount: Int, _ directory: URL,
        _ body: (BenchDatabase) async throws -> T
    ) async throws -> T {
        var configuration = PoolConfiguration(connectionInfo)
        configuration.connection.applicationName = "lsbench"
        configuration.connectionCountMax = connectionCount
        configuration.acquireDeadline = .seconds(120)
        let pool = ConnectionPool(configuration, logger: quietLogger)
        do {
            try await LedgerStore.migrator(logger: quietLogger).migrate(pool)
            let value = try await body(
                BenchDatabase(
                    connectionInfo: connectionInfo, pool: pool, ledger: LedgerStore(pool: pool),
                    directory: directory))
            await pool.close()
            return value
        } catch {
            await pool.close()
            throw error is PostgresError ? LanguageSystemError(database: error) : error
        }
    }

    static func scratchDirectory() throws -> URL {
        let directory = FileManager.default.temporaryDirectory
            .appendingPathComponent("lsbench-\(UUID().uuidString.prefix(8))")
        try FileManager.default.createDirectory(
            at: directory, withIntermediateDirectories: true,
            attributes: [.posixPermissions: 0o755])
        Interruption.remove(directory)
        return directory
    }

    func count(_ sql: String) async throws -> Int {
        let sql = "select (\(sql))::bigint"
        let found: Int64 = try await pool.withConnection { try $0.execute(sql).one().decode() }
        return Int(found)
    }

    static var quietLogger: Logger {
        var logger = Logger(label: "lsbench")
        logger.logLevel = .error
        return logger
    }
}
