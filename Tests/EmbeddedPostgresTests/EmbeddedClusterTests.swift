// Real clusters in temporary directories; as root they run as `postgres`, otherwise as whoever
// runs the tests.
import Foundation
import Glibc
import LanguageSystem
import Logging
import PostgresAccess
import ServiceLifecycle
import Testing

@testable import EmbeddedPostgres

private let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

private func coordinatorError<T>(_ body: () async throws -> T) async -> LanguageSystemError? {
    do {
        _ = try await body()
        return nil
    } catch {
        return LanguageSystemError(database: error)
    }
}

extension ConnectionPool {
    fileprivate func answers() async throws { _ = try await execute("select 1").one() }
}

@Suite(.serialized, .timeLimit(.minutes(20))) struct `Embedded cluster` {
    /// A cluster in a directory that is removed afterwards.
    private func withCluster<T>(
        isDurable: Bool = false, _ body: (EmbeddedCluster, ClusterDirectory) async throws -> T
    ) async throws -> T {
        let path = try temporaryDirectory()
        let cluster = cluster(at: path, isDurable: isDurable)
        defer { try? FileManager.default.removeItem(atPath: path) }
        do {
            let value = try await body(cluster, ClusterDirectory(path: path))
            await cluster.stop()
            return value
        } catch {
            await cluster.stop()
            throw error
        }
    }

    private func temporaryDirectory() throws -> String {
        var template = Array(
            (access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp").appending("/ls-cluster-XXXXXX")
                .utf8CString)
        try #require(mkdtemp(&template) != nil)
        let path = template.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
        chmod(path, 0o711)
        return path
    }

    private func cluster(at path: String, isDurable: Bool = false) -> EmbeddedCluster {
        var configuration = EmbeddedClusterConfiguration(dataDirectory: path)
        configuration.isDurable = isDurable
        return EmbeddedCluster(configuration, logger: quiet)
    }

    @discardableResult
    private func withPool<T>(
        _ cluster: EmbeddedCluster, _ body: (ConnectionPool) async throws -> T
    ) async throws -> T {
        var configuration = PoolConfiguration(cluster.connectionInfo)
        configuration.acquireDeadline = .seconds(120)
        let pool = ConnectionPool(configuration, logger: quiet)
        do {
            let value = try await body(pool)
            await pool.close()
            return value
        } catch {
            await pool.close()
            throw error
        }
    }

    private func isRunning(_ processID: Int32) -> Bool { kill(processID, 0) == 0 }

    @Test func `an embedded cluster starts, keeps data over a restart, and stops`() async throws {
        try await withCluster { cluster, directory in
            try await cluster.start()
            try await cluster.start()
            let process = try #require(cluster.processID)
            try await withPool(cluster) { pool in
                try await pool.execute("create table t as select 7 as n")
                let row = try await pool.execute(
                    """
                    select current_setting('listen_addresses') as addresses,
                        current_setting('data_checksums') as checksums,
                        pg_encoding_to_char(encoding) as encoding, datcollate, datname
                    from pg_database where datname = current_database()
                    """
                ).one()
                #expect(try row.decode(String.self, "addresses") == "")
                #expect(try row.decode(String.self, "checksums") == "on")
                #expect(try row.decode(String.self, "encoding") == "UTF8")
                #expect(try row.decode(String.self, "datcollate") == "C.UTF-8")
                #expect(try row.decode(String.self, "datname") == "language_system")
            }
            #expect(directory.fileStatus(directory.sockets)?.st_mode ?? 0 & 0o777 == 0o040700)
            #expect(directory.fileStatus(directory.data)?.st_mode ?? 0 & 0o777 == 0o040700)
            // A session of its own: Ctrl-C at our terminal does not reach it.
            #expect(getsid(process) == process)
            await cluster.stop()
            await cluster.stop()
            #expect(!isRunning(process))
            try await cluster.start()
            try await withPool(cluster) { pool in
                let row = try await pool.execute("select n from t").one()
                #expect(try row.decode(Int.self) == 7)
            }
        }
    }

    @Test func `the server inherits neither our lock nor other files`() async throws {
        try await withCluster { cluster, directory in
            try await cluster.start()
            let process = try #require(cluster.processID)
            let files = "/proc/\(process)/fd"
            let names = try FileManager.default.contentsOfDirectory(atPath: files).compactMap {
                try? FileManager.default.destinationOfSymbolicLink(atPath: "\(files)/\($0)")
            }
            #expect(!names.isEmpty)
            #expect(!names.contains { $0.hasSuffix("/lock") })
        }
    }

    /// The account that the server runs as may be shared with other programs of the machine.
    @Test func `an embedded cluster lets in only our account, and only as the superuser`()
        async throws
    {
        try await withCluster { cluster, directory in
            try await cluster.start()
            let other = #expect(throws: PostgresError.self) {
                _ = try Connection(
                    ConnectionConfiguration(
                        cluster.connectionInfo.replacing("user=postgres", with: "user=pg_monitor")),
                    interrupt: Interrupt(), logger: quiet)
            }
            #expect(other?.kind == .refused && other?.sqlState == "28000")
            let account = try ServerAccount.current(wanted: nil)
            guard account.isSwitched else { return }
            let binaries = try #require(PostgresBinaries.installed().first)
            let asked = try ChildProcess(
                account.command([
                    binaries.directory + "/psql", "-X", "-h", directory.sockets, "-U", "postgres",
                    "-d", "postgres", "-c", "select 1",
                ]), environment: ["PATH=/usr/bin:/bin"], outputPath: directory.log)
            #expect(asked.waitForExit(atMost: .seconds(20)))
            #expect(asked.status != 0)
            #expect(
                directory.lastLogLines(20).contains(
                    "Peer authentication failed for user \"postgres\""))
        }
    }

    @Test func `a second process is told who uses the directory`() async throws {
        try await withCluster { cluster, directory in
            try await cluster.start()
            let error = await coordinatorError {
                try await self.cluster(at: directory.path).start()
            }
            #expect(error?.code == .addressInUse)
            #expect(error?.message.contains("(\(getpid()))") == true)
            try await withPool(cluster) { pool in try await pool.answers() }
        }
    }

    @Test func `an embedded cluster stops a server left by a killed parent and starts its own`()
        async throws
    {
        try await withCluster { cluster, directory in
            try await cluster.start()
            await cluster.stop()
            // The orphan: same directory, not started by `cluster`.
            let account = try ServerAccount.current(wanted: nil)
            let binaries = try #require(PostgresBinaries.installed().first)
            let orphan = try ChildProcess(
                account.command([
                    binaries.postgres, "-D", directory.data, "-c", "listen_addresses=", "-c",
                    "unix_socket_directories=\(directory.sockets)",
                ]), environment: ["PATH=/usr/bin:/bin"], outputPath: directory.log)
            let leftover = LeftoverServer(directory: directory, logger: quiet)
            let file = directory.data + "/postmaster.pid"
            while !FileManager.default.fileExists(atPath: file) {
                try await Task.sleep(for: .milliseconds(10))
            }
            #expect(leftover.isServerOfOurs(orphan.processID))
            try await cluster.start()
            #expect(orphan.waitForExit(atMost: .seconds(120)))
            #expect(cluster.processID != orphan.processID)
            try await withPool(cluster) { pool in try await pool.answers() }
        }
    }

    @Test func `backends of a killed server that are still at work are no obstacle`() async throws {
        try await withCluster { cluster, directory in
            try await cluster.start()
            let server = try #require(cluster.processID)
            // Busy without ever waiting for anything: it does not notice that its server is gone.
            let busy = Task {
                try await withPool(cluster) { pool in
                    try await pool.execute(
                        "do $$ begin loop null; end loop; end $$", deadline: .seconds(120))
                }
            }
            let leftover = LeftoverServer(directory: directory, logger: quiet)
            try await withPool(cluster) { pool in
                let busyCount = """
                    select count(*) from pg_stat_activity where state = 'active' and query like \
                    'do %'
                    """
                while try await pool.execute(busyCount).one().decode(Int.self) == 0 {
                    try await Task.sleep(for: .milliseconds(5))
                }
            }
            kill(server, SIGKILL)
            // As after a death of ours, too: another cluster object, the same directory.
            await cluster.stop()
            try await cluster.start()
            #expect(cluster.processID != server)
            #expect(!leftover.isServerOfOurs(server))
            try await withPool(cluster) { pool in try await pool.answers() }
            await #expect(throws: (any Error).self) { try await busy.value }
        }
    }

    @Test func `a stale lock of the socket with a living stranger's number is no obstacle`()
        async throws
    {
        try await withCluster { cluster, directory in
            try await cluster.start()
            await cluster.stop()
            // PostgreSQL would take any process of its own account for its rival.
            let account = try ServerAccount.current(wanted: nil)
            let stranger = try ChildProcess(
                account.command(["/bin/sleep", "600"]), environment: [], outputPath: "/dev/null")
            defer { stranger.signal(SIGKILL) }
            let lock = directory.socketPath + ".lock"
            try "\(stranger.processID)\n\(directory.data)\n1\n5432\n".write(
                toFile: lock, atomically: false, encoding: .utf8)
            try await cluster.start()
            try await withPool(cluster) { pool in try await pool.answers() }
        }
    }

    @Test func `a stale postmaster.pid with a living stranger's number is no obstacle`()
        async throws
    {
        try await withCluster { cluster, directory in
            try await cluster.start()
            await cluster.stop()
            let file = directory.data + "/postmaster.pid"
            try "\(getpid())\n\(directory.data)\n1\n5432\n".write(
                toFile: file, atomically: false, encoding: .utf8)
            try await cluster.start()
            try await withPool(cluster) { pool in try await pool.answers() }
        }
    }

    @Test func `a half-made cluster is made anew`() async throws {
        try await withCluster { cluster, directory in
            try FileManager.default.createDirectory(
                atPath: directory.newData + "/base", withIntermediateDirectories: true)
            try "15\n".write(
                toFile: directory.newData + "/PG_VERSION", atomically: false, encoding: .utf8)
            try await cluster.start()
            try await withPool(cluster) { pool in try await pool.answers() }
            #expect(!FileManager.default.fileExists(atPath: directory.newData))
        }
    }

    @Test func `an embedded server that is killed is started again, with all that was committed`()
        async throws
    {
        try await withCluster(isDurable: true) { cluster, _ in
            try await cluster.start()
            let first = try #require(cluster.processID)
            try await withPool(cluster) { pool in
                try await pool.execute("create table t as select 7 as n")
            }
            let group = ServiceGroup(
                configuration: .init(services: [.init(service: cluster)], logger: quiet))
            let running = Task { try await group.run() }
            kill(first, SIGKILL)
            try await withPool(cluster) { pool in
                let row = try await pool.execute("select n from t", deadline: .seconds(60)).one()
                #expect(try row.decode(Int.self) == 7)
            }
            #expect(cluster.processID != first)
            await group.triggerGracefulShutdown()
            try await running.value
            #expect(cluster.processID == nil)
        }
    }

    @Test func `an embedded cluster gives up when the server keeps dying`() async throws {
        try await withCluster { cluster, _ in
            try await cluster.start()
            let running = Task { try await cluster.run() }
            // Whatever runs is killed, while it starts, too, until there is nothing more to kill.
            let killer = Task {
                while !Task.isCancelled {
                    if let process = cluster.processID { kill(process, SIGKILL) }
                    try await Task.sleep(for: .milliseconds(20))
                }
            }
            let error = await coordinatorError { try await running.value }
            killer.cancel()
            #expect(error?.code == .unavailable)
            #expect(error?.message.contains("keeps ending") == true)
        }
    }

    // MARK: Sentences

    @Test func `without PostgreSQL there is a hint what to install`() async throws {
        let error = await coordinatorError {
            try PostgresBinaries.find(for: nil, dataDirectory: "/x", among: [])
        }
        #expect(error?.code == .invalidSettings)
        #expect(error?.hint?.hasPrefix("apt-get install postgresql") == true)
        #expect(PostgresBinaries.installed(debianRoot: "/nonexistent", path: "").isEmpty)
    }

    @Test func `a directory of another version keeps its version, or says so`() async throws {
        let old = PostgresBinaries(directory: "/15", majorVersion: 15)
        let new = PostgresBinaries(directory: "/17", majorVersion: 17)
        #expect(try PostgresBinaries.find(for: nil, dataDirectory: "/x", among: [new, old]) == new)
        #expect(try PostgresBinaries.find(for: 15, dataDirectory: "/x", among: [new, old]) == old)
        let error = await coordinatorError {
            try PostgresBinaries.find(for: 16, dataDirectory: "/x", among: [new, old])
        }
        #expect(
            error?.message
                == "the data directory /x was made by PostgreSQL 16, installed is 17, 15")
        #expect(PostgresBinaries.majorVersion(in: "postgres (PostgreSQL) 16beta1\n") == 16)
        #expect(
            PostgresBinaries.majorVersion(in: "postgres (PostgreSQL) 15.18 (Debian 15.18-0)\n")
                == 15)
        #expect(PostgresBinaries.majorVersion(in: "command not found") == nil)
    }

    @Test func `a version file from elsewhere is refused`() async throws {
        try await withCluster { cluster, directory in
            try await cluster.start()
            await cluster.stop()
            try "9\n".write(
                toFile: directory.data + "/PG_VERSION", atomically: false, encoding: .utf8)
            let error = await coordinatorError { try await cluster.start() }
            #expect(error?.message.contains("was made by PostgreSQL 9, installed is") == true)
        }
    }

    @Test func `a directory that cannot be made, or is something else, is refused`() async throws {
        let error = await coordinatorError { try await cluster(at: "/proc/nothing").start() }
        #expect(error?.code == .invalidSettings)
        #expect(error?.message.hasPrefix("the data directory /proc/nothing cannot be used") == true)
        try await withCluster { cluster, directory in
            try FileManager.default.createDirectory(
                atPath: directory.data, withIntermediateDirectories: false)
            if geteuid() == 0 {
                let account = try ServerAccount.current(wanted: nil)
                chown(directory.data, account.userID, account.groupID)
            }
            let error = await coordinatorError { try await cluster.start() }
            #expect(error?.message.contains("no readable PG_VERSION") == true)
        }
    }

    @Test(.enabled(if: geteuid() == 0))
    func `a directory of somebody else's is refused`() async throws {
        try await withCluster { cluster, directory in
            try FileManager.default.createDirectory(
                atPath: directory.data, withIntermediateDirectories: false)
            chown(directory.data, 65534, 65534)
            let error = await coordinatorError { try await cluster.start() }
            #expect(
                error?.message.contains("belongs to nobody, PostgreSQL would run as postgres")
                    == true)
        }
    }

    @Test(.enabled(if: geteuid() == 0))
    func `a place that the server's account cannot pass is named`() async throws {
        let path = try temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: path) }
        chmod(path, 0o700)
        let error = await coordinatorError { try await cluster(at: path + "/data").start() }
        #expect(error?.message.contains("\(path) is closed to postgres") == true)
    }

    @Test func `a path too long for a socket is refused with both lengths`() async throws {
        let path = "/tmp/" + String(repeating: "x", count: 100)
        let error = await coordinatorError { try await cluster(at: path).start() }
        #expect(error?.message.contains("at most 107 are possible") == true)
        #expect(!FileManager.default.fileExists(atPath: path))
    }

    @Test func `root hands the server to an account without rights`() throws {
        let switched = ServerAccount(
            name: "postgres", userID: 101, groupID: 104, callerName: "root", isSwitched: true)
        #expect(
            switched.command(["/bin/x", "-D", "y"]) == [
                "/usr/bin/setpriv", "--reuid=101", "--regid=104", "--clear-groups",
                "--no-new-privs", "--", "/bin/x", "-D", "y",
            ])
        let same = ServerAccount(
            name: "ada", userID: 1000, groupID: 1000, callerName: "ada", isSwitched: false)
        #expect(same.command(["/bin/x"]) == ["/bin/x"])
    }

    @Test(.enabled(if: geteuid() == 0)) func `an account that does not exist is refused`() async {
        let error = await coordinatorError { try ServerAccount.current(wanted: "no-such-account") }
        #expect(error?.code == .invalidSettings)
        let root = await coordinatorError { try ServerAccount.current(wanted: "root") }
        #expect(root?.code == .invalidSettings)
    }

    @Test func `only whole numbers are taken from postmaster.pid`() {
        #expect(LeftoverServer.processID(in: "123\n/data\n") == 123)
        for text in ["", "\n", "x\n", "-5\n", "1\n", "0\n"] {
            #expect(LeftoverServer.processID(in: text) == nil)
        }
    }
}
