// The ledger's schema under an admin's hands: what they built on it and whom they let in outlives a
// release, or they are told what is in the way.
import EmbeddedPostgres
import Foundation
import LanguageSystem
import Ledger
import LedgerSchema
import PostgresAccess
import PostgresTesting
import Testing

@Suite(.timeLimit(.minutes(20))) struct `A schema that others build on` {
    private var migrator: Migrator { LedgerStore.migrator(logger: TestLedger.quiet) }

    @Test func `the schema keeps every function and view in its place over a release`() async throws
    {
        try await TestLedger.withoutFixture { database in
            let role = "dashboard_of_\(database.name)"
            try await database.pool.withConnection { connection in
                try connection.executeScript(
                    """
                    create role \(role);
                    grant usage on schema ls to \(role);
                    grant select on ls.ranker_status to \(role);
                    grant execute on function ls.short_digest to \(role);
                    create view report as select name, champion from ls.ranker_status;
                    create table note (digest bytea, short text generated always as \
                    (ls.short_digest(digest)) stored);
                    """)
            }
            let before = try await objects(database)
            for isReleased in [true, false, true] {
                if isReleased {
                    try await database.pool.execute("update ls.schema_files set checksum = 'older'")
                }
                let report = try await migrator.migrate(database.pool)
                #expect(report.appliedFiles == isReleased)
                #expect(try await objects(database) == before)
                let rows = try await database.pool.execute(
                    """
                    select has_table_privilege($1, 'ls.ranker_status', 'select')
                        and has_function_privilege($1, 'ls.short_digest(bytea)', 'execute') as \
                    allowed
                    """, role)
                #expect(try rows.one().decode(Bool.self, "allowed"))
            }
            try await database.pool.execute("drop owned by \(role)")
            try await database.pool.execute("drop role \(role)")
        }
    }

    /// An admin let a role pass a right on, and it did: PostgreSQL does not take that back without
    /// taking it from the others, too.
    @Test func `the schema is migrated although rights on it were passed on`() async throws {
        try await TestLedger.withoutFixture { database in
            let pool = database.pool
            let role = "guest_of_\(database.name)"
            try await pool.withConnection { connection in
                try connection.executeScript(
                    """
                    create role \(role);
                    grant select on ls.ranker_status to ls_reader with grant option;
                    grant execute on function ls.short_digest to ls_operator with grant option;
                    set role ls_reader;
                    grant select on ls.ranker_status to \(role);
                    set role ls_operator;
                    grant execute on function ls.short_digest to \(role);
                    reset role;
                    grant select on ls.worker to ls_reader, public;
                    grant execute on function ls.housekeep to public;
                    revoke select on ls.worker_status from ls_reader;
                    """)
            }
            try await migrator.migrate(pool)
            for (right, isHeld) in [
                ("has_table_privilege('\(role)', 'ls.ranker_status', 'select')", true),
                ("has_function_privilege('\(role)', 'ls.short_digest(bytea)', 'execute')", true),
                ("has_table_privilege('ls_reader', 'ls.ranker_status', 'select')", true),
                // All else is as this release wants it.
                ("has_table_privilege('ls_reader', 'ls.worker_status', 'select')", true),
                ("has_table_privilege('ls_reader', 'ls.worker', 'select')", false),
                ("has_table_privilege('\(role)', 'ls.worker', 'select')", false),
                (
                    "has_function_privilege('\(role)', 'ls.housekeep(integer,boolean)', 'execute')",
                    false
                ),
            ] {
                let found: Bool = try await pool.execute("select \(right)").one().decode()
                #expect(found == isHeld, "\(right)")
            }
            // What was passed on is no owner's grant: it goes with the right that it came from.
            try await pool.execute("revoke all on ls.ranker_status from ls_reader cascade")
            try await pool.execute(
                "revoke all on function ls.short_digest from ls_operator cascade")
            try await pool.execute("drop owned by \(role)")
            try await pool.execute("drop role \(role)")
        }
    }

    private func objects(_ database: ThrowAwayDatabase) async throws -> [String] {
        try await database.pool.execute(
            """
            select oid::regprocedure || ' ' || oid as line from pg_proc
            where pronamespace = 'ls'::regnamespace
            union all
            select oid::regclass || ' ' || oid from pg_class
            where relnamespace in ('ls'::regnamespace, 'public'::regnamespace) order by 1
            """
        ).map { try $0.decode(String.self, "line") }
    }

    /// From each released schema on: a view of theirs on a table stays; one on a view that this
    /// release changes is named, and nothing happens.
    @Test(arguments: 1..<LedgerSchema.migrations.count)
    func `the schema is brought forward from an older release with what stands on it`(version: Int)
        async throws
    {
        let older = LedgerSchema.migrations.prefix(version).enumerated().map { index, file in
            Migration(version: index + 1, name: file.name, sql: file.bytes)
        }
        let files = [
            SQLFile(
                name: "worker_status",
                sql: "create or replace view ls.worker_status as select name as gone from ls.worker"
            ),
            SQLFile(
                name: "short_digest",
                sql:
                    """
                    create or replace function ls.short_digest(p_old text) returns text immutable \
                    language sql as 'select $1'
                    """
            ),
        ]
        try await ThrowAwayDatabase.with { database in
            try await Migrator(migrations: older, functions: files, logger: TestLedger.quiet)
                .migrate(database.pool)
            try await database.pool.withConnection { connection in
                try connection.executeScript(
                    """
                    create view names as select name from ls.worker;
                    create materialized view gone as select gone from ls.worker_status;
                    create table digest (short text default ls.short_digest('a'));
                    """)
            }
            do throws(LanguageSystemError) {
                try await migrator.migrate(database.pool)
                Issue.record("what others use was dropped")
            } catch {
                #expect(error.code == .schemaMismatch)
                #expect(
                    error.message
                        == """
                        cannot bring schema ls to this release: it changes or drops what \
                        others use: default value for public.digest.short uses function \
                        ls.short_digest(text); materialized view public.gone uses view \
                        ls.worker_status
                        """
                )
            }
            let version = try await database.pool.execute(
                "select max(version) as version from ls.schema_migration")
            #expect(try version.one().decode(Int.self, "version") == older.count)
            try await database.pool.execute("select gone from public.gone")
            try await database.pool.execute("drop materialized view gone")
            try await database.pool.execute("drop table digest")
            try await migrator.migrate(database.pool)
            try await database.pool.execute("select name from names")
            try await migrator.check(database.pool)
        }
    }

    /// A server of its own: the four roles belong to the whole of it.
    @Test func `the schema grants to roles that come later, at the next migration`() async throws {
        let path = FileManager.default.temporaryDirectory
            .appending(path: "ls-\(UUID().uuidString.prefix(8))").path
        defer { try? FileManager.default.removeItem(atPath: path) }
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        try FileManager.default.setAttributes([.posixPermissions: 0o711], ofItemAtPath: path)
        var configuration = EmbeddedClusterConfiguration(dataDirectory: path)
        configuration.isDurable = false
        let cluster = EmbeddedCluster(configuration, logger: TestLedger.quiet)
        try await cluster.start()
        let admin = ConnectionPool(
            PoolConfiguration(cluster.connectionInfo), logger: TestLedger.quiet)
        try await admin.withConnection { connection in
            try connection.executeScript(
                """
                create role limited;
                alter database language_system owner to limited;
                """)
        }
        // As somebody who may not create roles.
        let limited = ConnectionPool(
            PoolConfiguration(cluster.connectionInfo + " options='-c role=limited'"),
            logger: TestLedger.quiet)
        try await migrator.migrate(limited)
        #expect(
            try await LedgerStore.missingRoles(limited)
                == ["ls_reader", "ls_operator", "ls_admin", "ls_service"])
        try await admin.execute("create role ls_reader")
        try await admin.execute("create role ls_service")
        let report = try await migrator.migrate(limited)
        #expect(!report.appliedFiles)
        #expect(try await LedgerStore.missingRoles(limited) == ["ls_operator", "ls_admin"])
        let allowed = try await admin.execute(
            """
            select has_table_privilege('ls_reader', 'ls.ranker_status', 'select')
                and has_function_privilege('ls_service', f.housekeep, 'execute')
                and not has_function_privilege('ls_reader', f.housekeep, 'execute')
                and not has_table_privilege('ls_reader', 'ls.task', 'select') as right
            from (values ('ls.housekeep(integer,boolean)')) f (housekeep)
            """)
        #expect(try allowed.one().decode(Bool.self, "right"))
        // What a role should no longer have is taken back.
        try await admin.execute("grant execute on function ls.housekeep to ls_reader")
        try await migrator.migrate(limited)
        let taken = try await admin.execute(
            """
            select not has_function_privilege(
                'ls_reader', 'ls.housekeep(integer,boolean)', 'execute') as right
            """
        )
        #expect(try taken.one().decode(Bool.self, "right"))
        await limited.close()
        await admin.close()
        await cluster.stop()
    }
}
