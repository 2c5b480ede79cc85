// An installation that is going to be hurt: several lscoord on one database, workers at each, and
// the means to kill, stop, start and ask any of them. When the tests die themselves, a small shell
// beside them ends what they started.
import Foundation
import Testing

final class FaultSite {
    enum Database {
        /// The one that lscoord keeps itself.
        case embedded
        case server(ExternalCluster)
        case servers(ServerPair)
    }

    private var apiKey: String?

    struct Coordinator {
        let name: String
        let restPort: Int
        let workerPort: Int
        fileprivate(set) var program: Program?
    }

    struct Worker {
        let name: String
        /// Which lscoord it is connected to.
        let coordinator: Int
        /// What its clock is set to, where it can be set.
        let clock: URL?
        /// Further ones of `lsworker join`.
        let flags: [String]
        fileprivate(set) var program: Program?
    }

    static let leaseSeconds = 6

    let home: URL
    let database: Database
    private(set) var coordinators: [Coordinator]
    private(set) var workers: [Worker] = []
    private let tools: PostgresTools
    private let janitor: Janitor
    /// Further flags of `lscoord serve`.
    private let serveFlags: [String]
    /// Of all programs, the database's server among them; nil: each worker has its own, the others
    /// the machine's.
    private let clock: URL?
    /// Of workers, the dead ones included.
    private var processIDs: [pid_t] = []

    var dataDirectory: String { home.appendingPathComponent("coordinator").path }
    var authorityPath: String { dataDirectory + "/ca/ca.pem" }

    private init(
        home: URL, database: Database, coordinatorCount: Int, serveFlags: [String],
        clock: URL?, janitor: Janitor
    ) throws {
        self.clock = clock
        self.home = home
        self.database = database
        self.serveFlags = serveFlags
        self.janitor = janitor
        tools = try PostgresTools.find()
        coordinators = try (1...coordinatorCount).map {
            Coordinator(
                name: "lscoord-\($0)", restPort: try freePort(), workerPort: try freePort())
        }
    }

    enum Kind { case server, servers, embedded }

