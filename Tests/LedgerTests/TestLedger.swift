// Where the tests of this target run: a database of their own with the whole schema, pgTAP and the
// fixture of sql/tests/support, so that SQL and Swift tests start from the same things.
import CoordinationTesting
import Foundation
import LanguageSystem
import Ledger
import Logging
import PostgresAccess

/// A database of one test.
struct TestLedger: Sendable {
    let database: ThrowAwayDatabase
    let store: LedgerStore

    static let sqlFolder = URL(filePath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "sql")

    static let template = ThrowAwayDatabase.Template("ledger") { pool in
        try await LedgerStore.migrator(logger: quiet).migrate(pool)
        let available = try await pool.execute(
            "select from pg_available_extensions where name = 'pgtap'")
        guard !available.isEmpty else {
            throw CoordinatorError(
                .invalidSettings, "cannot run the SQL tests: PostgreSQL has no extension pgtap",
                hint: "apt-get install postgresql-15-pgtap")
        }
        let fixture = try String(
            contentsOf: sqlFolder.appending(path: "tests/support/fixture.sql"), encoding: .utf8)
        try await pool.withConnection { connection in
            try connection.executeScript("create extension pgtap")
            try connection.executeScript(fixture)
        }
    }

    static let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    /// Runs `body` with a fresh database that has base model `tiny` (hidden size 4) and the domains
    /// `math/algebra`, `math/geometry` and `code`.
    static func with<T>(
        connectionCountMax: Int = 4, _ body: (TestLedger) async throws -> T
    ) async throws -> T {
        try await ThrowAwayDatabase.with(template, connectionCountMax: connectionCountMax) {
            database in
            try await database.pool.execute("select fixture.base_model()")
            return try await body(
                TestLedger(database: database, store: LedgerStore(pool: database.pool)))
        }
    }

    /// Runs `body` with a fresh database that has the schema and nothing else, not even pgTAP.
    static func withoutFixture<T>(
        _ body: (ThrowAwayDatabase) async throws -> T
    ) async throws -> T {
        try await ThrowAwayDatabase.with(bareTemplate, body)
    }

    private static let bareTemplate = ThrowAwayDatabase.Template("bare ledger") { pool in
        try await LedgerStore.migrator(logger: quiet).migrate(pool)
    }

    /// A ready feature set of three queries.
    @discardableResult
    func featureSet(_ domain: String, _ split: Split, salt: String = "") async throws
        -> FeatureSetID
    {
        try await database.pool.execute(
            "select fixture.feature_set($1, $2, $3)", domain, split.rawValue, salt
        ).one().decode()
    }

    @discardableResult
    func ranker(_ domain: String) async throws -> String {
        try await database.pool.execute("select fixture.ranker($1)", domain).one().decode()
    }

    func worker(_ name: String) async throws -> WorkerID {
        try await database.pool.execute("select fixture.worker($1)", name).one().decode()
    }

    /// The lease of the task's open attempt ran out an hour ago.
    func letExpire(_ task: TaskID) async throws {
        try await database.pool.execute("select fixture.let_expire($1)", task)
    }

    func count(_ query: String) async throws -> Int {
        try await database.pool.execute("select count(*) from \(query)").one().decode()
    }

    /// The rules that hold after every transaction, whoever did what; each as one row where broken.
    func brokenRules() async throws -> [String] {
        let rows = try await database.pool.execute(
            """
            select 'task ' || task_id || ' has ' || count(*) || ' open attempts' as rule
                from ls.attempt where state = 'open' group by task_id having count(*) > 1
            union all select 'task ' || task_id || ' is ' || t.state || ' with an open attempt'
                from ls.task t join ls.attempt a using (task_id)
                where a.state = 'open' and t.state <> 'leased'
            union all select 'task ' || task_id || ' is leased to nobody' from ls.task t
                where state = 'leased' and not exists (
                    select from ls.attempt a where a.task_id = t.task_id and a.state = 'open')
            union all select 'task ' || t.task_id || ' is ' || t.state || ' with '
                    || count(a.task_id) || ' succeeded attempts'
                from ls.task t left join ls.attempt a
                    on a.task_id = t.task_id and a.state = 'succeeded'
                group by t.task_id, t.state
                having count(a.task_id) <> (t.state = 'done')::integer
            union all select 'task ' || task_id || ' lost count of its attempts'
                from ls.task t left join ls.attempt a using (task_id)
                group by task_id having t.attempt_count <> count(a.number)
                    or t.attempt_count <> coalesce(max(a.number), 0)
            union all select 'version ' || min(version_id) || ' is doubled' from ls.ranker_version
                group by ranker_id, digest having count(*) > 1
            union all select 'ranker ' || ranker_id || ' has a gap in its versions'
                from ls.ranker_version group by ranker_id having max(number) <> count(*)
            union all select 'version ' || v.version_id || ' comes from an attempt that did not succeed'
                from ls.ranker_version v join ls.attempt a
                    on a.task_id = v.task_id and a.number = v.attempt_number
                where a.state <> 'succeeded' or a.version_id <> v.version_id
            union all select 'a done train task ' || task_id || ' has no version'
                from ls.attempt join ls.task using (task_id)
                where attempt.state = 'succeeded' and kind = 'train' and attempt.version_id is null
            union all select 'alias ' || alias || ' is not where its history ends'
                from ls.ranker_alias r where version_id <> (
                    select to_version_id from ls.alias_history h
                    where h.ranker_id = r.ranker_id and h.alias = r.alias
                    order by alias_history_id desc limit 1)
            union all select 'request ' || request_key || ' is open twice' from ls.task
                where state in ('waiting', 'leased') group by request_key having count(*) > 1
            union all select 'sweep ' || s.sweep_id || ' waits for nothing' from ls.sweep s
                where s.ended_at is null and not exists (
                    select from ls.sweep_result r where r.sweep_id = s.sweep_id
                        and r.state in ('waiting', 'training', 'measuring'))
            union all select 'sweep ' || s.sweep_id || ' ended before its trainings' from ls.sweep s
                where s.ended_at is not null and exists (
                    select from ls.sweep_result r where r.sweep_id = s.sweep_id
                        and r.state in ('waiting', 'training'))
            """)
        return try rows.map { try $0.decode("rule") }
    }
}
