// A database of the operator's: what is wrong with it is said at once, in one sentence, and its
// password stands nowhere.
import Foundation
import Testing

@Suite(.serialized, .timeLimit(.minutes(20))) struct `A database of yours` {
    private func lscoord(
        _ arguments: [String], _ environment: [String: String], within seconds: Double = 60
    ) async throws -> Ending {
        try await run(
            Programs.path("lscoord"), arguments, environment: environment, within: seconds)
    }

    private func migrate(_ server: PasswordServer) async throws {
        let ending = try await lscoord(["migrate"], ["LSCOORD_DATABASE": server.url()])
        try #require(ending.status == 0, "\(ending)")
    }

    /// What can never work ends at once with status 78, whatever was asked for.
    @Test func `that a database refuses for good is said at once`() async throws {
        try await PasswordServer.with { server in
            let wrong = [
                (server.url(password: "no"), "password authentication failed for user \"app\""),
                ("postgres://app@127.0.0.1:\(server.port)/language_system", "no password supplied"),
                (server.url(database: "none"), "database \"none\" does not exist"),
                ("mysql://app:\(server.password)@127.0.0.1/x", "it begins with mysql://"),
                ("postgres://app:\(server.password)/7@127.0.0.1/x", "its database name has an '@'"),
                ("postgres://app:\(server.password)@7@127.0.0.1/x", "more than one '@'"),
                ("", "it is empty"),
                ("host=127.0.0.1 \(server.password)", "a word without '='"),
                (server.url() + "?sslmode=require", "SSL was required"),
                (server.url() + "?channel_binding=require&sslmode=disable", "channel binding"),
                (server.url() + "?gssencmode=require", "GSSAPI encryption required"),
                (server.url() + "?keepalives_idle=soon", "invalid integer value"),
                (
                    server.url() + "?options=-c%20work_mem%3D\(server.password)",
                    "does not take a setting of the connection"
                ),
            ]
            for (url, words) in wrong {
                for command in [
                    ["migrate"], ["serve"], ["status"], ["psql", "-w", "-c", "select 1"],
                ] {
                    // psql's own words are psql's own, and repeat what it was given; it is told
                    // where to go only when that is plain.
                    if command[0] == "psql", url.hasPrefix("postgres://app"), !words.contains("'@'")
                    {
                        continue
                    }
                    let ending = try await lscoord(
                        command,
                        [
                            "LSCOORD_DATABASE": url, "LSCOORD_LOG_LEVEL": "debug",
                            "LSCOORD_DATA_DIR": server.home.path + "/unused",
                        ])
                    #expect(ending.status == 78, "\(command) \(url): \(ending)")
                    #expect(ending.errors.contains(words), "\(command) \(url): \(ending)")
                    #expect(!"\(ending)".contains(server.password))
                    let sentences = ending.errors.split(separator: "\n").filter {
                        $0.hasPrefix("lscoord: ")
                    }
                    #expect(sentences.count == 1, "\(ending)")
                }
            }
        }
    }

    @Test func `roles that got no rights are named, and get them at the next migration`()
        async throws
    {
        try await PasswordServer.with { server in
            _ = try await server.psql("alter role app nocreaterole")
            let words = "no rights were granted to ls_reader, ls_operator, ls_admin, ls_service"
            var ending = try await lscoord(["migrate"], ["LSCOORD_DATABASE": server.url()])
            #expect(ending.status == 0 && ending.output.contains(words), "\(ending)")
            for role in ["ls_reader", "ls_operator", "ls_admin", "ls_service"] {
                _ = try await server.psql("create role \(role)")
            }
            ending = try await lscoord(["migrate"], ["LSCOORD_DATABASE": server.url()])
            #expect(ending.status == 0 && !ending.output.contains("no rights"), "\(ending)")
            let read = try await server.psql(
                "set role ls_reader; select count(*) from ls.ranker_status",
                in: PasswordServer.databaseName)
            #expect(read.output == "0\n", "\(read)")
            // Somebody who may not change the schema is told so, and it is no fault of ours.
            _ = try await server.psql("create role guest login password '\(server.password)'")
            ending = try await lscoord(
                ["migrate"], ["LSCOORD_DATABASE": server.url().replacing("app:", with: "guest:")])
            #expect(ending.status == 77, "\(ending)")
        }
    }

    @Test func `a database that only reads is refused by who would write`() async throws {
        try await PasswordServer.with { server in
            try await migrate(server)
            _ = try await server.psql("alter role app set default_transaction_read_only = on")
            let environment = [
                "LSCOORD_DATABASE": server.url(), "LSCOORD_DATA_DIR": server.home.path + "/none",
            ]
            for command in [["migrate"], ["serve"], ["register", "domain", "d"]] {
                let ending = try await lscoord(command, environment)
                #expect(ending.status == 78, "\(command): \(ending)")
                #expect(
                    ending.errors.contains("default_transaction_read_only is on"), "\(ending)")
            }
            let status = try await lscoord(["status"], environment)
            #expect(status.status == 0, "\(status)")
        }
    }

    @Test func `lscoord psql tells a script that a statement failed`() async throws {
        try await PasswordServer.with { server in
            let script = server.home.path + "/script.sql"
            try "select 1 / 0;\nselect 'went on';\n".write(
                toFile: script, atomically: true, encoding: .utf8)
            let environment = ["LSCOORD_DATABASE": server.url()]
            let stopped = try await lscoord(["psql", "-XqAt", "-f", script], environment)
            #expect(stopped.status == 3 && stopped.output.isEmpty, "\(stopped)")
            let wenton = try await lscoord(
                ["psql", "-XqAt", "-v", "ON_ERROR_STOP=0", "-f", script], environment)
            #expect(wenton.status == 0 && wenton.output == "went on\n", "\(wenton)")
            let one = try await lscoord(
                ["psql", "-XqAt", "-c", "select 1 / 0", "-c", "select 2"], environment)
            #expect(one.status == 1 && one.output.isEmpty, "\(one)")
        }
    }

    @Test func `a database that is away is waited for aloud`() async throws {
        let home = Programs.temporaryDirectory.appendingPathComponent(
            "ls-away-\(UUID().uuidString.prefix(8))")
        try FileManager.default.createDirectory(at: home, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: home) }
        for host in ["127.0.0.1:\(try freePort())", "no-such-host.invalid"] {
            let program = try Program(
                Programs.path("lscoord"), ["migrate"],
                environment: ["LSCOORD_DATABASE": "postgres://app:geheim@\(host)/ls"],
                log: home.appendingPathComponent("migrate-\(host.prefix(3)).log"))
            try await eventually(within: 30, "it says why it waits, more than once") {
                try #require(program.process.isRunning, "\(program.text)")
                return program.text.split(separator: "\n").count {
                    $0.contains("cannot connect to PostgreSQL") && $0.contains("trying again")
                } > 2
            }
            #expect(!program.text.contains("geheim"))
            program.kill()
        }
    }

    /// In `ps`, the log, /metrics: of the server, of psql, of commands.
    @Test func `a database's password is nowhere to be read`() async throws {
        try await PasswordServer.with { server in
            try await migrate(server)
            let byEnvironment = try YourCoordinator(
                environment: ["LSCOORD_DATABASE": server.url(), "LSCOORD_LOG_LEVEL": "trace"],
                in: server.home)
            try await byEnvironment.becomesReady()
            let byArgument = try YourCoordinator(
                ["--database", server.url(), "--log-level", "trace"], environment: [:],
                in: server.home)
            let byEqualSign = try YourCoordinator(
                ["--database=\(server.url())"], environment: [:], in: server.home)
            let psql = try Program(
                Programs.path("lscoord"), ["psql", "-qAt", "-c", "select pg_sleep(120)"],
                environment: ["LSCOORD_DATABASE": server.url()],
                log: server.home.appendingPathComponent("psql.log"))
            for coordinator in [byEnvironment, byArgument, byEqualSign] {
                try await coordinator.becomesReady()
                #expect(!(try await coordinator.get("/metrics").output.contains(server.password)))
            }
            try await eventually(within: 30, "psql is at work") {
                try await server.psql(
                    "select count(*) from pg_stat_activity where query like 'select pg_sleep(120)%'"
                ).output == "1\n"
            }
            // Nobody listens there; it tries for a while. Its token is as secret as the password.
            let worker = try Program(
                Programs.path("lsworker"),
                [
                    "join", "--coordinator", "localhost:\(try freePort())", "--state-dir",
                    server.home.path + "/worker", "--token",
                    "LS1\(String(repeating: "0", count: 64))::0123456789ab.\(server.password)",
                ], log: server.home.appendingPathComponent("worker.log"))
            try await eventually(within: 30, "it has read its arguments") {
                worker.text.contains("cannot join yet")
            }
            var seen: Set<pid_t> = []
            for name in try FileManager.default.contentsOfDirectory(atPath: "/proc") {
                guard let id = pid_t(name),
                    let bytes = FileManager.default.contents(atPath: "/proc/\(id)/cmdline")
                else { continue }
                let line = String(decoding: bytes, as: UTF8.self)
                #expect(!line.contains(server.password), "\(line)")
                seen.insert(id)
            }
            // Else psql waits for its answer.
            _ = try await server.psql(
                """
                select pg_cancel_backend(pid) from pg_stat_activity where query like 'select \
                pg_sleep(120)%'
                """
            )
            let programs = [
                byEnvironment.program, byArgument.program, byEqualSign.program, psql, worker,
            ]
            for program in programs {
                #expect(seen.contains(program.process.processIdentifier))
                program.stop()
                #expect(!program.text.contains(server.password))
            }
        }
    }

    /// A release that migrates under a coordinator of before.
    @Test func `a database that another release migrated is noticed, and so is its return`()
        async throws
    {
        try await PasswordServer.with { server in
            try await migrate(server)
            let coordinator = try YourCoordinator(
                environment: ["LSCOORD_DATABASE": server.url()], in: server.home)
            try await coordinator.becomesReady()
            let later = try await server.psql(
                """
                insert into ls.schema_migration (version, name, checksum) select max(version) + 1, \
                'later', '' from ls.schema_migration
                """,
                in: PasswordServer.databaseName)
            try #require(later.status == 0, "\(later)")
            let red = try await coordinator.get("/readyz")
            #expect(red.status == 22)
            #expect(
                red.output.contains(
                    """
                    cannot use the database any longer: it was migrated while this coordinator \
                    ran: the database schema is version
                    """
                ), "\(red)")
            // Who asks every second or two does not repeat it.
            _ = try await server.psql("select pg_sleep(5)")
            let said = coordinator.program.text.split(separator: "\n").filter {
                $0.contains("cannot use the database any longer")
                    && !$0.contains("request failed")
            }
            #expect(said.count == 1, "\(said)")
            let back = try await server.psql(
                "delete from ls.schema_migration where name = 'later'",
                in: PasswordServer.databaseName)
            try #require(back.status == 0, "\(back)")
            #expect(try await coordinator.get("/readyz").status == 0)
            #expect(coordinator.program.text.contains("has this program's schema again"))
            coordinator.program.stop()
        }
    }

    @Test func `a database that ends idle sessions is no matter`() async throws {
        try await PasswordServer.with { server in
            try await migrate(server)
            _ = try await server.psql("alter role app set idle_session_timeout = '2s'")
            let coordinator = try YourCoordinator(
                environment: ["LSCOORD_DATABASE": server.url()], in: server.home)
            try await coordinator.becomesReady()
            _ = try await server.psql("select pg_sleep(4)")
            #expect(try await coordinator.get("/readyz").status == 0)
            coordinator.program.stop()
            for words in ["abnormally", "connects again", "connection to PostgreSQL was lost"] {
                #expect(!coordinator.program.text.contains(words), "\(coordinator.program.text)")
            }
        }
    }

    @Test(
        .enabled(
            if: PasswordServer.pgbouncer != nil, "PgBouncer is not here: apt-get install pgbouncer")
    )
    func `a database behind PgBouncer works in session mode, not in transaction mode`() async throws
    {
        let program = try #require(PasswordServer.pgbouncer)
        try await PasswordServer.with { server in
            let environment = ["LSCOORD_DATABASE": server.url(isPooled: true)]
            try await server.startPooler(mode: "session", program)
            let migrated = try await lscoord(["migrate"], environment)
            #expect(migrated.status == 0, "\(migrated)")
            let coordinator = try YourCoordinator(environment: environment, in: server.home)
            try await coordinator.becomesReady()
            // Notifications arrive: a key made elsewhere is known without a look at the database.
            for command in [
                ["register", "base-model", "m", "--hidden-size", "4"], ["register", "domain", "d"],
                ["key", "create", "--name", "k", "--quiet"], ["status"],
            ] {
                let ending = try await lscoord(
                    command,
                    environment.merging(["LSCOORD_DATA_DIR": coordinator.home.path]) { a, _ in a })
                #expect(ending.status == 0, "\(command): \(ending)")
            }
            #expect(try await coordinator.get("/readyz").status == 0)
            coordinator.program.stop()
            for words in ["already exists", "connects again", "does not exist"] {
                #expect(!coordinator.program.text.contains(words), "\(coordinator.program.text)")
            }

            try await server.startPooler(mode: "session", size: 1, program)
            for command in [["serve"], ["migrate"], ["status"]] {
                let ending = try await lscoord(
                    command,
                    environment.merging(["LSCOORD_DATA_DIR": server.home.path + "/none"]) {
                        a, _ in a
                    })
                #expect(ending.status == 78, "\(command): \(ending)")
                #expect(ending.errors.contains("so a pooler allows only one"), "\(ending)")
            }

            for mode in ["transaction", "statement"] {
                try await server.startPooler(mode: mode, program)
                for command in [["serve"], ["migrate"], ["status"]] {
                    let ending = try await lscoord(
                        command,
                        environment.merging(["LSCOORD_DATA_DIR": server.home.path + "/none"]) {
                            a, _ in a
                        })
                    #expect(ending.status == 78, "\(mode) \(command): \(ending)")
                    #expect(
                        ending.errors.contains("a pooler shares the session with others")
                            && ending.errors.contains("pool_mode=session"),
                        "\(mode) \(command): \(ending)")
                }
            }
        }
    }

    /// The embedded server is ours: what steers libpq elsewhere does not steer it.
    @Test func `a database named in PG… variables does not disturb the embedded one`() async throws
    {
        let home = Programs.temporaryDirectory.appendingPathComponent(
            "ls-env-\(UUID().uuidString.prefix(8))")
        try FileManager.default.createDirectory(at: home, withIntermediateDirectories: true)
        chmod(home.path, 0o755)
        defer { try? FileManager.default.removeItem(at: home) }
        let elsewhere = [
            "PGSERVICE": "nowhere", "PGSERVICEFILE": "/nonexistent", "PGHOST": "db.invalid",
            "PGPORT": "1", "PGUSER": "nobody", "PGDATABASE": "none", "PGOPTIONS": "-c nonsense=1",
            "PGSSLMODE": "verify-full", "PGCHANNELBINDING": "require",
            "PGTARGETSESSIONATTRS": "standby", "PGREQUIREPEER": "nobody",
        ]
        let coordinator = try YourCoordinator(environment: elsewhere, in: home)
        try await coordinator.becomesReady()
        for command in [["status"], ["psql", "-qAt", "-c", "select 1"]] {
            let ending = try await lscoord(
                command,
                elsewhere.merging(["LSCOORD_DATA_DIR": coordinator.home.path]) { a, _ in a })
            #expect(ending.status == 0, "\(command): \(ending)")
        }
        coordinator.program.stop()
    }
}