    /// A running installation for `body`; everything is stopped and removed afterwards.
    ///
    /// - Parameter aging: Everything has one clock, which `setClock` sets; of a single server
    ///   alone.
    static func with(
        _ kind: Kind, coordinators: Int, workers: Int = 0, serve serveFlags: [String] = [],
        aging: Bool = false, _ body: (FaultSite) async throws -> Void
    ) async throws {
        // What hours leave is too much for memory.
        let parent =
            FaultSettings.minutes == nil
            ? Programs.temporaryDirectory : FileManager.default.temporaryDirectory
        let home =
            parent
            .appendingPathComponent("ls-chaos-\(UUID().uuidString.prefix(8))")
        try FileManager.default.createDirectory(
            at: home, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o755])
        let janitor = try Janitor(of: home)
        let clock = aging ? home.appendingPathComponent("clock") : nil
        try clock.map { try FakeClock.set($0, hours: 0) }
        let database: Database
        switch kind {
        case .embedded: database = .embedded
        case .server: database = .server(try await ServerPair.single(in: home, clock: clock))
        case .servers: database = .servers(try await ServerPair(in: home))
        }
        let site = try FaultSite(
            home: home, database: database, coordinatorCount: coordinators,
            serveFlags: serveFlags, clock: clock, janitor: janitor)
        do {
            try await site.startAll(workers)
            try await body(site)
        } catch {
            print(site.logs)
            fflush(nil)
            await site.tearDown()
            throw error
        }
        await site.tearDown()
    }

    private func startAll(_ workerCount: Int) async throws {
        if case .embedded = database {
        } else {
            let migrated = try await lscoord("migrate")
            try #require(migrated.status == 0, "\(migrated)")
        }
        for index in coordinators.indices { try await startCoordinator(index) }
        for _ in 0..<workerCount { try await addWorker() }
        try await eventually(within: 60, "all workers are connected") {
            try await sql("select count(*) from ls.worker_status where state = 'connected'")
                == "\(workerCount)"
        }
    }

    /// Joins one more.
    func addWorker(label: String? = nil, _ flags: [String] = []) async throws {
        let number = workers.count + 1
        let name = "edge-\(number)"
        let own =
            FakeClock.library == nil || clock != nil
            ? nil : home.appendingPathComponent("\(name).clock")
        try own.map { try FakeClock.set($0, hours: 0) }
        workers.append(
            Worker(
                name: name, coordinator: (number - 1) % coordinators.count, clock: own,
                flags: flags))
        let token = try await lscoord(
            ["token", "create", "--name", name, "--quiet"] + (label.map { ["--label", $0] } ?? []))
        try #require(token.status == 0, "\(token)")
        try startWorker(
            number - 1, token: token.output.trimmingCharacters(in: .whitespacesAndNewlines))
    }

    // MARK: Programs

    func startCoordinator(_ index: Int, _ flags: [String] = []) async throws {
        let one = coordinators[index]
        let command = clocked(
            [
                Programs.path("lscoord"), "serve", "--data-dir", dataDirectory, "--rest-address",
                "127.0.0.1:\(one.restPort)",
                "--worker-address", "127.0.0.1:\(one.workerPort)", "--lease-seconds",
                "\(Self.leaseSeconds)",
            ] + serveFlags + flags)
        let program = try Program(
            command[0], Array(command.dropFirst()),
            environment: environment.merging(clockEnvironment) { $1 }, log: log(one.name))
        coordinators[index].program = program
        if clock != nil { processIDs.append(program.process.processIdentifier) }
        try await eventually(within: 120, "\(one.name) is ready") {
            try #require(
                program.process.isRunning, "\(one.name) ended: \(program.text.suffix(2_000))")
            return try await isReady(index)
        }
    }

    func isReady(_ index: Int) async throws -> Bool {
        guard FileManager.default.fileExists(atPath: authorityPath) else { return false }
        return try await curl(index, "/readyz").status == 0
    }

    /// With no token: an identity from before is taken up again.
    func startWorker(_ index: Int, token: String? = nil) throws {
        let one = workers[index]
        var environment = token.map { ["LSWORKER_TOKEN": $0] } ?? [:]
        if let clock = one.clock { environment.merge(FakeClock.environment(clock)) { $1 } }
        environment.merge(clockEnvironment) { $1 }
        var command =
            [
                Programs.path("lsworker"), "join", "--coordinator",
                "localhost:\(coordinators[one.coordinator].restPort)", "--state-dir",
                home.appendingPathComponent(one.name).path, "--threads", "1",
            ] + one.flags
        if one.clock != nil || clock != nil { command = FakeClock.command(command) }
        let program = try Program(
            command[0], Array(command.dropFirst()), environment: environment, log: log(one.name))
        workers[index].program = program
        processIDs.append(program.process.processIdentifier)
    }

    func kill(coordinator index: Int) { coordinators[index].program?.kill() }
    /// SIGTERM; returns at once.
    func terminate(coordinator index: Int) { coordinators[index].program?.process.terminate() }
    /// Minus the signal that ended it; only of one that has ended.
    func exitStatus(coordinator index: Int) -> Int32? {
        isRunning(coordinator: index)
            ? nil : coordinators[index].program?.process.terminationStatus
    }
    func kill(worker index: Int) { workers[index].program?.kill() }

    /// SIGSTOP and SIGCONT: the machine sleeps, and wakes up.
    func signal(worker index: Int, _ signal: Int32) {
        guard let process = workers[index].program?.process, process.isRunning else { return }
        Foundation.kill(process.processIdentifier, signal)
    }

    func signal(coordinator index: Int, _ signal: Int32) {
        guard let process = coordinators[index].program?.process, process.isRunning else { return }
        Foundation.kill(process.processIdentifier, signal)
    }

    /// The next start of a worker goes to another lscoord, as one behind a load balancer may.
    func redirect(worker index: Int, to coordinator: Int) throws {
        let one = workers[index]
        let file = home.appendingPathComponent("\(one.name)/coordinator.json")
        let text = try String(contentsOf: file, encoding: .utf8)
        let (from, to) = (coordinators[one.coordinator], coordinators[coordinator])
        try text.replacing("\(from.workerPort)", with: "\(to.workerPort)")
            .replacing("\(from.restPort)", with: "\(to.restPort)")
            .write(to: file, atomically: true, encoding: .utf8)
        workers[index] = Worker(
            name: one.name, coordinator: coordinator, clock: one.clock, flags: one.flags)
    }

    // MARK: Old identities

    /// Another machine's state directory with the identity of a worker, for another lscoord if told
    /// so.
    ///
    /// - Returns: The machine's name.
    func copyIdentity(of index: Int, for coordinator: Int) throws -> String {
        let (one, name) = (
            workers[index], "\(workers[index].name)-copy-\(UUID().uuidString.prefix(4))"
        )
        let (from, to) = (
            home.appendingPathComponent(one.name), home.appendingPathComponent(name)
        )
        let manager = FileManager.default
        try manager.createDirectory(
            at: to, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        for file in ["ca.pem", "worker.pem", "worker-key.pem"] {
            try manager.copyItem(
                at: from.appendingPathComponent(file), to: to.appendingPathComponent(file))
        }
        let (here, there) = (coordinators[one.coordinator], coordinators[coordinator])
        try String(contentsOf: from.appendingPathComponent("coordinator.json"), encoding: .utf8)
            .replacing("\(here.workerPort)", with: "\(there.workerPort)")
            .replacing("\(here.restPort)", with: "\(there.restPort)")
            .write(
                to: to.appendingPathComponent("coordinator.json"), atomically: true, encoding: .utf8
            )
        return name
    }

    /// A machine that is none of the workers: with a token, or with the identity in its state
    /// directory.
    func startMachine(_ name: String, at coordinator: Int, token: String? = nil) throws -> Program {
        let program = try Program(
            Programs.path("lsworker"),
            [
                "join", "--coordinator", "localhost:\(coordinators[coordinator].restPort)",
                "--state-dir", home.appendingPathComponent(name).path, "--threads", "1",
            ], environment: token.map { ["LSWORKER_TOKEN": $0] } ?? [:], log: log(name))
        processIDs.append(program.process.processIdentifier)
        return program
    }

    /// From now on the machine, which is stopped, is this worker, and what the worker was is gone.
    func adopt(_ name: String, at coordinator: Int, asWorker index: Int) throws {
        let one = workers[index]
        let state = home.appendingPathComponent(one.name)
        try FileManager.default.removeItem(at: state)
        try FileManager.default.moveItem(at: home.appendingPathComponent(name), to: state)
        workers[index] = Worker(
            name: one.name, coordinator: coordinator, clock: one.clock, flags: one.flags)
    }

    /// Only of one that has ended.
    func exitStatus(worker index: Int) -> Int32? {
        isRunning(worker: index) ? nil : workers[index].program?.process.terminationStatus
    }

    func isRunning(worker index: Int) -> Bool {
        workers[index].program?.process.isRunning ?? false
    }

    func isRunning(coordinator index: Int) -> Bool {
        coordinators[index].program?.process.isRunning ?? false
    }

    func text(worker index: Int) -> String { workers[index].program?.text ?? "" }

    func set(clockOf index: Int, hours: Int) throws {
        try FakeClock.set(try #require(workers[index].clock), hours: hours)
    }

    /// Of everything.
    func setClock(hours: Int) throws { try FakeClock.set(try #require(clock), hours: hours) }

    private var clockEnvironment: [String: String] {
        clock.map { FakeClock.environment($0, isExact: true) } ?? [:]
    }

    private func clocked(_ command: [String]) -> [String] {
        clock == nil ? command : FakeClock.command(command)
    }

    /// Runs a program to its end by the clock of everything.
    func underClock(_ command: [String]) async throws -> Ending {
        let command = clocked(command)
        return try await run(
            command[0], Array(command.dropFirst()), environment: clockEnvironment)
    }

    func text(coordinator index: Int) -> String { coordinators[index].program?.text ?? "" }

    /// The server that the one lscoord keeps.
    var embeddedServerID: pid_t {
        get throws {
            let file = dataDirectory + "/postgres/cluster/postmaster.pid"
            let text = try String(contentsOfFile: file, encoding: .utf8)
            return try #require(text.split(separator: "\n").first.flatMap { pid_t($0) })
        }
    }

    // MARK: Asking

    private var environment: [String: String] {
        var values = ["LSCOORD_DATA_DIR": dataDirectory]
        switch database {
        case .embedded: break
        case .server(let server): values["LSCOORD_DATABASE"] = server.url
        case .servers(let pair): values["LSCOORD_DATABASE"] = pair.url
        }
        return values
    }

    func lscoord(_ arguments: String...) async throws -> Ending { try await lscoord(arguments) }

    func lscoord(_ arguments: [String]) async throws -> Ending {
        try await run(Programs.path("lscoord"), arguments, environment: environment)
    }

    private var place: (host: String, database: String) {
        switch database {
        case .embedded: (dataDirectory + "/postgres/run", "language_system")
        case .server(let server): (server.socketDirectory, ServerPair.databaseName)
        case .servers(let pair): (pair.primary.socketDirectory, ServerPair.databaseName)
        }
    }

    /// What psql prints, or how it failed.
    func psql(_ statements: String..., within seconds: Double = 60) async throws -> Ending {
        try await tools.psql(
            host: place.host, ["-d", place.database] + statements.flatMap { ["-c", $0] },
            within: seconds)
    }

    /// As psql, of statements too long for an argument.
    func script(_ text: String) async throws {
        let file = home.appendingPathComponent("script-\(UUID().uuidString).sql")
        try text.write(to: file, atomically: true, encoding: .utf8)
        let ending = try await tools.psql(
            host: place.host, ["-d", place.database, "-f", file.path], within: 60)
        try #require(ending.status == 0, "\(ending)")
    }

    /// One value of a database that is expected to answer.
    func sql(_ statement: String) async throws -> String {
        let ending = try await psql(statement)
        try #require(ending.status == 0, "\(statement): \(ending)")
        return ending.output.trimmingCharacters(in: .newlines)
    }

    /// Many sessions at once, each with one statement; returns at once.
    func sessions(_ count: Int, _ statement: String) throws -> Program {
        let psql = ([tools.directory + "/psql"] + PostgresTools.psqlArguments(host: place.host))
            .map { "'\($0)'" }.joined(separator: " ")
        return try Program(
            "/bin/sh",
            [
                "-c",
                """
                for i in $(seq \(count)); do \(psql) -d \(place.database) -c \"\(statement)\" & \
                done; wait
                """,
            ], environment: ["PGAPPNAME": "chaos"], log: log("sessions"))
    }

    /// For everything; made when it is first needed.
    func key() async throws -> String {
        if let apiKey { return apiKey }
        let ending = try await lscoord("key", "create", "--name", "chaos", "--quiet")
        try #require(ending.status == 0, "\(ending)")
        let key = ending.output.trimmingCharacters(in: .whitespacesAndNewlines)
        apiKey = key
        return key
    }

    func curl(_ index: Int, _ path: String, body: URL? = nil) async throws -> Ending {
        var arguments = ["-sS", "--fail-with-body", "--max-time", "20", "--cacert", authorityPath]
        if let body {
            arguments += ["-H", "authorization: Bearer \(try await key())"]
            arguments += ["-H", "content-type: application/json", "--data-binary", "@\(body.path)"]
        }
        return try await underClock(
            ["/usr/bin/curl"] + arguments
                + ["https://localhost:\(coordinators[index].restPort)\(path)"])
    }

    // MARK: The end

    private func log(_ name: String) -> URL { home.appendingPathComponent("\(name).log") }

    var logs: String {
        let names = coordinators.map(\.name) + workers.map(\.name)
        let servers = [
            "pg-1/postgres.log", "pg-2/postgres.log", "coordinator/postgres/postgres.log",
        ]
        return (names.map { "\($0).log" } + servers).compactMap { name in
            (try? String(contentsOf: home.appendingPathComponent(name), encoding: .utf8)).map {
                "--- \(name)\n\($0.suffix(5_000))"
            }
        }.joined(separator: "\n")
    }

    private func tearDown() async {
        if case .server(let server) = database { server.signal(SIGCONT) }
        for index in workers.indices {
            signal(worker: index, SIGCONT)
            workers[index].program?.stop()
        }
        for (index, one) in coordinators.enumerated() {
            signal(coordinator: index, SIGCONT)
            one.program?.stop()
        }
        switch database {
        case .embedded: break
        case .server(let server): await server.stopAndUnmount()
        case .servers(let pair): await pair.stopAndUnmount()
        }
        if case .server(let server) = database, let id = server.processID { processIDs.append(id) }
        FakeClock.removeTraces(of: processIDs)
        janitor.dismiss()
        try? FileManager.default.removeItem(at: home)
    }
}

/// Debian's libfaketime, which shows a program another wall clock, read anew from a file each time.
enum FakeClock {
    static let library: String? = ["/usr/lib", "/usr/lib64"].lazy
        .flatMap { root in
            ["\(root)/x86_64-linux-gnu", "\(root)/aarch64-linux-gnu", root].map {
                $0 + "/faketime/libfaketimeMT.so.1"
            }
        }.first { access($0, R_OK) == 0 }

    /// - Parameter isExact: The file is read whenever the time is asked for, rather than once a
    ///   second.
    static func environment(_ file: URL, isExact: Bool = false) -> [String: String] {
        [
            "LD_PRELOAD": library ?? "", "FAKETIME_TIMESTAMP_FILE": file.path,
            isExact ? "FAKETIME_NO_CACHE" : "FAKETIME_CACHE_DURATION": "1",
            // As when somebody sets the clock: time that only passes is left alone.
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        ]
    }

    /// The library changes the environment of the first process it is loaded into, whereupon Swift
    /// no longer finds its arguments there: so that is a shell, which the program then replaces.
    static func command(_ command: [String]) -> [String] {
        ["/bin/sh", "-c", #"exec "$0" "$@""#] + command
    }

    /// The library shares its state between processes and tidies up only after those that exit in
    /// peace.
    static func removeTraces(of processIDs: [pid_t]) {
        for id in processIDs {
            for name in ["faketime_shm_\(id)", "sem.faketime_sem_\(id)"] {
                unlink("/dev/shm/\(name)")
            }
        }
    }

    static func set(_ file: URL, hours: Int) throws {
        try "\(hours < 0 ? "-" : "+")\(abs(hours) * 3_600)s\n".write(
            to: file, atomically: true, encoding: .utf8)
    }
}

/// Waits for the end of the tests, however it comes; then ends every process that names their
/// directory, gives back its disks and removes it.
private final class Janitor {
    private let process: ChildProcess
    private let line: FileHandle

    init(of home: URL) throws {
        // A pipe with a name: both ends are opened so that no other child can inherit them.
        let path = home.appendingPathComponent("line").path
        try #require(mkfifo(path, 0o600) == 0)
        let descriptor = open(path, O_RDWR | O_CLOEXEC)
        try #require(descriptor >= 0)
        line = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        process = try ChildProcess(
            "/bin/sh", ["-c", Self.script, "janitor", home.path], input: path, output: "/dev/null")
    }

    private static let script = """
        trap '' INT TERM HUP
        read -r word && exit 0
        for process in /proc/[0-9]*; do
            id=${process#/proc/}
            [ "$id" = $$ ] && continue
            tr '\\0' ' ' <"$process/cmdline" 2>/dev/null | grep -qF -- "$1/" && kill -KILL "$id"
        done
        for disk in "$1"/*/disk; do umount --lazy "$disk" 2>/dev/null; done
        rm -rf -- "$1"
        """

    /// All is tidy: there is nothing to do.
    func dismiss() {
        try? line.write(contentsOf: Data("dismissed\n".utf8))
        try? line.close()
        process.waitUntilExit()
    }
}
