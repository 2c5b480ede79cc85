// A private PostgreSQL server that lives and dies with us: found, initialized, started as our
// child on a Unix socket only, watched, restarted if it dies, stopped. Everything that blocks runs
// on a thread of its own. The files are ClusterDirectory's, the account ServerAccount's.
import CLibPQ
import Concurrency
import Foundation
import Glibc
public import LanguageSystem
public import Logging
import PostgresAccess
public import ServiceLifecycle
import Synchronization

/// A private PostgreSQL server in a directory of its own, reachable through a Unix socket.
public final class EmbeddedCluster: Service, Sendable {
    private struct State {
        var child: ChildProcess?
        var lock: Int32?
        var isStopping = false
    }

    public let configuration: EmbeddedClusterConfiguration
    private let directory: ClusterDirectory
    private let logger: Logger
    private let state = Mutex(State())
    /// Allows one start or stop at a time.
    private let turn = NSLock()

    public init(_ configuration: EmbeddedClusterConfiguration, logger: Logger) {
        self.configuration = configuration
        self.logger = logger
        let path = URL(fileURLWithPath: configuration.dataDirectory).standardizedFileURL.path
        directory = ClusterDirectory(path: path)
    }

    /// The connection string of the superuser; it is known before the server runs.
    public var connectionInfo: String { connectionInfo(database: configuration.databaseName) }

    /// The superuser's connection string for another database of the cluster.
    public func connectionInfo(database: String) -> String {
        func quoted(_ text: String) -> String {
            let escaped = text.replacingOccurrences(of: "\\", with: "\\\\")
                .replacingOccurrences(of: "'", with: "\\'")
            return "'\(escaped)'"
        }
        return "host=\(quoted(directory.sockets)) port=5432 user=postgres dbname="
            + quoted(database)
    }

    /// The number of the server's process; nil while it does not run.
    public var processID: Int32? { state.withLock { $0.child?.processID } }

    /// The path of the server's log.
    public var logPath: String { directory.log }

    // MARK: Life

    /// Starts the server, unless it runs. Returns when it accepts connections and the database
    /// exists.
    public func start() async throws(LanguageSystemError) {
        state.withLock { $0.isStopping = false }
        try await startUnlessStopping()
    }

    /// Stops the server, if it runs, and frees the lock on the directory.
    public func stop() async {
        state.withLock { $0.isStopping = true }
        _ = try? await onThread(named: "pg-cluster") { () throws(LanguageSystemError) in
            self.stopBlocking()
        }
    }

    /// Starts the server unless it runs, restarts it when it dies, and stops it at the graceful
    /// shutdown. Throws when it cannot be kept running.
    public func run() async throws {
        try await start()
        var deaths: [ContinuousClock.Instant] = []
        while let child = state.withLock({ $0.child }) {
            let status = await withTaskCancellationOrGracefulShutdownHandler {
                await child.exit()
            } onCancelOrGracefulShutdown: {
                self.state.withLock { $0.isStopping = true }
                startThread(name: "pg-stop") { self.stopBlocking() }
            }
            if isStopping { break }
            logger.error("the embedded PostgreSQL server ended and is started again")
            try await restart(after: ChildProcess.words(for: status), &deaths)
        }
        await stop()
    }

    /// Tries to start the server until it runs or has failed too often within a minute.
    private func restart(after reason: String, _ deaths: inout [ContinuousClock.Instant])
        async throws
    {
        var reason = reason
        while !isStopping {
            deaths = deaths.filter { $0 > .now - .seconds(60) } + [.now]
            guard deaths.count <= Self.deathCountMax else {
                await stop()
                throw LanguageSystemError.serverKeepsDying(directory, reason: reason)
            }
            state.withLock { $0.child = nil }
            do throws(LanguageSystemError) {
                return try await startUnlessStopping()
            } catch {
                reason = error.message
                logger.error("\(reason)")
                try? await Task.sleep(for: Backoff.ofDatabase.pause(failureCount: deaths.count))
            }
        }
    }

    private static let deathCountMax = 5

    private var isStopping: Bool { state.withLock { $0.isStopping } }

    private func startUnlessStopping() async throws(LanguageSystemError) {
        try await onThread(named: "pg-cluster") { () throws(LanguageSystemError) in
            try self.startBlocking()
        }
    }

