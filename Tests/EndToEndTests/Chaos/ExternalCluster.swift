// PostgreSQL servers of your own, as an operator would run them: initdb, pg_ctl, pg_basebackup. As
// root they run under an account without rights, as PostgreSQL insists.
import Foundation
import Testing

/// One server with its data directory and its socket.
final class ExternalCluster {
    let name: String
    let directory: URL
    let disk: SmallDisk
    private let tools: PostgresTools
    /// What the server takes for the time; nil: the machine's.
    private let clock: URL?
    private var server: Program?

    static let connectionCountMax = 40

    var data: String { disk.path + "/data" }
    /// libpq's `host` for this server.
    var socketDirectory: String { directory.appendingPathComponent("run").path }
    var log: URL { directory.appendingPathComponent("postgres.log") }

    init(_ name: String, in home: URL, clock: URL? = nil) async throws {
        self.name = name
        self.clock = clock
        directory = home.appendingPathComponent(name)
        tools = try PostgresTools.find()
        let manager = FileManager.default
        for part in ["run", "disk"] {
            try manager.createDirectory(
                at: directory.appendingPathComponent(part), withIntermediateDirectories: true)
        }
        disk = try await SmallDisk(at: directory.appendingPathComponent("disk").path)
        _ = manager.createFile(atPath: log.path, contents: nil)
        for path in [directory.path, socketDirectory, disk.path, log.path] {
            try tools.account?.own(path)
        }
    }

    func initialise() async throws {
        try await must(
            "initdb",
            [
                "--pgdata", data, "--username=postgres", "--encoding=UTF8", "--locale=C.UTF-8",
                "--auth=trust", "--no-instructions", "--no-sync", "--data-checksums",
            ])
    }

    func createDatabase() async throws {
        let made = try await psql([
            "-d", "postgres", "-c", "create database \(ServerPair.databaseName)",
        ])
        try #require(made.status == 0, "\(made)")
    }

    /// A standby that follows `primary`.
    func copy(_ primary: ExternalCluster) async throws {
        try? FileManager.default.removeItem(atPath: data)
        try await must(
            "pg_basebackup",
            [
                "--host", primary.socketDirectory, "--username=postgres", "--pgdata", data,
                "--write-recovery-conf", "--wal-method=stream", "--checkpoint=fast", "--no-sync",
            ])
    }

    /// In the foreground, as ours: a server that pg_ctl starts would hold on to what we wait for.
    func start() async throws {
        let settings = [
            "listen_addresses=", "unix_socket_directories=\(socketDirectory)", "port=5432",
            "max_connections=\(Self.connectionCountMax)", "shared_buffers=32MB",
            // A crash must be able to lose what was not synced; a small disk holds little WAL.
            "fsync=on", "min_wal_size=32MB", "max_wal_size=64MB", "wal_keep_size=32MB",
            "wal_retrieve_retry_interval=300ms", "wal_receiver_status_interval=1s",
            "cluster_name=\(name)", "log_line_prefix=%m [%p] %q%a ",
        ]
        let command = tools.command(
            "postgres", ["-D", data] + settings.flatMap { ["-c", $0] },
            // By the account that runs it: it shares what the library keeps.
            under: clock.map { FakeClock.environment($0, isExact: true) })
        let server = try Program(command[0], Array(command.dropFirst()), log: log)
        self.server = server
        try await eventually(within: 60, "\(name) takes connections") {
            try #require(server.process.isRunning, "\(name) ended: \(server.text.suffix(3_000))")
            return try await psql(["-d", "postgres", "-c", "select 1"]).status == 0
        }
    }

    /// As a power cut: nothing is written any more.
    func crash() async throws {
        try await must("pg_ctl", ["stop", "--pgdata", data, "--mode=immediate", "--wait"])
    }

    /// To the server and all its backends: with SIGSTOP it neither answers nor refuses, until
    /// SIGCONT.
    func signal(_ signal: Int32) {
        guard let server, server.process.isRunning else { return }
        let parent = server.process.processIdentifier
        Foundation.kill(parent, signal)
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        for id in names.compactMap({ pid_t($0) }) {
            // The name is in brackets and may hold anything; state and parent follow (proc(5)).
            guard
                let text = try? String(contentsOfFile: "/proc/\(id)/stat", encoding: .utf8),
                let end = text.lastIndex(of: ")"),
                text[end...].split(separator: " ").dropFirst(2).first == "\(parent)"
            else { continue }
            Foundation.kill(id, signal)
        }
    }

