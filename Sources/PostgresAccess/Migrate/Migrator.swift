// Brings a database to the schema that this program knows, forward only, all steps in one
// transaction under an advisory lock: any number of coordinators may start at once, the first one
// migrates, the others find it done. The plan is MigrationPlan's. A table that somebody reads is
// not queued for: whoever comes after would wait behind us, so the attempt is given up and made
// again.
import Concurrency
public import LanguageSystem
public import Logging

/// Brings a database to this program's schema.
public struct Migrator: Sendable {
    /// The result of `migrate`.
    public struct Report: Sendable, Hashable {
        /// The version before; 0 when there was no schema.
        public let from: Int
        /// The version afterwards.
        public let to: Int
        /// Whether functions and views were applied again.
        public let appliedFiles: Bool
    }

    private let schema: String
    private let migrations: [Migration]
    private let files: [SQLFile]
    private let privileges: [SQLFile]
    private let logger: Logger
    private let filesChecksum: String

    /// The deadline of a migration. It is long, because a change may rewrite large tables.
    public var deadline: Duration = .seconds(600)

    /// How long one attempt waits for a lock on a table. Longer than PostgreSQL needs to end an
    /// automatic vacuum that is in the way (`deadlock_timeout`).
    public var lockPatience: Duration = .seconds(3)

    /// The number of the advisory lock, "lsmigrat" in ASCII, the same for every coordinator.
    private static let lockNumber: Int64 = 0x6C73_6D69_6772_6174

    /// - Parameter privileges: The SQL file that grants rights. It is applied at every `migrate`,
    ///   because roles may have been created since the last one.
    public init(
        schema: String = "ls", migrations: [Migration], functions: [SQLFile],
        privileges: [SQLFile] = [], logger: Logger
    ) {
        precondition(
            migrations.enumerated().allSatisfy { $0.element.version == $0.offset + 1 },
            "migrations are numbered from 1 without gaps")
        precondition(
            schema.utf8.allSatisfy { $0 == UInt8(ascii: "_") || (97...122).contains($0) },
            "the schema's name is lower-case letters")
        self.schema = schema
        self.migrations = migrations
        self.files = functions
        self.privileges = privileges
        filesChecksum = hexadecimalSHA256((functions + privileges).flatMap { [$0.name, $0.sql] })
        self.logger = logger
    }

    /// Applies the missing migrations and files, all or none.
    @discardableResult
    public func migrate(_ pool: ConnectionPool) async throws(LanguageSystemError) -> Report {
        try await pool.checkWritable()
        let watch = LockWatch(pool)
        // Ends with this call.
        async let _ = watch.run()
        let end = ContinuousClock.now + deadline
        var failureCount = 0
        while true {
            let words: String
            do {
                return try await attempt(pool, until: end, watch)
            } catch let error as PostgresError where error.isOfLock {
                words = "cannot migrate yet: \(Self.reason(watch.holders))"
            } catch let error as PostgresError
                where ContinuousClock.now >= end && !watch.presentHolders.isEmpty
            {
                throw .migrationWaited(deadline, watch.holders, error)
            } catch {
                throw LanguageSystemError(database: error)
            }
            failureCount += 1
            let pause = Backoff(first: .milliseconds(500), most: .seconds(5)).pause(
                failureCount: failureCount)
            guard ContinuousClock.now + pause < end else {
                throw .migrationWaited(deadline, watch.holders)
            }
            logger.warning("\(words); trying again")
            do {
                try await Task.sleep(for: pause)
            } catch {
                throw LanguageSystemError(database: error)
            }
        }
    }

    /// - Throws: An error that `isOfLock` when somebody held a table for longer than
    ///   `lockPatience`.
    private func attempt(
        _ pool: ConnectionPool, until end: ContinuousClock.Instant, _ watch: LockWatch
    ) async throws -> Report {
        try await pool.transaction(deadline: end - .now) { connection in
            watch.follow(
                process: try connection.execute("select pg_backend_pid()").one().decode())
            try checkEncoding(connection)
            // A role's own lock_timeout is for its own work.
            try connection.executeScript("set local lock_timeout = 0")
            try takeTurn(connection)
            try connection.executeScript(
                "set local lock_timeout = \(lockPatience.milliseconds)")
            try prepareBooks(connection)
            return try apply(connection)
        }
    }

    static func reason(_ holders: [String]) -> String {
        holders.isEmpty
            ? "somebody holds a lock that it needs"
            : """
            \(holders.joined(separator: ", ")) \(holders.count == 1 ? "holds" : "hold") a lock \
            that it needs
            """
    }

    /// Throws `schemaMismatch` unless the database has exactly this program's schema.
    public func check(_ pool: ConnectionPool) async throws(LanguageSystemError) {
        do {
            try await pool.withConnection { connection in
                try checkEncoding(connection)
                try check(connection)
            }
        } catch {
            throw LanguageSystemError(database: error)
        }
    }

