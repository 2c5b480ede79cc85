// A new release's functions and views over an older one's, with what admins built on those.
import Concurrency
import LanguageSystem
import Logging
import PostgresTesting
import Testing

@testable import PostgresAccess

@Suite struct `Functions and views of another release` {
    private static let table = Migration(
        version: 1, name: "make t",
        sql: "create table ls.t (n int, m int); insert into ls.t values (1, 2);")
    private static let half = SQLFile(
        name: "half",
        sql:
            """
            create or replace function ls.half(p int) returns int immutable language sql as \
            'select p / 2'
            """
    )
    private static let first = SQLFile(
        name: "first",
        sql: "create or replace view ls.first as select n, ls.half(n) as half from ls.t")
    private static let second = SQLFile(
        name: "second", sql: "create or replace view ls.second as select half from ls.first")

    private func apply(_ files: [SQLFile], _ database: ThrowAwayDatabase, _ logger: Logger = quiet)
        async throws
    {
        try await Migrator(migrations: [Self.table], functions: files, logger: logger)
            .migrate(database.pool)
    }

    /// The object as the catalogue knows it; nil when there is none.
    private func number(_ object: String, _ database: ThrowAwayDatabase) async throws -> Int? {
        try await database.pool.execute(
            """
            select case when $1 like '%(%' then to_regprocedure($1)::oid
                else to_regclass($1)::oid end::bigint as oid
            """, object
        ).one().decode(Int?.self, "oid")
    }

    private func answer(_ sql: String, _ database: ThrowAwayDatabase) async throws -> Int {
        try await database.pool.execute("select (\(sql))::int").one().decode()
    }

    @Test func `functions are replaced where they stand: what others built on them stays`()
        async throws
    {
        try await ThrowAwayDatabase.with { database in
            try await apply([Self.half, Self.first, Self.second], database)
            let role = "reader_of_\(database.name)"
            try await database.pool.withConnection { connection in
                try connection.executeScript(
                    """
                    create role \(role);
                    grant select on ls.first to \(role);
                    grant execute on function ls.half to \(role);
                    create view report as select half from ls.first;
                    create materialized view kept as select half from ls.second;
                    create table own (n int check (ls.half(n) < 9), h int default ls.half(4),
                        g int generated always as (ls.half(n)) stored);
                    """)
            }
            let names = ["ls.half(int)", "ls.first", "ls.second", "report", "kept"]
            var numbers: [Int?] = []
            for name in names { numbers.append(try await number(name, database)) }
            // Other bodies, and a column more at the end.
            let changed = [
                SQLFile(name: "half", sql: Self.half.sql.replacing("p / 2", with: "p - p / 2")),
                SQLFile(name: "first", sql: Self.first.sql.replacing(" from", with: ", m from")),
                Self.second,
            ]
            for files in [changed, changed + [SQLFile(name: "none", sql: "select 1")]] {
                try await apply(files, database)
                for (name, oid) in zip(names, numbers) {
                    #expect(try await number(name, database) == oid && oid != nil, "\(name)")
                }
            }
            #expect(try await answer("select half from report", database) == 1)
            let isAllowed = try await database.pool.execute(
                """
                select has_table_privilege($1, 'ls.first', 'select')
                    and has_function_privilege($1, 'ls.half(int)', 'execute')
                """, role
            ).one().decode(Bool.self)
            #expect(isAllowed)
            try await database.pool.execute("drop owned by \(role)")
            try await database.pool.execute("drop role \(role)")
        }
    }

