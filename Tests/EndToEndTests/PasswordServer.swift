// A PostgreSQL server of your own with a password, on a TCP port, and a PgBouncer before it: what
// an operator names with --database.
import Foundation
import Testing

final class PasswordServer {
    static let user = "app"
    static let databaseName = "language_system"
    /// In no other place of any program or message.
    let password = "pw" + UUID().uuidString.replacing("-", with: "")
    let port: Int
    let poolerPort: Int
    let home: URL
    private let tools: PostgresTools
    private var server: Program?
    private var pooler: Program?

    static func with(_ body: (PasswordServer) async throws -> Void) async throws {
        let server = try PasswordServer()
        do {
            try await server.start()
            try await body(server)
        } catch {
            print(server.logs)
            server.tearDown()
            throw error
        }
        server.tearDown()
    }

    private init() throws {
        tools = try PostgresTools.find()
        port = try freePort()
        poolerPort = try freePort()
        home = Programs.temporaryDirectory.appendingPathComponent(
            "ls-own-\(UUID().uuidString.prefix(8))")
        try FileManager.default.createDirectory(
            at: home.appendingPathComponent("run"), withIntermediateDirectories: true)
        for path in [home.path, home.path + "/run"] { try tools.account?.own(path) }
        chmod(home.path, 0o755)
    }

    func url(
        password: String? = nil, database: String = PasswordServer.databaseName,
        isPooled: Bool = false
    ) -> String {
        """
        postgres://\(Self.user):\(password ?? self.password)@127.0.0.1:\
        \(isPooled ? poolerPort : port)/\(database)
        """
    }

    private func start() async throws {
        let data = home.path + "/data"
        let initdb = tools.command(
            "initdb",
            [
                "--pgdata", data, "--username=postgres", "--encoding=UTF8", "--locale=C.UTF-8",
                "--auth-local=trust", "--auth-host=scram-sha-256", "--no-instructions", "--no-sync",
            ])
        let made = try await run(initdb[0], Array(initdb.dropFirst()))
        try #require(made.status == 0, "\(made)")
        let command = tools.command(
            "postgres",
            ["-D", data]
                + [
                    "listen_addresses=127.0.0.1", "port=\(port)", "fsync=off",
                    "unix_socket_directories=\(home.path)/run",
                ].flatMap { ["-c", $0] })
        server = try Program(
            command[0], Array(command.dropFirst()), log: home.appendingPathComponent("postgres.log")
        )
        try await eventually(within: 60, "the server takes connections") {
            try await psql("select 1").status == 0
        }
        for statement in [
            "create role \(Self.user) login createrole password '\(password)'",
            "create database \(Self.databaseName) owner \(Self.user)",
        ] {
            let ending = try await psql(statement)
            try #require(ending.status == 0, "\(ending)")
        }
    }

    /// As the superuser, through the socket.
    func psql(_ statement: String, in database: String = "postgres") async throws -> Ending {
        try await run(
            tools.directory + "/psql",
            ["-XqAt", "-h", home.path + "/run", "-p", "\(port)", "-U", "postgres", "-d", database]
                + ["-v", "ON_ERROR_STOP=1", "-c", statement], within: 60)
    }

    /// Nil: there is none on this machine.
    static var pgbouncer: String? {
        ["/usr/sbin/pgbouncer", "/usr/bin/pgbouncer"].first { access($0, X_OK) == 0 }
    }

    /// - Parameters:
    ///   - mode: PgBouncer's `pool_mode`.
    ///   - size: How many connections it opens to the server.
    func startPooler(mode: String, size: Int = 30, _ program: String) async throws {
        pooler?.stop()
        let settings = """
            [databases]
            * = host=127.0.0.1 port=\(port)
            [pgbouncer]
            listen_addr = 127.0.0.1
            listen_port = \(poolerPort)
            unix_socket_dir =
            auth_type = plain
            auth_file = \(home.path)/users
            pool_mode = \(mode)
            default_pool_size = \(size)
            max_client_conn = 200

            """
        try settings.write(
            toFile: home.path + "/pgbouncer.ini", atomically: true, encoding: .utf8)
        try "\"\(Self.user)\" \"\(password)\"\n".write(
            toFile: home.path + "/users", atomically: true, encoding: .utf8)
        var command = [program, home.path + "/pgbouncer.ini"]
        // It refuses to run as root, as PostgreSQL does.
        if let account = tools.account {
            for file in ["/pgbouncer.ini", "/users"] { try account.own(home.path + file) }
            command =
                [
                    "/usr/bin/setpriv", "--reuid=\(account.userID)", "--regid=\(account.groupID)",
                    "--clear-groups", "--",
                ] + command
        }
        let pooler = try Program(
            command[0], Array(command.dropFirst()),
            log: home.appendingPathComponent("pgbouncer-\(mode).log"))
        self.pooler = pooler
        try await eventually(within: 20, "PgBouncer takes connections") {
            try #require(pooler.process.isRunning, "PgBouncer ended: \(pooler.text)")
            return try await run(
                tools.directory + "/psql", ["-XqAt", "-d", url(isPooled: true), "-c", "select 1"]
            ).status == 0
        }
    }

    var logs: String {
        ((try? FileManager.default.contentsOfDirectory(atPath: home.path)) ?? [])
            .filter { $0.hasSuffix(".log") }.map {
                "--- \($0)\n"
                    + ((try? String(contentsOfFile: home.path + "/" + $0, encoding: .utf8)) ?? "")
                    .suffix(3_000)
            }.joined(separator: "\n")
    }

    private func tearDown() {
        pooler?.stop()
        server?.stop()
        try? FileManager.default.removeItem(at: home)
    }
}

/// `lscoord serve` on a server of yours.
final class YourCoordinator {
    let program: Program
    let home: URL
    let port: Int

    /// - Parameter arguments: After `serve`; the database is in them or in `environment`.
    init(_ arguments: [String] = [], environment: [String: String], in home: URL) throws {
        port = try freePort()
        // Coordinators of one database share its certificate authority.
        self.home = home.appendingPathComponent("coordinator")
        program = try Program(
            Programs.path("lscoord"),
            ["serve", "--worker-address", "127.0.0.1:0", "--rest-address", "127.0.0.1:\(port)"]
                + arguments,
            environment: environment.merging([
                "LSCOORD_DATA_DIR": self.home.path, "LSCOORD_DRAIN_LEAD_MS": "50",
            ]) { given, _ in given }, log: home.appendingPathComponent("lscoord-\(port).log"))
    }

    func get(_ path: String) async throws -> Ending {
        try await run(
            "/usr/bin/curl",
            [
                "-sS", "--fail-with-body", "--max-time", "20", "--cacert",
                home.path + "/ca/ca.pem", "https://localhost:\(port)\(path)",
            ])
    }

    func becomesReady(within seconds: Double = 60) async throws {
        try await eventually(within: seconds, "the coordinator is ready") {
            try #require(program.process.isRunning, "lscoord ended: \(program.text)")
            guard FileManager.default.fileExists(atPath: home.path + "/ca/ca.pem") else {
                return false
            }
            return try await get("/readyz").status == 0
        }
    }
}
