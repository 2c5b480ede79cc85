// Where the tests of this target run: a database of their own with the whole schema, pgTAP and the
// fixture of sql/tests/support, so that SQL and Swift tests start from the same things.
import Foundation
import LanguageSystem
import Ledger
import Logging
import PostgresAccess
import PostgresTesting

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
            throw LanguageSystemError(
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

    /// A ready feature set of 400 queries.
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

    /// A version that a person makes champion, as long as nothing was measured.
    @discardableResult
    func champion(of ranker: String, weights: [UInt8] = [1]) async throws -> RankerVersionID {
        let version = try await store.addVersion(
            to: ranker, digest: .sha256(weights), weights: weights)
        try await store.promote(version, because: "there is no test set")
        return version
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

    /// The SQLSTATE that a statement fails with, past LedgerStore, which would try some of them
    /// again; nil: none.
    func refusal(of statement: String) async -> String? {
        do {
            try await database.pool.execute(statement)
            return nil
        } catch {
            return (error as? PostgresError)?.sqlState ?? "\(error)"
        }
    }

    /// The rules that hold after every transaction, whoever did what; each as one row where broken.
    func brokenRules() async throws -> [String] {
        let rows = try await database.pool.execute("select ls.broken_rules(true) as rule")
        return try rows.map { try $0.decode("rule") }
    }
}

extension LedgerStore {
    /// One worker's heartbeat, as coordinators hand on those of many.
    func renewLeases(
        of worker: WorkerID, _ leases: [LeaseProgress], lasting: Duration
    ) async throws(LanguageSystemError) -> [LeaseToken: LeaseAnswer] {
        try await renewLeases([worker: leases], seen: [worker], lasting: lasting)
            .answers[worker] ?? [:]
    }

    /// One worker's result, as coordinators hand in those of many.
    func completeEvaluation(
        by worker: WorkerID, _ token: LeaseToken, reports: [(featureSet: Digest, report: String)]
    ) async throws(LanguageSystemError) -> Bool {
        let result = EvaluationResult(
            worker: worker, token: token,
            reports: reports.map {
                EvaluationResultReport(featureSet: $0.featureSet, report: $0.report)
            })
        while true {
            do throws(LanguageSystemError) {
                return try await completeEvaluations([result]) == [true]
            } catch {
                // It waits for no lock: whoever hands in tries again, as coordinators do.
                guard error.code == .busy else { throw error }
            }
        }
    }
}
