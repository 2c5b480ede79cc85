// A coordinator measures again what workers said, on a real database: who said the truth is left in
// peace, who did not is found out, and two coordinators do each once.
import Coordination
import struct Crypto.SHA256
import Foundation
import LanguageSystem
import Ledger
import PostgresAccess
import PostgresTesting
import RankerMath
import Rankers
import Testing

@Suite(.timeLimit(.minutes(20))) struct `A referee` {
    @Test func `a referee confirms what is true, also what an older worker says`() async throws {
        try await TestRefereeing.with { refereeing in
            try await refereeing.handIn { $0 }
            try await refereeing.handIn { report in
                var older = report
                older.queryValues = nil
                return older
            }
            try await refereeing.decideAll(coordinatorCount: 1)
            #expect(try await refereeing.verdicts() == ["confirmed", "confirmed"])
            #expect(
                try await refereeing.text(
                    "select count(*) from ls.baseline where confirmed_at is not null") == "1")
            #expect(
                try await refereeing.text(
                    "select count(*) from ls.worker where quarantined_at is not null") == "0")
            #expect(try await refereeing.text("select count(*) from ls.broken_rules(true)") == "0")
        }
    }

    @Test func `a referee finds a lie out: its own figures stand, and the worker is shut out`()
        async throws
    {
        try await TestRefereeing.with { refereeing in
            let honest = try await refereeing.handIn { report in
                var lie = report
                lie.accuracy = report.oracle
                lie.queryValues = nil
                return lie
            }
            try await refereeing.decideAll(coordinatorCount: 1)
            #expect(try await refereeing.verdicts() == ["refuted"])
            #expect(
                try await refereeing.text(
                    "select accuracy || ' ' || (worker_id is null) from ls.evaluation")
                    == "\(honest.accuracy) true")
            #expect(
                try await refereeing.text("select quarantined_because from ls.worker").hasPrefix(
                    "what it measured was measured again: accuracy is \(honest.accuracy), it said"))
            #expect(try await refereeing.text("select count(*) from ls.broken_rules(true)") == "0")
        }
    }

    @Test func `a referee blames nobody for weights that cannot be read`() async throws {
        try await TestRefereeing.with { refereeing in
            try await refereeing.handIn(weights: Array("no ranker".utf8)) { $0 }
            try await refereeing.decideAll(coordinatorCount: 1)
            #expect(try await refereeing.verdicts() == ["failed"])
            #expect(
                try await refereeing.text(
                    "select count(*) from ls.worker where quarantined_at is not null") == "0")
        }
    }

    @Test func `of several referees one measures each evaluation again`()
        async throws
    {
        try await TestRefereeing.with { refereeing in
            for _ in 0..<6 { try await refereeing.handIn { $0 } }
            try await refereeing.decideAll(coordinatorCount: 3)
            #expect(try await refereeing.verdicts() == Array(repeating: "confirmed", count: 6))
            #expect(
                try await refereeing.text("select max(claim_count) from ls.evaluation_check") == "1"
            )
        }
    }
}

/// A database with a test set of its own, a worker, and every evaluation measured again.
private final class TestRefereeing: Sendable {
    let database: ThrowAwayDatabase
    let ledger: LedgerStore
    let worker: WorkerID
    let set: FeatureSet

    private init(_ database: ThrowAwayDatabase, _ worker: WorkerID, _ set: FeatureSet) {
        self.database = database
        ledger = LedgerStore(pool: database.pool)
        self.worker = worker
        self.set = set
    }

    static func with(_ body: (TestRefereeing) async throws -> Void) async throws {
        try await ThrowAwayDatabase.with(TestServing.template) { database in
            let bytes = features()
            try await database.pool.execute("select ls.import_feature_file($1)", bytes)
            try await database.pool.execute(
                "select ls.register_ranker('tiny', 'pointwise', p_domain => 'code')")
            try await database.pool.execute("update ls.check_policy set share = 1")
            // The incumbent of every version is the first sample: no other version is measured.
            try await database.pool.execute(
                """
                select ls.remove_alias(r.name, 'champion', 'nobody else serves')
                from ls.ranker_alias join ls.ranker r using (ranker_id) where alias = 'champion'
                """)
            let worker: WorkerID = try await database.pool.execute(
                """
                insert into ls.worker (name, public_key_sha256) values ('w', sha256('key'))
                returning worker_id
                """
            ).one().decode()
            try await body(
                TestRefereeing(database, worker, try FeatureSet(safetensors: bytes)))
        }
    }

    /// Eight queries with twelve responses each, labels at random.
    private static func features() -> [UInt8] {
        var generator = Generator(seed: 11)
        let (queries, pool, width) = (8, 12, TestServing.hiddenSize)
        var writer = SafetensorsWriter(metadata: [
            "format": "features/1", "base_model": "tiny", "hidden_size": "\(width)",
            "domain": "code", "split": "test", "label_kind": "binary",
        ])
        func numbers(_ rows: Int) -> [Float] {
            (0..<rows * width).map { _ in Float(generator.normal()) }
        }
        writer.add("instruction", .f32, [queries, width], numbers(queries))
        writer.add("responses", .f32, [queries * pool, width], numbers(queries * pool))
        writer.add("offsets", .i64, [queries + 1], (0...queries).map { Int64($0 * pool) })
        writer.add(
            "labels", .f32, [queries * pool],
            (0..<queries * pool).map { _ in Float(generator.below(2)) })
        return writer.bytes()
    }

    /// A new version, which the worker measures; what it says of that is up to `change`.
    ///
    /// - Returns: What is true.
    @discardableResult
    func handIn(
        weights other: [UInt8]? = nil, _ change: (EvaluationReport) -> EvaluationReport
    ) async throws -> EvaluationReport {
        let count: Int = try await database.pool.execute("select count(*) from ls.ranker_version")
            .one().decode()
        let weights = TestServing.weights(UInt64(100 + count))
        let bytes = other ?? weights.safetensors()
        _ = try await ledger.addVersion(
            to: "code.pointwise", digest: Digest(bytes: SHA256.hash(data: bytes))!,
            weights: bytes)
        let found = try evaluate(weights, on: set)
        let lease = try #require(
            try await ledger.leaseTasks(
                for: worker, kinds: [.evaluate], countMax: 1, lasting: .seconds(60)
            ).first)
        let counted = try await ledger.completeEvaluations([
            EvaluationResult(
                worker: worker, token: lease.token,
                reports: [
                    EvaluationResultReport(featureSet: set.digest, report: change(found).json)
                ])
        ])
        #expect(counted == [true])
        return found
    }

    /// Until nothing is left to measure again.
    func decideAll(coordinatorCount: Int) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<coordinatorCount {
                let referee = Referee(
                    ledger: ledger, interval: .milliseconds(10), logger: TestDispatch.quiet)
                group.addTask { try await referee.run() }
            }
            while try await text(
                "select count(*) from ls.evaluation_check where decided_at is null")
                != "0"
            {
                try await Task.sleep(for: .milliseconds(10))
            }
            group.cancelAll()
        }
    }

    /// Of the evaluations of versions that were handed in, in their order.
    func verdicts() async throws -> [String] {
        try await database.pool.execute(
            """
            select coalesce(verdict, 'open') as verdict from ls.evaluation_check
            order by evaluation_check_id
            """
        ).map { try $0.decode("verdict") }
    }

    func text(_ query: String) async throws -> String {
        try await database.pool.execute("select (\(query))::text").one().decode()
    }
}
