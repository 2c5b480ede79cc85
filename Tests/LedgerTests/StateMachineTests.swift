// Workers, operators and time do random things in random order; the rules of the ledger hold after
// each. A failing seed fails again.
import LanguageSystem
import Ledger
import PostgresAccess
import PostgresTesting
import Testing

@Suite struct `Task states under random operations` {
    @Test(arguments: Array(1...6) as [UInt64])
    func `task states keep every rule after each random operation`(seed: UInt64) async throws {
        try await TestLedger.with { ledger in
            var player = try await Player(ledger, seed: seed, name: "w")
            for _ in 0..<220 {
                let step = try await player.step()
                let broken = try await ledger.brokenRules()
                try #require(broken == [], "after \(step), seed \(seed)")
            }
            // The walk must have been somewhere.
            #expect(try await ledger.count("ls.ranker_version") > 0)
            #expect(try await ledger.count("ls.attempt_history where state = 'expired'") > 0)
            #expect(try await ledger.count("ls.task_archive where state = 'done'") > 0)
        }
    }

    @Test func `task states keep every rule with six at work at once`() async throws {
        try await TestLedger.with(connectionCountMax: 8) { ledger in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for index in 1...6 {
                    var player = try await Player(
                        ledger, seed: UInt64(100 + index), name: "w\(index)", isAlone: false)
                    group.addTask {
                        for _ in 0..<80 { _ = try await player.step() }
                    }
                }
                for _ in 0..<40 { #expect(try await ledger.brokenRules() == []) }
                try await group.waitForAll()
            }
            #expect(try await ledger.brokenRules() == [])
        }
    }
}

/// Does one random thing at a time. Remembers tokens longer than it should.
private struct Player {
    enum Step: CaseIterable {
        case requestTraining, requestEvaluation, requestSweep, lease, renew, completeTraining
        case completeEvaluation, fail, loseLease, expire, release, cancel, redrive, promote
        case requestAfter, requestMatrix, userComes, forgetUser, archive
    }

    let ledger: TestLedger
    let worker: WorkerID
    var generator: SplitMix
    var leases: [TaskLease] = []
    let isAlone: Bool

    init(_ ledger: TestLedger, seed: UInt64, name: String, isAlone: Bool = true) async throws {
        self.ledger = ledger
        self.isAlone = isAlone
        worker = try await ledger.worker(name)
        generator = SplitMix(state: seed)
        if try await ledger.count("ls.feature_set") == 0 {
            for domain in ["code", "math/algebra"] {
                try await ledger.featureSet(domain, .train)
                try await ledger.featureSet(domain, .test)
                try await ledger.ranker(domain)
            }
        }
    }

    mutating func step() async throws -> Step {
        // Work comes up more often than trouble, or nothing would ever be done.
        let steps: [Step] =
            Step.allCases + [.lease, .lease, .completeTraining, .completeTraining]
            + [.completeEvaluation, .completeEvaluation, .requestTraining, .loseLease]
        let step = steps.randomElement(using: &generator)!
        do {
            try await perform(step)
        } catch let error as LanguageSystemError {
            // Refusals are answers; anything else is a bug.
            let refusals: Set<ErrorCode> = [
                .forbiddenTransition, .alreadyExists, .unknownVersion, .unknownTask,
                .invalidArgument, .unknownDomain, .unknownFeatureSet, .unknownRanker,
            ]
            guard refusals.contains(error.code) else { throw error }
        }
        return step
    }