    private func startBlocking() throws(LanguageSystemError) {
        turn.lock()
        defer { turn.unlock() }
        if state.withLock({ $0.child }) != nil { return }
        if isStopping { throw LanguageSystemError(.cancelled, "the server is being stopped") }
        do throws(LanguageSystemError) {
            try startServer()
        } catch {
            if let child = state.withLock({ $0.child }) { end(child) }
            release()
            throw error
        }
    }

    private func startServer() throws(LanguageSystemError) {
        let account = try ServerAccount.current(wanted: configuration.serverAccount)
        try directory.checkSocketPath()
        try directory.prepare(for: account)
        if state.withLock({ $0.lock }) == nil {
            let lock = try directory.takeLock()
            state.withLock { $0.lock = lock }
        }
        let binaries = try PostgresBinaries.find(
            for: try directory.majorVersion(), dataDirectory: directory.path,
            among: PostgresBinaries.installed())
        try LeftoverServer(directory: directory, logger: logger)
            .stop(deadline: configuration.stopDeadline)
        directory.turnLog()
        if try directory.majorVersion() == nil { try initialise(binaries, account) }
        try directory.writeAccess(account)
        try launch(binaries, account)
        try createDatabase()
    }

    /// Makes the cluster in a directory of another name first, so that a half-made cluster is never
    /// used.
    private func initialise(_ binaries: PostgresBinaries, _ account: ServerAccount)
        throws(LanguageSystemError)
    {
        logger.info("making a PostgreSQL \(binaries.majorVersion) cluster in \(directory.path)")
        try? FileManager.default.removeItem(atPath: directory.newData)
        try directory.own(directory.newData, account)
        var arguments = [
            binaries.initdb, "--pgdata", directory.newData, "--username=postgres",
            "--encoding=UTF8", "--locale=C.UTF-8", "--auth=peer", "--data-checksums",
            "--no-instructions",
        ]
        if !configuration.isDurable { arguments.append("--no-sync") }
        let child = try spawn(account.command(arguments))
        let isDone = child.waitForExit(atMost: configuration.startDeadline)
        guard isDone, child.status == 0 else {
            child.signal(SIGKILL)
            throw .initialisationFailed(directory, status: child.status.map(ChildProcess.words))
        }
        guard rename(directory.newData, directory.data) == 0 else {
            throw .cannotUse(directory.path, "\(directory.newData) cannot be renamed")
        }
    }

    private func launch(_ binaries: PostgresBinaries, _ account: ServerAccount)
        throws(LanguageSystemError)
    {
        let command = account.command([binaries.postgres, "-D", directory.data] + options)
        let end = ContinuousClock.now + configuration.startDeadline
        var nextWord = ContinuousClock.now + .seconds(5)
        var attemptCount = 1
        var child = try spawn(command)
        while true {
            state.withLock { $0.child = child }
            if try isAnswering() { return }
            if let status = child.status {
                state.withLock { $0.child = nil }
                // Backends of a killed server may hold its memory for a moment longer.
                let words = directory.lastLogLines()
                guard words.contains("shared memory block"), attemptCount < 10 else {
                    throw .startFailed(directory, status: ChildProcess.words(for: status))
                }
                attemptCount += 1
                usleep(300_000)
                child = try spawn(command)
            }
            guard ContinuousClock.now < end else {
                throw .startTooLate(directory, after: configuration.startDeadline)
            }
            if ContinuousClock.now > nextWord {
                logger.notice(
                    """
                    the embedded PostgreSQL server takes no connections yet (recovery after a \
                    crash takes a while): waiting
                    """
                )
                nextWord += .seconds(10)
            }
            usleep(10_000)
        }
    }

    private var options: [String] {
        var settings = [
            "listen_addresses": "", "unix_socket_directories": directory.sockets,
            "unix_socket_permissions": "0700", "port": "5432",
            "hba_file": directory.hostAccess, "ident_file": directory.identityMap,
            "logging_collector": "off", "log_destination": "stderr",
            "log_line_prefix": "%m [%p] %q%a ", "cluster_name": "language-system",
            "max_connections": String(configuration.connectionCountMax),
            "wal_compression": "on",
        ]
        if !configuration.isDurable {
            settings["fsync"] = "off"
            settings["full_page_writes"] = "off"
            settings["synchronous_commit"] = "off"
        }
        settings.merge(configuration.settings) { _, given in given }
        return settings.sorted { $0.key < $1.key }.flatMap { ["-c", "\($0.key)=\($0.value)"] }
    }

