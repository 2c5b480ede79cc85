// Connection strings that are wrong, most of them by a password with a character too many: refused
// before anything is tried, and not a piece of the password is in the words.
import CLibPQ
import Concurrency
import Foundation
import LanguageSystem
import Logging
import PostgresTesting
import Testing

@testable import PostgresAccess

@Suite struct `Connection strings` {
    @Test(arguments: [
        "postgres://ada@db.internal/language_system",
        "postgresql://ada:p%40ss%2Fword@db1:5432,db2:5433/ls?target_session_attrs=read-write",
        "postgres:///language_system", "postgres://ada@%2Ftmp%2Fsocket/ls",
        "postgres://ada@[::1]:5432/ls?sslmode=verify-full&sslrootcert=/etc/ca.pem",
        "postgres://db/ls?user=ada@corp&password=a", "postgres://ada:what?@db/ls",
        "host=/tmp port=5432 user=postgres dbname=twin", "host='/a b' dbname='it\\'s'",
        "service=ls", "language_system", "  postgres://ada@db/ls\n",
    ]) func `connection strings that are right are taken`(text: String) throws {
        _ = try ConnectionInfo(text)
    }

    @Test(arguments: [
        ("", "it is empty"), (" \n", "it is empty"),
        ("mysql://ada@db/ls", "it begins with mysql://"),
        ("POSTGRES://db/ls", "it begins with POSTGRES://"),
        ("ada@db/ls", "it is neither a URL nor keyword=value pairs"),
        ("postgres://ada@db:port/ls", "its port is not a number from 1 to 65535"),
        ("postgres://ada@db:0/ls", "its port is not a number from 1 to 65535"),
        (
            "postgres://ada@db/ls?ssl_mode=require",
            "it has a parameter that PostgreSQL does not know"
        ),
        (
            "host=db sslmode=yes",
            "its sslmode is not one of disable, allow, prefer, require, verify-ca, verify-full"
        ),
        ("postgres://ada@db/l%00s", "it has a zero byte (%00)"),
        ("postgres://ada@db/l%0s", "it has a '%' that is not followed by two hexadecimal digits"),
        ("host=db dbname=l\0s", "it has a zero byte"),
        ("postgres://ada@[hunter2]/ls", "its host in brackets is no IPv6 address"),
        ("postgres://[hunter2]:5432/ls", "its host in brackets is no IPv6 address"),
        (
            "host=db dbname=ls;password=hunter2",
            """
            its dbname has an '=': a URL's parameters begin with '?', keyword=value pairs are set \
            apart by blanks
            """
        ),
        (
            "postgres://db/ls&user=ada",
            """
            its dbname has an '=': a URL's parameters begin with '?', keyword=value pairs are set \
            apart by blanks
            """
        ),
        ("host=db secret", "it has a word without '=': a value with blanks needs quotes"),
    ]) func `connection strings that are wrong are refused with the reason`(
        text: String, reason: String
    ) {
        #expect {
            try ConnectionInfo(text)
        } throws: { error in
            let error = error as? LanguageSystemError
            return error?.code == .invalidSettings && error?.code.exitStatus == 78
                && error?.message
                    == """
                    cannot use the database's URL: \(reason); expected postgres://user@host/name
                    """
        }
    }

    /// A password in a URL that nobody escaped, a conninfo that nobody quoted, another program's
    /// URL.
    @Test(arguments: 0..<100)
    func `connection strings never show a piece of the password, however they are malformed`(
        seed: UInt64
    ) async {
        var random = SplitMix(state: seed)
        let pieces = ["Zk7Qx", "wV9Jm", "Hq3Tz"]
        let joints = [
            "@", "/", "?", ":", "%", "%zz", "#", "=", "&", " ", "'", "\"", "\\", "[", "]", "\n",
        ]
        let secret = pieces.dropFirst().reduce(pieces[0]) {
            $0 + (joints.randomElement(using: &random) ?? "") + $1
        }
        // Nobody listens there: what is taken in spite of all fails at once, in libpq's words.
        let forms = [
            "postgres://ada:\(secret)@127.0.0.1:9/ls", "postgresql://\(secret)@127.0.0.1:9/ls",
            "postgres://ada:\(secret)127.0.0.1:9/ls", "mysql://ada:\(secret)@127.0.0.1:9/ls",
            "postgres:/ada:\(secret)@127.0.0.1:9/ls", "ada:\(secret)@127.0.0.1:9/ls",
            "host=127.0.0.1 port=9 password=\(secret)",
            "host=127.0.0.1 port=9 password='\(secret)'",
            "password=\(secret) port=9 host=127.0.0.1", "host=127.0.0.1 port=9\(secret)",
            "postgres://ada@127.0.0.1:9/ls?password=\(secret)",
            "postgres://ada@127.0.0.1:9/ls?sslmode=\(secret)",
            "host=127.0.0.1 port=9 channel_binding=\(secret)",
            "host=127.0.0.1 port=9 ssl_min_protocol_version=\(secret)", "service=x\(secret)",
        ]
        // Without its own '@' the third is another URL, and a right one, once the password has one.
        for (index, form) in forms.enumerated() where index != 2 || !secret.contains("@") {
            // As lscoord does, and as a caller who checks nothing.
            let checked = await coordinatorError { try ConnectionInfo(form) }
            var failures = [checked].compactMap { $0 }
            if checked == nil {
                let direct = await coordinatorError {
                    _ = try Connection(
                        ConnectionConfiguration(form), interrupt: Interrupt(), logger: quiet)
                }
                failures += [direct].compactMap { $0 }
            }
            #expect(!failures.isEmpty, "\(form)")
            for failure in failures {
                let words = [failure.message, failure.hint, failure.cause].compactMap { $0 }
                    .joined(separator: " ")
                for piece in pieces { #expect(!words.contains(piece), "\(form): \(words)") }
            }
        }
    }

    @Test func `connection strings are handed on without their secrets, and mean the same`() throws
    {
        let info = try ConnectionInfo(
            "postgres://a%27da:p%5C%20w@%2Ftmp%2Fa%20b:5433/l%27s?sslpassword=x")
        #expect(info["password"] == "p\\ w")
        let rest = try ConnectionInfo(info.withoutSecrets)
        #expect(rest["password"] == nil && rest["sslpassword"] == nil)
        for keyword in ["user", "host", "port", "dbname"] {
            #expect(rest[keyword] == info[keyword])
        }
        #expect(rest["user"] == "a'da" && rest["host"] == "/tmp/a b")
    }
}