    private mutating func perform(_ step: Step) async throws {
        let store = ledger.store
        let ranker = ["code.listwise", "math/algebra.listwise"].randomElement(using: &generator)!
        let task = TaskID(Int64.random(in: 1...20, using: &generator))
        let version = RankerVersionID(Int64.random(in: 1...12, using: &generator))
        let lease = leases.randomElement(using: &generator)
        switch step {
        case .requestTraining:
            _ = try await store.requestTraining(
                ranker, seed: Int64.random(in: 1...4, using: &generator))
        case .requestEvaluation:
            _ = try await store.requestEvaluation(version)
        case .requestSweep:
            let epochs = Int.random(in: 1...2, using: &generator)
            _ = try await store.requestSweep(
                ranker, configurations: #"[{"epochs": \#(epochs)}, {"epochs": 3}]"#)
        case .requestAfter:
            let needed = TaskID(Int64.random(in: 1...40, using: &generator))
            _ = try await store.requestTraining(
                ranker, seed: Int64.random(in: 5...9, using: &generator), after: [task, needed])
        case .requestMatrix:
            _ = try await store.requestMatrix(
                baseModel: "tiny", pattern: ["math/*", "code"].randomElement(using: &generator)!)
        case .userComes:
            try await ledger.database.pool.execute(
                """
                select fixture.ranker('code', p_user => 'ada'),
                    fixture.feature_set('code', 'train', $1, p_user => 'ada')
                """, "ada \(UInt64.random(in: 0...(1 << 60), using: &generator))")
            _ = try await store.requestTraining("~ada/code.listwise")
            // The shared ranker learns from her, too.
            let hers = try await ledger.database.pool.execute(
                "select max(feature_set_id) from ls.feature_set where user_name = 'ada'")
            if let set = try hers.one().decode(FeatureSetID?.self) {
                _ = try await store.requestTraining("code.listwise", featureSets: [set])
            }
        case .forgetUser:
            _ = try await store.forgetUser("ada", because: "a dice said so")
        case .archive:
            try await ledger.database.pool.execute(
                """
                update ls.task set ended_at = ended_at - interval '2 hours' where task_id in (
                    select task_id from ls.task where ended_at is not null and task_id % 3 = $1
                    for update skip locked)
                """, Int.random(in: 0...2, using: &generator))
            _ = try await store.housekeep(countMax: 5)
        case .lease:
            leases += try await store.leaseTasks(
                for: worker, kinds: TaskKind.leased,
                countMax: Int.random(in: 1...3, using: &generator), lasting: .seconds(60),
                held: try await store.featureSets().prefix(1).map(\.digest))
        case .renew:
            let asked = leases.suffix(4).map { LeaseProgress(token: $0.token, progress: 0.5) }
            let answers = try await store.renewLeases(of: worker, asked, lasting: .seconds(60))
            #expect(answers.count == asked.count)
        case .completeTraining:
            guard let lease, lease.kind == .train else { return }
            // Few different weights: retraining often gives bytes that are a version already.
            let weights = "weights \(Int.random(in: 1...5, using: &generator))"
            let first = try await ledger.complete(lease, by: worker, weights: weights)
            let second = try await ledger.complete(lease, by: worker, weights: weights)
            // Another player may archive the task or forget its user in between.
            if isAlone {
                #expect(first == second)
            } else {
                #expect(first == second || !second.counted)
            }
            #expect(first.counted == (first.versionID != nil))
        case .completeEvaluation:
            guard let lease, lease.kind == .evaluate else { return }
            let accuracy = Double(Int.random(in: 0...10, using: &generator)) / 10
            let reports = lease.features.map {
                (featureSet: $0.digest, report: evaluationReport(accuracy: accuracy))
            }
            let first = try await store.completeEvaluation(
                by: worker, lease.token, reports: reports)
            let second = try await store.completeEvaluation(
                by: worker, lease.token, reports: reports)
            if isAlone { #expect(first == second) } else { #expect(first == second || !second) }
        case .fail:
            guard let lease else { return }
            _ = try await store.failAttempt(
                by: worker, lease.token, code: "internal", message: "a dice said so",
                retryable: Bool.random(using: &generator))
            // The pause after a failure is over. Not in the way of those who hold several tasks.
            try await ledger.database.pool.execute(
                """
                update ls.task set run_after = clock_timestamp() where task_id in (
                    select task_id from ls.task where state = 'waiting' for update skip locked)
                """)
        case .loseLease:
            try await ledger.letExpire(lease?.taskID ?? task)
            if Bool.random(using: &generator) { _ = try await store.expireLeases() }
        case .expire:
            _ = try await store.expireLeases()
        case .release:
            try await store.releaseLeases(of: worker, keeping: leases.suffix(2).map(\.token))
        case .cancel:
            try await store.cancelTask(task, because: "a dice said so")
        case .redrive:
            try await store.redrive(task, because: "a dice said so")
        case .promote:
            try await store.promote(version, because: "a dice said so")
        }
    }
}

/// What a worker reports for the default evaluation configuration on one of the fixture's sets: in
/// each query the same.
func evaluationReport(accuracy: Double) -> String {
    func picks(_ figure: Double) -> String {
        "[\(Array(repeating: "\(figure)", count: 400).joined(separator: ", "))]"
    }
    return """
        {"accuracy": \(accuracy), "standard_error": 0.02, "first_sample": 0.38, "majority": null,
         "highest_log_probability": null, "oracle": 0.96, "group_count": 8000, "query_count": 400,
         "candidate_count": 10, "groups_per_query": 20, "seed": 1, "label_range": [0, 1],
         "query_values": \(picks(accuracy)), "method_query_values": {
         "first_sample": \(picks(0.38)), "oracle": \(picks(0.96)),
         "majority": null, "highest_log_probability": null}}
        """
}