    private func spawn(_ command: [String]) throws(LanguageSystemError) -> ChildProcess {
        do throws(PostgresError) {
            // PG… variables of ours must not steer the server; messages are in English.
            return try ChildProcess(
                command, environment: ["PATH=/usr/bin:/bin", "LC_ALL=C.UTF-8"],
                outputPath: directory.log)
        } catch {
            throw error.coordinatorError
        }
    }

    private func isAnswering() throws(LanguageSystemError) -> Bool {
        switch PQping(connectionInfo(database: "postgres") + " connect_timeout=2") {
        case PQPING_OK: return true
        case PQPING_NO_ATTEMPT: throw .connectionIsSpoilt
        default: return false
        }
    }

    private func createDatabase() throws(LanguageSystemError) {
        do {
            let connection = try Connection(
                ConnectionConfiguration(connectionInfo(database: "postgres")),
                interrupt: Interrupt(), logger: logger)
            let name = configuration.databaseName
            let found = try connection.execute(
                "select 1 from pg_database where datname = $1", name)
            if found.isEmpty {
                let quoted = name.replacingOccurrences(of: "\"", with: "\"\"")
                try connection.executeScript("create database \"\(quoted)\"")
            }
        } catch {
            throw LanguageSystemError(database: error)
        }
    }

    // MARK: The end

    private func stopBlocking() {
        turn.lock()
        defer { turn.unlock() }
        if let child = state.withLock({ $0.child }) { end(child) }
        release()
    }

    private func end(_ child: ChildProcess) {
        // Fast: sessions are ended, everything is written. Then at once. Then by force.
        child.signal(SIGINT)
        if child.waitForExit(atMost: configuration.stopDeadline) { return }
        logger.warning("the embedded PostgreSQL server does not stop and is stopped hard")
        child.signal(SIGQUIT)
        if child.waitForExit(atMost: .seconds(5)) { return }
        child.signal(SIGKILL)
        _ = child.waitForExit(atMost: .seconds(5))
    }

    private func release() {
        state.withLock { state in
            state.child = nil
            if let lock = state.lock { close(lock) }
            state.lock = nil
        }
    }
}

extension LanguageSystemError {
    /// The error for a connection string with unexpected parts. The string is ours, so they come
    /// from the environment.
    fileprivate static let connectionIsSpoilt = LanguageSystemError(
        .invalidSettings,
        """
        cannot reach the embedded PostgreSQL server: libpq refuses to try, because of a PG… \
        variable in the environment
        """,
        hint: "unset PGSERVICE and the other PG… variables")

    fileprivate static func initialisationFailed(_ directory: ClusterDirectory, status: String?)
        -> Self
    {
        Self(
            .unavailable,
            "initdb did not make a cluster in \(directory.path): \(status ?? "it took too long")",
            hint: "see \(directory.log)", cause: directory.lastLogLines())
    }

    fileprivate static func startFailed(_ directory: ClusterDirectory, status: String) -> Self {
        Self(
            .unavailable,
            "the embedded PostgreSQL server in \(directory.path) did not start: \(status)",
            hint: "see \(directory.log)", cause: directory.lastLogLines())
    }

    fileprivate static func startTooLate(_ directory: ClusterDirectory, after duration: Duration)
        -> Self
    {
        Self(
            .deadlineExceeded,
            "the embedded PostgreSQL server in \(directory.path) took no connections within "
                + "\(duration.components.seconds) s", hint: "see \(directory.log)",
            cause: directory.lastLogLines())
    }

    fileprivate static func serverKeepsDying(_ directory: ClusterDirectory, reason: String)
        -> Self
    {
        Self(
            .unavailable,
            "the embedded PostgreSQL server in \(directory.path) keeps ending: \(reason)",
            hint: "see \(directory.log)", cause: directory.lastLogLines())
    }
}