    @Test func `functions whose result changed are made anew, with what of ours uses them`()
        async throws
    {
        try await ThrowAwayDatabase.with { database in
            let gone = SQLFile(
                name: "gone",
                sql: "create or replace function ls.gone() returns int language sql as 'select 1'")
            try await apply([Self.half, gone, Self.first, Self.second], database)
            let role = "analyst_of_\(database.name)"
            try await database.pool.withConnection { connection in
                try connection.executeScript(
                    """
                    create role \(role);
                    grant select on ls.second to \(role) with grant option;
                    grant select (half) on ls.first to \(role);
                    """)
            }
            // Another result type; an argument more, ambiguous beside the older one.
            let changed = [
                SQLFile(
                    name: "half",
                    sql: """
                        create or replace function ls.half(p int, q int default 2) returns bigint
                        immutable language sql as 'select p::bigint / q'
                        """), Self.first, Self.second,
            ]
            try await apply(changed, database)
            #expect(try await number("ls.half(int)", database) == nil)
            #expect(try await number("ls.gone()", database) == nil)
            #expect(try await answer("select half from ls.second", database) == 0)
            let isAllowed = try await database.pool.execute(
                """
                select has_table_privilege($1, 'ls.second', 'select with grant option')
                    and has_column_privilege($1, 'ls.first', 'half', 'select')
                    and not has_column_privilege($1, 'ls.first', 'n', 'select')
                """, role
            ).one().decode(Bool.self)
            #expect(isAllowed)
            let oid = try await number("ls.second", database)
            try await apply(changed + [SQLFile(name: "none", sql: "select 1")], database)
            #expect(try await number("ls.second", database) == oid)
            try await database.pool.execute("drop owned by \(role)")
            try await database.pool.execute("drop role \(role)")
        }
    }