    /// Checks the schema on the given connection.
    public func check(_ connection: Connection) throws {
        let found = try connection.execute(
            "select to_regclass($1) is not null as found", "\(schema).schema_migration")
        guard try found.one().decode(Bool.self, "found") else {
            throw LanguageSystemError.schemaIsOlder(found: 0, known: migrations.count)
        }
        let (plan, applied) = try plan(connection)
        guard plan.pending.isEmpty else {
            throw LanguageSystemError.schemaIsOlder(found: applied.count, known: migrations.count)
        }
        if plan.appliesFiles { throw LanguageSystemError.schemaFilesDiffer() }
    }

    /// Takes the advisory lock. It logs that it waits, because another migration may take minutes.
    private func takeTurn(_ connection: Connection) throws {
        let isFree = try connection.execute(
            "select pg_try_advisory_xact_lock($1)", Self.lockNumber
        ).one().decode(Bool.self)
        if isFree { return }
        let holder = try connection.execute(
            """
            select pid from pg_locks where locktype = 'advisory' and granted and objsubid = 1
                and classid::bigint = $1::bigint >> 32 and objid::bigint = $1::bigint & 4294967295
                and database = (select oid from pg_database where datname = current_database())
            """, Self.lockNumber
        ).oneOrNone()?.decode(Int.self, "pid")
        let words = holder.map { " (process \($0))" } ?? ""
        logger.notice("another program is migrating this database\(words): waiting for it")
        try connection.execute("select pg_advisory_xact_lock($1)", Self.lockNumber)
    }

    private func checkEncoding(_ connection: Connection) throws {
        let encoding = try connection.execute("select current_setting('server_encoding')")
            .one().decode(String.self)
        guard encoding == "UTF8" else { throw LanguageSystemError.encodingIsNotUTF8(encoding) }
    }

    /// Creates the tables of applied migrations. The schema must be empty before the first
    /// migration, because other people's objects would be taken for ours.
    private func prepareBooks(_ connection: Connection) throws {
        let catalogue = SchemaCatalogue(schema: schema, connection: connection)
        if try !catalogue.hasTable("schema_migration") {
            let strangers = try catalogue.everything()
            guard strangers.isEmpty else {
                throw LanguageSystemError.schemaIsOthers(strangers, schema)
            }
        }
        try connection.executeScript(
            """
            create schema if not exists \(schema);
            create table if not exists \(schema).schema_migration (
                version integer primary key, name text not null, checksum text not null,
                applied_at timestamptz not null default now());
            create table if not exists \(schema).schema_files (
                only_one boolean primary key default true check (only_one),
                checksum text not null, applied_at timestamptz not null default now());
            create table if not exists \(schema).schema_object (object text primary key);
            """)
    }

    private func apply(_ connection: Connection) throws -> Report {
        let (plan, applied) = try plan(connection)
        for migration in plan.pending {
            let what = "migration \(migration.version) (\(migration.name))"
            logger.info("applying \(what)")
            try run(migration.sql, what, connection)
            try connection.execute(
                "insert into \(schema).schema_migration (version, name, checksum) "
                    + "values ($1, $2, $3)",
                migration.version, migration.name, migration.checksum)
        }
        if plan.appliesFiles {
            try SchemaFiles(schema: schema, files: files, logger: logger).apply(connection)
            try connection.execute(
                """
                insert into \(schema).schema_files (checksum) values ($1)
                on conflict (only_one) do update set checksum = excluded.checksum,
                    applied_at = now()
                """, filesChecksum)
        }
        for file in privileges { try run(file.sql, file.name, connection) }
        return Report(
            from: applied.count, to: migrations.count, appliedFiles: plan.appliesFiles)
    }

    private func run(_ sql: String, _ what: String, _ connection: Connection) throws {
        do throws(PostgresError) {
            try connection.executeScript(sql)
        } catch {
            guard error.kind == .server, !error.isOfLock else { throw error }
            throw LanguageSystemError.migrationFailed(what, error)
        }
    }

    private func plan(_ connection: Connection) throws -> (
        plan: MigrationPlan, applied: [MigrationPlan.Applied]
    ) {
        let applied = try connection.execute(
            "select version, name, checksum from \(schema).schema_migration order by version"
        ).map { row in
            MigrationPlan.Applied(
                version: try row.decode("version"), name: try row.decode("name"),
                checksum: try row.decode("checksum"))
        }
        let filesRow = try connection.execute(
            "select checksum from \(schema).schema_files"
        ).oneOrNone()
        let plan = try MigrationPlan(
            known: migrations, filesChecksum: filesChecksum, applied: applied,
            appliedFilesChecksum: try filesRow?.decode(String.self, "checksum"))
        return (plan, applied)
    }
}