@Suite struct `A refused connection` {
    private static let at = "connection to server at \"db\" (10.0.0.1), port 5432 failed: "

    @Test(arguments: [
        ("FATAL:  28P01: password authentication failed for user \"ada\"", true),
        ("FATAL:  28000: no pg_hba.conf entry for host \"10.0.0.2\"", true),
        ("FATAL:  3D000: database \"ls\" does not exist", true),
        ("FATAL:  42501: permission denied for database \"ls\"", true),
        ("FATAL:  57P03: the database system is starting up", false),
        ("FATAL:  53300: sorry, too many clients already", false),
        ("PANIQUE:  57P03: le système est en cours de démarrage", false),
        ("ВАЖНО:  28P01: пользователь не прошёл проверку", true),
        ("Connection refused", false), ("server does not support SSL, but SSL was required", true),
        ("SSL error: certificate verify failed", true),
        ("invalid integer value \"soon\" for connection option \"keepalives_idle\"", true),
        ("channel binding required, but SSL not in use", true),
        (
            """
            channel binding is required, but server did not offer an authentication method that \
            supports channel binding
            """,
            true
        ),
        ("GSSAPI encryption required but was impossible", true),
        ("requirepeer specifies another peer", true),
        ("could not open certificate file: No such file or directory", true),
    ]) func `a refused connection is final when the same settings can never do`(
        words: String, isPermanent: Bool
    ) {
        let failure = ConnectFailure(Self.at + words, verboseText: Self.at + words)
        #expect(failure.isPermanent == isPermanent)
        #expect(failure.message == Self.at + words)
        // Of several hosts the last one tried decides.
        let other = Self.at + "FATAL:  3D000: none\n" + Self.at + words
        if words.contains(":  ") {
            #expect(ConnectFailure(other, verboseText: other).isPermanent == isPermanent)
        }
    }

