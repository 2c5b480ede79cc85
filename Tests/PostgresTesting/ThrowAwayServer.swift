// The server behind ThrowAwayDatabase. Its directory is in `FastDirectory`, named
// for our process; what a killed run left (its janitor killed, too) is removed by the next.
import EmbeddedPostgres
import Foundation
import Glibc
import PostgresAccess

actor ThrowAwayServer {
    static let shared = ThrowAwayServer()

    private static let prefix = "language-system-test-"

    private var starting: Task<EmbeddedCluster, any Error>?
    private var templates: [String: Task<String, any Error>] = [:]
    private var administration: ConnectionPool?
    private var madeCount = 0
    private var presentCount = 0
    private var waiters: [CheckedContinuation<Void, Never>] = []

    static let databaseCountMax = 24

    func enter() async {
        if presentCount < Self.databaseCountMax {
            presentCount += 1
        } else {
            await withCheckedContinuation { waiters.append($0) }
        }
    }

    func leave() {
        if waiters.isEmpty {
            presentCount -= 1
        } else {
            waiters.removeFirst().resume()
        }
    }

    func started() async throws -> EmbeddedCluster {
        if let starting { return try await starting.value }
        let task = Task { try await Self.start() }
        starting = task
        return try await task.value
    }

    /// The name of a new database, a copy of the template.
    func makeDatabase(from template: ThrowAwayDatabase.Template) async throws -> String {
        let source = try await prepared(template)
        madeCount += 1
        let name = "test_\(madeCount)"
        try await pool().execute(
            "create database \(name) template \(source)", deadline: .seconds(120))
        return name
    }

    func dropDatabase(_ name: String) async throws {
        try await pool().execute("drop database \(name) with (force)", deadline: .seconds(120))
    }

    private func prepared(_ template: ThrowAwayDatabase.Template) async throws -> String {
        if let task = templates[template.name] { return try await task.value }
        let name = "template_\(templates.count + 1)"
        let task = Task {
            let server = try await started()
            try await pool().execute("create database \(name)", deadline: .seconds(120))
            let pool = ConnectionPool(
                PoolConfiguration(server.connectionInfo(database: name)),
                logger: ThrowAwayDatabase.quiet)
            do {
                try await template.prepare(pool)
            } catch {
                await pool.close()
                throw error
            }
            // A database that somebody is connected to cannot be copied.
            await pool.close()
            return name
        }
        templates[template.name] = task
        return try await task.value
    }

    /// Connections to the maintenance database.
    private func pool() async throws -> ConnectionPool {
        let server = try await started()
        if let administration { return administration }
        var configuration = PoolConfiguration(server.connectionInfo(database: "postgres"))
        configuration.connectionCountMax = 2
        configuration.acquireDeadline = .seconds(120)
        let pool = ConnectionPool(configuration, logger: ThrowAwayDatabase.quiet)
        administration = pool
        return pool
    }

    // MARK: Files and processes

    private static func start() async throws -> EmbeddedCluster {
        removeLeftovers()
        var template = Array((temporaryDirectory + "/\(prefix)\(getpid())-XXXXXX").utf8CString)
        guard mkdtemp(&template) != nil else {
            throw PostgresError(.connection, "no directory could be made in \(temporaryDirectory)")
        }
        let path = String(
            decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        // The server's account must be able to pass through.
        chmod(path, 0o711)
        var configuration = EmbeddedClusterConfiguration(dataDirectory: path)
        configuration.isDurable = false
        configuration.connectionCountMax = 300
        configuration.settings = ["autovacuum": "off", "shared_buffers": "64MB"]
        let cluster = EmbeddedCluster(configuration, logger: ThrowAwayDatabase.quiet)
        try startJanitor(for: path)
        try await cluster.start()
        return cluster
    }

    private static let temporaryDirectory = FastDirectory.path

    /// `read` returns when the last writing end of the pipe is closed: when we end.
    private static func startJanitor(for path: String) throws {
        let janitor = Process()
        janitor.executableURL = URL(fileURLWithPath: "/bin/sh")
        janitor.arguments = ["-c", "trap '' INT TERM HUP; read -r _; \(removal)", "janitor", path]
        let pipe = Pipe()
        janitor.standardInput = pipe
        try janitor.run()
        // Never closed by us, never inherited by others: the kernel closes it.
        _ = fcntl(pipe.fileHandleForWriting.fileDescriptor, F_DUPFD_CLOEXEC, 3)
        try pipe.fileHandleForWriting.close()
    }

    /// Kills the server whose postmaster.pid lies in "$1", then removes "$1".
    private static let removal = """
        pid=$(head -n 1 "$1/cluster/postmaster.pid" 2>/dev/null); \
        if [ -n "$pid" ] && \
        [ "$(readlink -f "/proc/$pid/cwd")" = "$(readlink -f "$1/cluster")" ]; then \
        kill -QUIT "$pid"; \
        i=0; while [ -e "/proc/$pid" ] && [ $i -lt 100 ]; do sleep 0.05; i=$((i+1)); done; fi; \
        rm -rf -- "$1"
        """

    /// A directory whose process is gone and whose lock is free. (The number alone could be
    /// unknown only here, in a container that shares the directory.)
    private static func removeLeftovers() {
        let manager = FileManager.default
        for name in (try? manager.contentsOfDirectory(atPath: temporaryDirectory)) ?? [] {
            let path = temporaryDirectory + "/" + name
            guard name.hasPrefix(prefix),
                let number = pid_t(name.dropFirst(prefix.count).prefix { $0.isNumber }),
                kill(number, 0) != 0 && errno == ESRCH, !isLocked(path + "/lock")
            else { continue }
            let janitor = Process()
            janitor.executableURL = URL(fileURLWithPath: "/bin/sh")
            janitor.arguments = ["-c", removal, "janitor", path]
            janitor.standardError = FileHandle.nullDevice
            try? janitor.run()
        }
    }

    private static func isLocked(_ path: String) -> Bool {
        let descriptor = open(path, O_RDWR | O_CLOEXEC)
        guard descriptor >= 0 else { return errno != ENOENT }
        defer { close(descriptor) }
        return flock(descriptor, LOCK_EX | LOCK_NB) != 0
    }
}
