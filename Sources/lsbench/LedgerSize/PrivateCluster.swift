// A PostgreSQL server of our own while a measurement runs: started as lscoord starts its embedded
// one, removed afterwards.
import Benchmarking
import EmbeddedPostgres
import Foundation
import LanguageSystem
import Ledger
import Logging
import PostgresAccess

struct PrivateCluster {
    let cluster: EmbeddedCluster
    private static let quiet = Logger(label: "lsbench") { _ in SwiftLogNoOpLogHandler() }

    /// - Parameters:
    ///   - directory: The directory of the cluster; nil for the system's temporary directory.
    ///   - settings: Settings of the server beside those of an embedded cluster.
    static func with<T>(
        directory: String?, settings: [String: String] = [:],
        _ body: (PrivateCluster) async throws -> T
    ) async throws -> T {
        let parent = directory ?? FileManager.default.temporaryDirectory.path
        let path = "\(parent)/lsbench-\(UUID().uuidString.prefix(8))"
        do {
            // The server's own account passes through.
            try FileManager.default.createDirectory(
                atPath: path, withIntermediateDirectories: true,
                attributes: [.posixPermissions: 0o711])
        } catch {
            throw LanguageSystemError(
                .invalidSettings,
                "cannot make a cluster in \(parent): \(error.localizedDescription)",
                hint: "--directory names a place that can be written")
        }
        var configuration = EmbeddedClusterConfiguration(dataDirectory: path)
        configuration.settings = settings
        let cluster = PrivateCluster(cluster: EmbeddedCluster(configuration, logger: quiet))
        let result: Result<T, any Error>
        do {
            try await cluster.cluster.start()
            result = .success(try await body(cluster))
        } catch {
            result = .failure(error)
        }
        await cluster.cluster.stop()
        try? FileManager.default.removeItem(atPath: path)
        return try result.get()
    }

    /// Makes a new database with the ledger's schema and fills it.
    func database(_ name: String, filledTo size: LedgerSize) async throws -> FilledDatabase {
        let administration = pool(database: "postgres")
        try await administration.execute("create database \(name)", deadline: .seconds(60))
        await administration.close()
        let pool = pool(database: name)
        try await LedgerStore.migrator(logger: Self.quiet).migrate(pool)
        let start = ContinuousClock.now
        try await pool.withConnection(deadline: .seconds(3_600)) { connection in
            for statement in size.statements { try connection.executeScript(statement) }
        }
        return FilledDatabase(
            pool: pool, userRankerCount: size.userRankerCount,
            fillSeconds: (ContinuousClock.now - start).inSeconds)
    }

    private func pool(database: String) -> ConnectionPool {
        var configuration = PoolConfiguration(cluster.connectionInfo(database: database))
        // One session: its plans are kept, its statistics are its own.
        configuration.connectionCountMax = 1
        return ConnectionPool(configuration, logger: Self.quiet)
    }
}