    /// The server repeats the value, in a language of its own.
    @Test(arguments: ["22023", "22P02", "42704", "42601", "55P02", "0A000"])
    func `a refused connection for a setting is final, in words of ours`(state: String) {
        for severity in ["FATAL", "FATALE", "ВАЖНО"] {
            let words = Self.at + "\(severity):  \(state): wert «hunter2» hunter2"
            let failure = ConnectFailure(
                words.replacing("\(state): ", with: ""), verboseText: words)
            #expect(failure.isPermanent && failure.hint?.contains("PGOPTIONS") == true)
            #expect(
                failure.message == Self.at + "the server does not take a setting of the connection")
        }
        let pooler = Self.at + "FATAL:  08P01: unsupported startup parameter: options"
        #expect(ConnectFailure(pooler, verboseText: pooler).isPermanent)
        let silent = ConnectFailure(Self.at + "FATAL:  invalid value \"hunter2\"")
        #expect(!silent.message.contains("hunter2"))
    }

    @Test func `a refused connection hides what the settings hold where it stands as a word`() {
        let failure = ConnectFailure(
            Self.at + "requirepeer specifies \"db\", but is require, required",
            secrets: ["require", "db"])
        #expect(
            failure.message
                == """
                connection to server at \"…\" (10.0.0.1), port 5432 failed: requirepeer \
                specifies \"…\", but is …, required
                """
        )
    }

    /// Whichever of libpq's options somebody put a secret into, with whatever hanging on it.
    @Test func `a refused connection never says what the options hold`() async throws {
        try await ThrowAwayDatabase.with { database in
            let canary = "Zk7QxwV9Jm"
            let defaults = try #require(PQconndefaults())
            defer { PQconninfoFree(defaults) }
            var keywords: [String] = []
            var option = defaults
            while let keyword = option.pointee.keyword {
                keywords.append(String(cString: keyword))
                option += 1
            }
            #expect(keywords.contains("options") && keywords.contains("requirepeer"))
            let names = ["host", "hostaddr", "user", "dbname", "service"]
            var forms = keywords.flatMap { keyword in
                [canary, "1;password=\(canary)", "/x y;password=\(canary)", "require \(canary)"]
                    .filter { !names.contains(keyword) || $0.contains("=") }
                    .map { "\(keyword)='\($0)'" }
            }
            forms += [
                "-c work_mem=\(canary)", "-c \(canary)=1", "-c role=\(canary)", "--\(canary)",
                "-c port=\(canary)", "-c DateStyle=\(canary)", "-c x.y=\(canary) -c work_mem=1x",
                "-c client_connection_check_interval=\(canary)",
            ].map { "options='\($0)'" }
            let lines = Locked<[String]>([])
            var logger = Logger(label: "test") { _ in LineLog(lines: lines) }
            logger.logLevel = .trace
            for server in [database.connectionInfo, "host=127.0.0.1 port=9 dbname=x"] {
                for form in forms {
                    let text = "\(server) \(form)"
                    var words = await coordinatorError { try ConnectionInfo(text) }
                        .map { "\($0) \($0.cause ?? "")" }
                    if words == nil {
                        // At once: nothing of this is waited for.
                        words = await postgresError {
                            let connection = try Connection(
                                ConnectionConfiguration(text), interrupt: Interrupt(),
                                logger: logger)
                            try connection.executeScript("select 1")
                        }.map { "\($0.message) \($0.hint ?? "") \($0.coordinatorError)" }
                    }
                    #expect(words?.contains(canary) != true, "\(form): \(words ?? "")")
                }
            }
            #expect(!lines.withLock { $0.joined() }.contains(canary))
        }
    }

    @Test func `a refused connection for want of a password is final, an unknown host is not`() {
        #expect(
            ConnectFailure(Self.at + "fe_sendauth: no password supplied", needsPassword: true)
                .isPermanent)
        let unknown = "could not translate host name \"db\" to address: Name or service not known"
        #expect(!ConnectFailure(unknown).isPermanent && ConnectFailure(unknown).message == unknown)
    }

    @Test func `a refused connection for an option says which kind, not what it holds`() {
        let failure = ConnectFailure("invalid channel_binding value: \"se\"cr et\"")
        #expect(failure.isPermanent)
        #expect(failure.message == "invalid channel_binding value: \"…\"")
    }

    /// From a real server: at once, although the caller would wait ten minutes.
    @Test(arguments: [
        ("dbname=", "dbname=no_such_", "3D000"), ("user=postgres", "user=nobody", "28000"),
        ("user=postgres", "user=postgres options=-cwork_mem=x", "22023"),
        ("user=postgres", "user=postgres options=-cshared_buffers=9", "55P02"),
        ("user=postgres", "user=postgres gssencmode=require", nil),
    ])
    func `a refused connection by a server ends every wait at once`(
        words: String, others: String, state: String?
    )
        async throws
    {
        try await ThrowAwayDatabase.with { database in
            var configuration = PoolConfiguration(
                database.connectionInfo.replacing("'", with: "").replacing(words, with: others))
            configuration.acquireDeadline = .seconds(600)
            let pool = ConnectionPool(configuration, logger: quiet)
            let errors = await withTaskGroup(of: PostgresError?.self) { group in
                for _ in 0..<20 {
                    group.addTask { await postgresError { try await pool.execute("select 1") } }
                }
                return await group.reduce(into: []) { $0.append($1) }
            }
            for error in errors {
                #expect(error?.kind == .refused && error?.sqlState == state)
                #expect(error?.coordinatorError.code == .invalidSettings)
                #expect(error?.hint != nil || state == nil)
            }
            await pool.close()
        }
    }
}

