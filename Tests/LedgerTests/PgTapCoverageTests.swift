// What the pgTAP tests leave out. Every refusal in sql/functions is a statement that names its
// SQLSTATE; here ls.refuse reports where it was called from, all tests run, and each such statement
// must have been reached. (A refusal that no test expects aborts its test, so reached means
// expected.)
import Foundation
import PostgresAccess
import PostgresTesting
import Testing

@Suite(.timeLimit(.minutes(20))) struct `pgTAP tests` {
    @Test func `the pgTAP tests provoke every refusal of every function`() async throws {
        let (sites, reached) = try await ThrowAwayDatabase.with(Self.reporting) { database in
            (
                try await RefusalSite.all(in: database.pool),
                try await Self.reachedByAllTests(Self.reporting)
            )
        }
        try #require(sites.count > 100, "the refusals were found at all")
        let missing = sites.subtracting(reached).sorted { $0.description < $1.description }
        #expect(missing.isEmpty, "no pgTAP test expects: \(missing)")
    }

    @Test func `the pgTAP tests call every function that a role may call`() async throws {
        let tests = try PgTap.files.map {
            try String(contentsOf: PgTap.folder.appending(path: $0), encoding: .utf8)
        }.joined()
        let granted = try await TestLedger.withoutFixture { database in
            // A procedure that commits cannot run inside pgTAP: WaitForTasksTests calls it.
            try await database.pool.execute(
                """
                select distinct proname::text as name from pg_proc,
                    unnest(array['ls_reader', 'ls_operator', 'ls_admin', 'ls_service']) role
                where pronamespace = 'ls'::regnamespace and prokind = 'f'
                    and has_function_privilege(role, pg_proc.oid, 'execute')
                """
            ).map { try $0.decode(String.self, "name") }
        }
        try #require(granted.count > 40)
        for name in granted.sorted() {
            #expect(tests.contains("ls.\(name)("), "no pgTAP test calls ls.\(name)")
        }
    }

    /// The schema of the other tests, its ls.refuse saying where it is called from.
    private static let reporting = ThrowAwayDatabase.Template("reporting") { pool in
        try await TestLedger.template.prepare(pool)
        try await pool.withConnection { connection in
            try connection.executeScript(
                #"""
                create or replace function ls.refuse(p_sqlstate text, p_message text, p_hint text \#
                default null)
                returns void language plpgsql as $$
                declare
                    v_context text;
                begin
                    get diagnostics v_context = pg_context;
                    raise warning 'refused from %', replace(v_context, E'\n', ' <- ');
                    raise exception using errcode = p_sqlstate, message = p_message, hint = \#
                coalesce(p_hint, '');
                end
                $$
                """#)
        }
    }

    private static func reachedByAllTests(
        _ template: ThrowAwayDatabase.Template
    ) async throws -> Set<RefusalSite> {
        try await withThrowingTaskGroup(of: Set<RefusalSite>.self) { group in
            for file in PgTap.files {
                group.addTask {
                    let output = try await ThrowAwayDatabase.with(template) {
                        try await PgTap.run(file, in: $0)
                    }
                    return RefusalSite.reached(in: output)
                }
            }
            return try await group.reduce(into: []) { $0.formUnion($1) }
        }
    }
}

/// One statement that refuses: a function of ours and the line in its body.
private struct RefusalSite: Hashable, CustomStringConvertible {
    let function: String
    let line: Int

    var description: String { "\(function) line \(line)" }

    static func all(in pool: ConnectionPool) async throws -> Set<RefusalSite> {
        let rows = try await pool.execute(
            """
            select proname::text as name, prosrc as source from pg_proc
            where pronamespace = 'ls'::regnamespace and proname <> 'refuse'
            """)
        var sites: Set<RefusalSite> = []
        for row in rows {
            let name = try row.decode(String.self, "name")
            let lines = try row.decode(String.self, "source")
                .split(separator: "\n", omittingEmptySubsequences: false)
            for (index, line) in lines.enumerated()
            where line.contains("ls.refuse(") || line.contains("ls.refuse_features(") {
                sites.insert(RefusalSite(function: name, line: index + 1))
            }
        }
        return sites
    }

    /// Every function and line on the way to a refusal, as PostgreSQL's context names them.
    static func reached(in output: String) -> Set<RefusalSite> {
        let pattern = /PL\/pgSQL function ls\.(\w+)\([^)]*\) line (\d+)/
        var sites: Set<RefusalSite> = []
        for line in output.split(separator: "\n") where line.contains("refused from ") {
            for match in line.matches(of: pattern) {
                sites.insert(RefusalSite(function: String(match.1), line: Int(match.2)!))
            }
        }
        return sites
    }
}