    var url: String {
        let host = socketDirectory.replacingOccurrences(of: "/", with: "%2F")
        return "postgres://postgres@\(host)/\(ServerPair.databaseName)"
    }

    func promote() async throws {
        try await must("pg_ctl", ["promote", "--pgdata", data, "--wait"])
    }

    var isRunning: Bool { server?.process.isRunning ?? false }
    var processID: pid_t? { server?.process.processIdentifier }

    func stopAndUnmount() async {
        _ = try? await tool("pg_ctl", ["stop", "--pgdata", data, "--mode=immediate", "--wait"])
        await disk.unmount()
    }

    func psql(_ arguments: [String], within seconds: Double = 60) async throws -> Ending {
        try await tools.psql(host: socketDirectory, arguments, within: seconds)
    }

    private func tool(_ name: String, _ arguments: [String]) async throws -> Ending {
        let command = tools.command(name, arguments)
        return try await run(command[0], Array(command.dropFirst()), within: 120)
    }

    private func must(_ name: String, _ arguments: [String]) async throws {
        let ending = try await tool(name, arguments)
        try #require(
            ending.status == 0,
            """
            \(name) \(self.name): \
            \(ending)\n\((try? String(contentsOf: log, encoding: .utf8))?.suffix(3_000) ?? "")
            """
        )
    }
}

/// A file system small enough to be filled; the directory beneath it where mounting is not allowed.
final class SmallDisk {
    let path: String
    /// Why it is no file system of its own.
    let obstacle: String?
    private var ballast: String { path + "/ballast" }

    static let megabytes = 320

    init(at path: String) async throws {
        self.path = path
        guard geteuid() == 0 else {
            obstacle = "mounting a small disk needs root"
            return
        }
        let ending = try await run(
            "/bin/mount", ["-t", "tmpfs", "-o", "size=\(Self.megabytes)m", "ls-chaos", path])
        obstacle =
            ending.status == 0
            ? nil : "no disk could be mounted: " + ending.errors.trimmingCharacters(in: .newlines)
    }

    /// Takes every free byte.
    func fill() throws {
        precondition(obstacle == nil, "only a small disk is filled")
        let descriptor = open(ballast, O_CREAT | O_WRONLY | O_CLOEXEC, 0o600)
        try #require(descriptor >= 0)
        defer { close(descriptor) }
        var (size, piece) = (off_t(0), off_t(1 << 20))
        // Ever smaller pieces, until not one block is left.
        while piece >= 4_096 {
            if posix_fallocate(descriptor, size, piece) == 0 { size += piece } else { piece /= 2 }
        }
    }

    func free() { unlink(ballast) }

    func unmount() async {
        guard obstacle == nil else { return }
        _ = try? await run("/bin/umount", ["--lazy", path])
    }
}

/// Two servers, one of which follows the other and acknowledges each commit; they change roles.
final class ServerPair {
    private(set) var primary: ExternalCluster
    private(set) var standby: ExternalCluster

    static let databaseName = "language_system"

    init(in home: URL) async throws {
        primary = try await ExternalCluster("pg-1", in: home)
        standby = try await ExternalCluster("pg-2", in: home)
        try await primary.initialise()
        try await primary.start()
        try await primary.createDatabase()
        try await follow()
    }

    /// One server that nobody follows, with an empty database.
    static func single(in home: URL, clock: URL? = nil) async throws -> ExternalCluster {
        let server = try await ExternalCluster("pg-1", in: home, clock: clock)
        try await server.initialise()
        try await server.start()
        try await server.createDatabase()
        return server
    }

    /// One URL for both, whichever is primary.
    var url: String {
        let hosts = [primary, standby].sorted { $0.name < $1.name }.map {
            $0.socketDirectory.replacingOccurrences(of: "/", with: "%2F")
        }
        return
            """
            postgres://postgres@\(hosts.joined(separator: ","))/\
            \(Self.databaseName)?target_session_attrs=read-write
            """
    }