@Suite struct `A lost connection` {
    @Test func `a lost connection is explained by what the server said, not by libpq's guess`() {
        let guess =
            """
            server closed the connection unexpectedly; This probably means the server terminated \
            abnormally; before or while processing the request.
            """
        #expect(Connection.reasonOfLoss(guess) == "the server closed it")
        #expect(Connection.reasonOfLoss("FATAL:  go away; " + guess) == "go away")
        #expect(Connection.reasonOfLoss("broken pipe") == "broken pipe")
    }
}

@Suite struct `What a connection is worth` {
    @Test(arguments: [
        ("/run/postgresql", "prefer", "", true), ("localhost", "prefer", "", true),
        ("127.0.0.1", "disable", "", true), ("db.internal", "verify-full", "", true),
        ("db.internal", "require", "/etc/ca.pem", true), ("db.internal", "require", "", false),
        ("db.internal", "prefer", "", false), ("10.0.0.1", "disable", "/etc/ca.pem", false),
    ]) func `what a connection is worth is said unless the server is near or verified`(
        host: String, mode: String, root: String, isQuiet: Bool
    ) {
        for isEncrypted in [true, false] {
            let words = ConnectionSecurity.warning(
                host: host, sslMode: mode, rootCertificate: root, isEncrypted: isEncrypted)
            #expect((words == nil) == isQuiet)
            if let words { #expect(words.contains(host) && words.contains("sslmode=verify-full")) }
        }
    }
}

@Suite struct `A session` {
    @Test func `a session of one's own is told from one that is shared`() async throws {
        try await ThrowAwayDatabase.with { database in try await database.pool.checkSession() }
    }

    /// A timeout that an administrator gave the role is not for connections that wait for work.
    @Test func `a session stays when the server ends idle ones`() async throws {
        try await ThrowAwayDatabase.with { database in
            try await database.pool.execute(
                "alter database \(database.name) set idle_session_timeout = '1min'")
            let pool = ConnectionPool(PoolConfiguration(database.connectionInfo), logger: quiet)
            let row = try await pool.execute(
                """
                select setting, reset_val as given from pg_settings
                where name = 'idle_session_timeout'
                """
            ).one()
            #expect(try row.decode(String.self, "given") == "60000")
            #expect(try row.decode(String.self, "setting") == "0")
            await pool.close()
        }
    }
}
