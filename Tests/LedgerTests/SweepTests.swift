// Sweeps and scaling curves through LedgerStore: what goes in arrives, what comes out is decoded;
// and two last results at the same time end a sweep exactly once. What the functions decide is
// tested in SQL.
import LanguageSystem
import Ledger
import PostgresAccess
import PostgresTesting
import Testing

@Suite struct `Sweeps` {
    @Test func `sweeps are asked for, watched and ended`() async throws {
        try await TestLedger.with { ledger in
            let store = ledger.store
            let train = try await ledger.featureSet("code", .train)
            try await ledger.featureSet("code", .test)
            let ranker = try await ledger.ranker("code")
            let worker = try await ledger.worker("w")
            #expect(
                try await store.rankers(named: [ranker]).first?.training
                    == #"{"seed": 7, "epochs": 1}"#)
            func ask() async throws -> SweepID {
                try await store.requestSweep(
                    ranker, configurations: #"[{"epochs": 2}, {"epochs": 3}]"#, name: "two.json",
                    featureSets: [train], seed: 9, priority: 1, by: "ada")
            }
            let sweep = try await ask()
            #expect(try await ask() == sweep)
            try await ledger.database.pool.execute(
                "select fixture.train($1, 'a'), fixture.evaluate($1, 0.5)", worker)
            var status = try await store.sweepStatus(sweep)
            #expect(status.name == "two.json" && status.ranker == ranker)
            #expect(status.configurationCount == 2 && status.measuredCount == 1)
            #expect(status.endedAt == nil && status.bestPosition == nil && !status.isDecided)
            var results = try await store.sweepResults(sweep)
            #expect(results.map(\.position) == [1, 2])
            #expect(results.map(\.state) == [.measured, .waiting])
            #expect(results[0].accuracy == 0.5 && results[0].standardError == 0.02)
            #expect(results[0].firstSample == 0.38 && results[0].versionNumber == 1)
            #expect(results[0].configuration == #"{"seed": 9, "epochs": 2}"#)
            #expect(results[1].accuracy == nil && results[1].versionID == nil)

            let lease = try #require(
                try await store.leaseTasks(
                    for: worker, kinds: [.train], countMax: 1, lasting: .seconds(60)
                ).first)
            _ = try await store.failAttempt(
                by: worker, lease.token, code: "invalidArgument", message: "not finite",
                retryable: false,
                judgement: .confirmed)
            status = try await store.sweepStatus(sweep)
            #expect(status.bestPosition == 1 && status.bestVersionNumber == 1)
            #expect(status.failedCount == 1 && status.spread == 0 && status.endedAt != nil)
            #expect(status.isDecided && status.isChampion)
            #expect(
                status.decision == """
                    promoted: better than the first sample: +12.0 points on 400 queries, e = 10^16 \
                    (divided by the 2 of which the sweep chose it), 20 asked for
                    """)
            #expect(status.selectedOn.hasPrefix("code test "))
            results = try await store.sweepResults(sweep)
            #expect(results[0].isBest && results[1].state == .failed)
            #expect(results[1].error == "attempt 1 of 5: not finite")
            let unknown = await #expect(throws: LanguageSystemError.self) {
                try await store.sweepStatus(SweepID(99))
            }
            #expect(unknown?.code == .unknownTask)
        }
    }

    @Test(arguments: 1...4)
    func `sweeps end once when the last results come at the same time`(round: Int) async throws {
        try await TestLedger.with(connectionCountMax: 8) { ledger in
            let store = ledger.store
            try await ledger.featureSet("code", .train)
            try await ledger.featureSet("code", .test)
            let ranker = try await ledger.ranker("code")
            let worker = try await ledger.worker("w")
            let sweep = try await store.requestSweep(
                ranker,
                configurations:
                    "[\((1...6).map { #"{"epochs": \#($0)}"# }.joined(separator: ", "))]"
            )
            for index in 1...6 {
                try await ledger.database.pool.execute(
                    "select fixture.train($1, $2)", worker, "weights \(index)")
            }
            let leases = try await store.leaseTasks(
                for: worker, kinds: [.evaluate], countMax: 6, lasting: .seconds(60))
            #expect(leases.count == 6)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for (index, lease) in leases.enumerated() {
                    group.addTask {
                        _ = try await store.completeEvaluation(
                            by: worker, lease.token,
                            reports: lease.features.map {
                                ($0.digest, evaluationReport(accuracy: 0.4 + Double(index) / 10))
                            })
                    }
                }
                try await group.waitForAll()
            }
            let status = try await store.sweepStatus(sweep)
            #expect(status.endedAt != nil && status.bestVersionNumber == 6)
            #expect(try await store.aliasHistory(of: ranker).map(\.toNumber) == [6])
            #expect(try await ledger.brokenRules() == [])
        }
    }
}

@Suite struct `Scaling curves` {
    @Test func `scaling curves are asked for and read K by K`() async throws {
        try await TestLedger.with { ledger in
            let store = ledger.store
            try await ledger.featureSet("code", .test)
            let ranker = try await ledger.ranker("code")
            let worker = try await ledger.worker("w")
            let version = try await store.addVersion(
                to: ranker, digest: .sha256([1]), weights: [1])
            let tasks = try await store.requestScalingCurve(
                "\(ranker)@1", candidateCounts: [4, 10], by: "ada")
            #expect(tasks.count == 2)
            for _ in tasks {
                let lease = try #require(
                    try await store.leaseTasks(
                        for: worker, kinds: [.evaluate], countMax: 1, lasting: .seconds(60)
                    ).first)
                let isSmall = lease.configuration.contains(#""candidate_count": 4"#)
                let report = evaluationReport(accuracy: isSmall ? 0.4 : 0.5)
                    .replacing(
                        #""candidate_count": 10"#,
                        with: #""smaller_pool_count": 1, "candidate_count": \#(isSmall ? 4 : 10)"#)
                #expect(
                    try await store.completeEvaluation(
                        by: worker, lease.token, reports: [(lease.features[0].digest, report)]))
            }
            let again = try await store.requestScalingCurve(ranker, candidateCounts: [4, 10])
            #expect(again == [])
            let points = try await store.scalingCurve(of: version)
            #expect(points.map(\.candidateCount) == [4])
            let point = try #require(points.first)
            #expect(point.ranker == ranker && point.versionNumber == 1)
            #expect(point.accuracy == 0.4 && point.standardError == 0.02 && point.oracle == 0.96)
            #expect(point.queryCount == 400 && point.smallerPoolCount == 1 && point.seed == 1)
            #expect(try await store.scalingCurve(of: version, pattern: "math/*") == [])
            let both = try await store.scalingCurve(of: version, candidateCounts: [4, 10])
            #expect(both.map(\.accuracy) == [0.4, 0.5])
        }
    }
}
