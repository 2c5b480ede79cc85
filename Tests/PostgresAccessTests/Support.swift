// What several suites need: a silent logger, and the whole of an error.
import Concurrency
import Foundation
import LanguageSystem
import Logging
import PostgresTesting

@testable import PostgresAccess

let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

/// The error that `body` throws, if it is a `PostgresError`.
func postgresError<T>(_ body: () async throws -> T) async -> PostgresError? {
    do {
        _ = try await body()
        return nil
    } catch {
        return error as? PostgresError
    }
}

func coordinatorError<T>(_ body: () async throws -> T) async -> LanguageSystemError? {
    do {
        _ = try await body()
        return nil
    } catch {
        return LanguageSystemError(database: error)
    }
}

extension ThrowAwayDatabase {
    /// A second pool to the same database, set as the test wants it.
    func pool(_ change: (inout PoolConfiguration) -> Void) -> ConnectionPool {
        var configuration = PoolConfiguration(connectionInfo)
        configuration.closeDeadline = .seconds(1)
        change(&configuration)
        return ConnectionPool(configuration, logger: quiet)
    }
}

/// A value that another thread sets once and a test waits for.
actor Gate {
    private var isOpen = false
    private var waiters: [CheckedContinuation<Void, Never>] = []

    func open() {
        isOpen = true
        for waiter in waiters { waiter.resume() }
        waiters = []
    }

    func wait() async {
        if isOpen { return }
        await withCheckedContinuation { waiters.append($0) }
    }
}

/// Keeps the lines that an operator would see.
struct LineLog: LogHandler {
    let lines: Locked<[String]>
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.info

    init(lines: Locked<[String]>) { self.lines = lines }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        lines.withLock { $0.append("\(event.level): \(event.message)") }
    }
}