    /// The primary dies and comes back.
    func crash(for seconds: Double) async throws {
        try await primary.crash()
        try await Task.sleep(for: .seconds(seconds))
        try await primary.start()
    }

    /// The primary dies for good; the standby takes its place, and a new standby is made.
    func failOver() async throws {
        // What was acknowledged is on the standby only if it was one when it was acknowledged.
        try await eventually(within: 60, "the standby acknowledges commits") {
            try await self.isFollowed
        }
        try await primary.crash()
        try await standby.promote()
        swap(&primary, &standby)
        // Nobody acknowledges the new primary's commits yet: they must not wait for it.
        try await alter("reset synchronous_standby_names")
        try await follow()
    }

    private func follow() async throws {
        try await standby.copy(primary)
        try await standby.start()
        try await alter("set synchronous_standby_names = '*'")
        try await eventually(within: 60, "the standby acknowledges commits") {
            try await self.isFollowed
        }
    }

    private var isFollowed: Bool {
        get async throws {
            let ending = try await primary.psql([
                "-d", "postgres", "-c",
                "select count(*) from pg_stat_replication where sync_state = 'sync'",
            ])
            return ending.output == "1\n"
        }
    }

    private func alter(_ what: String) async throws {
        let ending = try await primary.psql([
            "-d", "postgres", "-c", "alter system \(what)", "-c", "select pg_reload_conf()",
        ])
        try #require(ending.status == 0, "\(ending)")
    }

    func stopAndUnmount() async {
        await standby.stopAndUnmount()
        await primary.stopAndUnmount()
    }
}

/// Where the programs are and who runs the server.
struct PostgresTools {
    struct Account {
        let userID: uid_t
        let groupID: gid_t

        func own(_ path: String) throws {
            try #require(chown(path, userID, groupID) == 0, "\(path) cannot be given away")
        }
    }

    let directory: String
    /// Nil: as ourselves.
    let account: Account?

    static func find() throws -> PostgresTools {
        let root = "/usr/lib/postgresql"
        let versions = (try? FileManager.default.contentsOfDirectory(atPath: root)) ?? []
        let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
        let directories =
            versions.compactMap { Int($0) }.sorted(by: >).map { "\(root)/\($0)/bin" }
            + path.split(separator: ":").map(String.init)
        let directory = try #require(
            directories.first {
                access($0 + "/pg_basebackup", X_OK) == 0 && access($0 + "/initdb", X_OK) == 0
            },
            "no PostgreSQL server was found: apt-get install postgresql")
        guard geteuid() == 0 else { return PostgresTools(directory: directory, account: nil) }
        let entry = try #require(
            getpwnam("postgres") ?? getpwnam("nobody"),
            "PostgreSQL cannot run as root, and there is neither postgres nor nobody")
        return PostgresTools(
            directory: directory,
            account: Account(userID: entry.pointee.pw_uid, groupID: entry.pointee.pw_gid))
    }

    func command(
        _ name: String, _ arguments: [String], under environment: [String: String]? = nil
    ) -> [String] {
        let variables = environment.map { ["/usr/bin/env"] + $0.map { "\($0.key)=\($0.value)" } }
        let plain = (variables ?? []) + [directory + "/" + name] + arguments
        guard let account else { return plain }
        return [
            "/usr/bin/setpriv", "--reuid=\(account.userID)", "--regid=\(account.groupID)",
            "--clear-groups", "--no-new-privs", "--",
        ] + plain
    }

    /// Quiet, unaligned, tuples only.
    func psql(host: String, _ arguments: [String], within seconds: Double = 60) async throws
        -> Ending
    {
        try await run(
            directory + "/psql", Self.psqlArguments(host: host) + arguments,
            environment: ["PGAPPNAME": "chaos", "PGCONNECT_TIMEOUT": "5"], within: seconds)
    }

    static func psqlArguments(host: String) -> [String] {
        ["-XqAt", "-v", "ON_ERROR_STOP=1", "-h", host, "-p", "5432", "-U", "postgres"]
    }
}