    /// What an admin allowed goes over to what stands in a thing's place, and what he set of a view
    /// stays; what nothing stands in for is named.
    @Test func `functions and views keep the rights and options given, or name what is lost`()
        async throws
    {
        try await ThrowAwayDatabase.with { database in
            let lines = Locked<[String]>([])
            let logger = Logger(label: "test") { _ in LineLog(lines: lines) }
            let gone = SQLFile(
                name: "gone",
                sql: "create or replace function ls.gone() returns int language sql as 'select 1'")
            try await apply([Self.half, gone, Self.first, Self.second], database)
            let role = "ada_of_\(database.name)"
            try await database.pool.withConnection { connection in
                try connection.executeScript(
                    """
                    create role \(role);
                    grant execute on function ls.half to \(role) with grant option;
                    grant execute on function ls.gone to \(role);
                    grant select (n) on ls.first to \(role);
                    grant select (half) on ls.first to \(role);
                    grant select on ls.second to \(role);
                    alter view ls.first set (security_barrier = true);
                    alter view ls.second set (security_invoker = true, security_barrier = false);
                    """)
            }
            // An argument more and another result; a column of another type, and one less.
            let changed = [
                SQLFile(
                    name: "half",
                    sql:
                        """
                        create or replace function ls.half(p int, q int default 2) returns bigint \
                        immutable language sql as 'select p::bigint / q'
                        """
                ),
                SQLFile(
                    name: "first",
                    sql: "create or replace view ls.first as select ls.half(n) as half from ls.t"),
                SQLFile(
                    name: "second",
                    sql:
                        """
                        create or replace view ls.second with (security_barrier) as select half \
                        from ls.first
                        """
                ),
            ]
            // Dropped and made anew; then replaced where it stands.
            for files in [changed, changed + [SQLFile(name: "none", sql: "select 1")]] {
                try await apply(files, database, logger)
                let isKept = try await database.pool.execute(
                    """
                    select has_function_privilege($1, 'ls.half(int, int)', 'execute with grant \
                    option')
                        and has_column_privilege($1, 'ls.first', 'half', 'select')
                        and has_table_privilege($1, 'ls.second', 'select')
                        and (select reloptions from pg_class where oid = 'ls.first'::regclass)
                            = '{security_barrier=true}'
                        and (select reloptions @> '{security_barrier=true,security_invoker=true}'
                            from pg_class where oid = 'ls.second'::regclass)
                    """, role
                ).one().decode(Bool.self)
                #expect(isKept)
            }
            let lost = lines.withLock { $0.filter { $0.hasPrefix("warning: ") } }
            #expect(
                Set(lost) == [
                    """
                    warning: a right is lost with what it was on: select (n) on view ls.first to \
                    \(role)
                    """,
                    """
                    warning: a right is lost with what it was on: execute on function ls.gone() to \
                    \(role)
                    """,
                ])
            try await database.pool.execute("drop owned by \(role)")
            try await database.pool.execute("drop role \(role)")
        }
    }

    /// A rule is somebody's own, unlike the one that makes a view a view.
    @Test func `views that carry somebody's rule keep it, or it is named`() async throws {
        try await ThrowAwayDatabase.with { database in
            try await apply([Self.half, Self.first], database)
            try await database.pool.execute(
                "create rule noted as on insert to ls.first do instead nothing")
            let wider = SQLFile(
                name: "first", sql: Self.first.sql.replacing(" from", with: ", m from"))
            try await apply([Self.half, wider], database)
            let rules = "select count(*) from pg_rewrite where rulename = 'noted'"
            #expect(try await answer(rules, database) == 1)
            let half = SQLFile(
                name: "half", sql: Self.half.sql.replacing("returns int", with: "returns bigint"))
            let error = await coordinatorError { try await apply([half, wider], database) }
            #expect(error?.code == .schemaMismatch)
            #expect(
                error?.message.hasSuffix("others use: rule noted on ls.first uses view ls.first")
                    == true, "\(error?.message ?? "")")
            #expect(try await answer(rules, database) == 1)
        }
    }

    @Test func `functions and views replace nothing that somebody else made by the same name`()
        async throws
    {
        try await ThrowAwayDatabase.with { database in
            try await apply([Self.half], database)
            for (theirs, words) in [
                ("view ls.first as select 7 as n, 7 as half", "view ls.first"),
                ("view ls.first as select 'seven' as own", "view ls.first"),
            ] {
                try await database.pool.execute("create \(theirs)")
                let error = await coordinatorError {
                    try await apply([Self.half, Self.first], database)
                }
                #expect(error?.code == .schemaMismatch)
                #expect(
                    error?.message
                        == """
                        cannot bring schema ls to this release: it has something of its own by \
                        the name of what others made there: \(words)
                        """
                )
                #expect(try await answer("select count(*) from ls.first", database) == 1)
                try await database.pool.execute("drop view ls.first")
            }
            try await apply([Self.half, Self.first], database)
        }
    }

    /// One that has another result, one that is gone, a view with a column less: all that others
    /// have built on them is named at once, and stays as it was.
    @Test func `functions that others use are named with their users, and nothing is touched`()
        async throws
    {
        try await ThrowAwayDatabase.with { database in
            let gone = SQLFile(
                name: "gone",
                sql:
                    """
                    create or replace function ls.gone(p int) returns int immutable language sql \
                    as 'select p'
                    """
            )
            try await apply([Self.half, gone, Self.first, Self.second], database)
            try await database.pool.withConnection { connection in
                try connection.executeScript(
                    """
                    create schema theirs;
                    create view theirs.report as select half from ls.second;
                    create materialized view theirs.kept as select n from ls.first;
                    create table theirs.own (n int default ls.gone(7), g int generated always as \
                    (ls.half(n)) stored,
                        constraint small check (ls.gone(n) < 9), row_of ls.first);
                    create index by_half on theirs.own (ls.half(n));
                    create policy halves on theirs.own using (ls.half(n) = 1);
                    create function theirs.twice(p int) returns int language sql return ls.gone(p) \
                    * 2;
                    create function theirs.rows() returns setof ls.second language sql as 'select \
                    * from ls.second';
                    create function theirs.note() returns trigger language plpgsql as 'begin \
                    return new; end';
                    create trigger noted before insert on theirs.own for each row when \
                    (ls.gone(new.n) = 1) execute function theirs.note();
                    insert into theirs.own values (2);
                    """)
            }
            let before = try await snapshot(database)
            let less = [
                SQLFile(
                    name: "half",
                    sql: Self.half.sql.replacing("returns int", with: "returns bigint")),
                SQLFile(
                    name: "first",
                    sql: "create or replace view ls.first as select ls.half(n) as half from ls.t"),
                Self.second,
            ]
            let error = await coordinatorError { try await apply(less, database) }
            #expect(error?.code == .schemaMismatch)
            #expect(error?.hint?.contains("nothing was changed") == true)
            for words in [
                "view theirs.report uses view ls.second",
                "materialized view theirs.kept uses view ls.first",
                "default value for theirs.own.n uses function ls.gone(integer)",
                "default value for theirs.own.g uses function ls.half(integer)",
                "table constraint small on theirs.own uses function ls.gone(integer)",
                "table column theirs.own.row_of uses type ls.first",
                "index theirs.by_half uses function ls.half(integer)",
                "policy halves on theirs.own uses function ls.half(integer)",
                "function theirs.twice(integer) uses function ls.gone(integer)",
                "function theirs.rows() uses type ls.second",
                "trigger noted on theirs.own uses function ls.gone(integer)",
            ] {
                #expect(error?.message.contains(words) == true, "\(words): \(error?.message ?? "")")
            }
            #expect(try await snapshot(database) == before)
            // Once they are out of the way it goes through.
            try await database.pool.execute("drop schema theirs cascade")
            try await apply(less, database)
            #expect(try await number("ls.gone(int)", database) == nil)
        }
    }

    private func snapshot(_ database: ThrowAwayDatabase) async throws -> [String] {
        try await database.pool.execute(
            """
            select 'c' || oid || ' ' || xmin as line from pg_class
            where relnamespace::regnamespace::text in ('ls', 'theirs')
            union all
            select 'p' || oid || ' ' || xmin from pg_proc
            where pronamespace::regnamespace::text in ('ls', 'theirs')
            union all select checksum from ls.schema_files order by 1
            """
        ).map { try $0.decode(String.self, "line") }
    }

    @Test func `functions and views leave what somebody else made in the schema`() async throws {
        try await ThrowAwayDatabase.with { database in
            try await apply([Self.half, Self.first], database)
            try await database.pool.withConnection { connection in
                try connection.executeScript(
                    """
                    create view ls.mine as select n from ls.t;
                    create function ls.own() returns int language sql as 'select 3';
                    create view ls.on_first as select n from ls.first;
                    """)
            }
            try await apply([Self.half, Self.first, Self.second], database)
            #expect(try await answer("select n from ls.mine", database) == 1)
            #expect(try await answer("ls.own()", database) == 3)
            let error = await coordinatorError { try await apply([Self.half], database) }
            #expect(error?.message.contains("view ls.on_first uses view ls.first") == true)
            #expect(try await answer("select n from ls.on_first", database) == 1)
        }
    }

    @Test func `functions that are wrong are named, however much else had to change`() async throws
    {
        try await ThrowAwayDatabase.with { database in
            try await apply([Self.half, Self.first], database)
            let bad = SQLFile(
                name: "bad", sql: "create or replace view ls.bad as select nothing from ls.t")
            let half = SQLFile(
                name: "half", sql: Self.half.sql.replacing("returns int", with: "returns bigint"))
            for files in [[Self.half, Self.first, bad], [half, Self.first, bad], [bad]] {
                let error = await coordinatorError { try await apply(files, database) }
                #expect(
                    error?.message
                        == """
                        bad failed and nothing of it was kept: column \"nothing\" does not exist
                        """
                )
                #expect(try await answer("select half from ls.first", database) == 0)
            }
        }
    }

    @Test func `functions and views in a database that is not UTF8 are refused`() async throws {
        try await ThrowAwayDatabase.with { database in
            let name = "ascii_of_\(database.name)"
            try await database.pool.execute(
                "create database \(name) encoding 'SQL_ASCII' locale 'C' template template0",
                deadline: .seconds(60))
            let pool = ConnectionPool(
                PoolConfiguration(
                    database.connectionInfo.replacing(database.name, with: name)), logger: quiet)
            for isMigrating in [true, false] {
                let migrator = Migrator(
                    migrations: [Self.table], functions: [], logger: quiet)
                let error = await coordinatorError {
                    if isMigrating {
                        try await migrator.migrate(pool)
                    } else {
                        try await migrator.check(pool)
                    }
                }
                #expect(error?.code == .invalidSettings)
                #expect(
                    error?.message
                        == "cannot use this database: its encoding is SQL_ASCII, names need UTF8")
            }
            await pool.close()
            try await database.pool.execute("drop database \(name) with (force)")
        }
    }

    @Test func `a migration says so when another is under way`() async throws {
        try await ThrowAwayDatabase.with { database in
            let lines = Locked<[String]>([])
            let logger = Logger(label: "test") { _ in LineLog(lines: lines) }
            let held = Gate()
            let pool = database.pool { $0.connectionCountMax = 1 }
            let process = try await backend(pool)
            async let other: Void = pool.transaction { connection in
                try connection.execute("select pg_advisory_xact_lock(7814710077892485492)")
                Task { await held.open() }
                while lines.withLock({ $0.isEmpty }) {
                    try connection.execute("select pg_sleep(0.01)")
                }
            }
            await held.wait()
            try await apply([Self.half], database, logger)
            try await other
            #expect(
                lines.withLock { $0 }.contains {
                    $0.contains("another program is migrating this database (process \(process))")
                })
            await pool.close()
        }
    }
}
