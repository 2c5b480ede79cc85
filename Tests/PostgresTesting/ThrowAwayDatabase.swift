// A real, empty or migrated database for each test. One private server per test process, started
// at the first use without any durability; a template is prepared once, each database is a copy of
// it. A small shell beside us holds the end of a pipe: when we end, however, it stops the server
// and removes its files.
import EmbeddedPostgres
import Foundation
import Logging
public import PostgresAccess

public struct ThrowAwayDatabase: Sendable {
    /// What a database begins with; prepared once per process and name.
    public struct Template: Sendable {
        public let name: String
        public let prepare: @Sendable (ConnectionPool) async throws -> Void

        public init(
            _ name: String, prepare: @escaping @Sendable (ConnectionPool) async throws -> Void
        ) {
            self.name = name
            self.prepare = prepare
        }

        public static let empty = Template("empty") { _ in }
    }

    public let name: String
    public let connectionInfo: String
    /// The server's log, for a look when a test fails.
    public let logPath: String
    public let pool: ConnectionPool

    /// Makes a database, runs `body` with it, and drops it.
    ///
    /// Tests run all at once; beyond `ThrowAwayServer.databaseCountMax` databases they wait here.
    public static func with<T>(
        _ template: Template = .empty, connectionCountMax: Int = 4,
        _ body: (ThrowAwayDatabase) async throws -> T
    ) async throws -> T {
        // One inside another must not wait for its own outer one.
        if isInside { return try await make(template, connectionCountMax, body) }
        await ThrowAwayServer.shared.enter()
        let result: Result<T, any Error>
        do {
            result = .success(
                try await $isInside.withValue(true) {
                    try await make(template, connectionCountMax, body)
                })
        } catch {
            result = .failure(error)
        }
        await ThrowAwayServer.shared.leave()
        return try result.get()
    }

    @TaskLocal private static var isInside = false

    private static func make<T>(
        _ template: Template, _ connectionCountMax: Int,
        _ body: (ThrowAwayDatabase) async throws -> T
    ) async throws -> T {
        let server = try await ThrowAwayServer.shared.started()
        let name = try await ThrowAwayServer.shared.makeDatabase(from: template)
        var configuration = PoolConfiguration(server.connectionInfo(database: name))
        configuration.connectionCountMax = connectionCountMax
        configuration.acquireDeadline = .seconds(120)
        configuration.closeDeadline = .seconds(2)
        let database = ThrowAwayDatabase(
            name: name, connectionInfo: configuration.connection.connectionInfo,
            logPath: server.logPath, pool: ConnectionPool(configuration, logger: quiet))
        let result: Result<T, any Error>
        do {
            result = .success(try await body(database))
        } catch {
            result = .failure(error)
        }
        await database.pool.close()
        try await ThrowAwayServer.shared.dropDatabase(name)
        return try result.get()
    }

    static let quiet = Logger(label: "throw-away") { _ in SwiftLogNoOpLogHandler() }
}
