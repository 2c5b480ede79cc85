// Two sessions at the same rows. What must hold: a task is one worker's, a result counts once, and
// whoever comes second learns it without waiting for ever.
import Foundation
import LanguageSystem
import Ledger
import PostgresAccess
import PostgresTesting
import Testing

@Suite struct `Workers that race` {
    @Test func `workers that race for 200 tasks get each exactly once`() async throws {
        try await TestLedger.with(connectionCountMax: 20) { ledger in
            try await ledger.featureSet("code", .train)
            let ranker = try await ledger.ranker("code")
            try await ledger.database.pool.execute(
                "select ls.request_training($1, p_seed => s) from generate_series(1, 200) s", ranker
            )
            let leases = try await withThrowingTaskGroup(of: [TaskLease].self) { group in
                for index in 0..<20 {
                    let worker = try await ledger.worker("w\(index)")
                    group.addTask { try await leaseAll(ledger, worker, index) }
                }
                return try await group.reduce(into: []) { $0 += $1 }
            }
            #expect(leases.count == 200)
            #expect(Set(leases.map(\.taskID)).count == 200)
            #expect(Set(leases.map(\.token)).count == 200)
            #expect(leases.allSatisfy { $0.attempt == 1 })
            #expect(try await ledger.brokenRules() == [])
        }
    }

    /// Half of the workers say which features they hold, half do not: both ways of choosing.
    private func leaseAll(_ ledger: TestLedger, _ worker: WorkerID, _ index: Int) async throws
        -> [TaskLease]
    {
        let held =
            index % 2 == 0
            ? try await ledger.store.featureSets().map(\.digest) : []
        var leases: [TaskLease] = []
        while try await ledger.count("ls.task where state = 'waiting'") > 0 {
            leases += try await ledger.store.leaseTasks(
                for: worker, kinds: TaskKind.leased, countMax: 1 + index % 3,
                lasting: .seconds(60), held: held)
        }
        return leases
    }

    @Test func `workers that race to hand in one result are all told the same version`()
        async throws
    {
        try await TestLedger.with(connectionCountMax: 8) { ledger in
            let lease = try await ledger.leaseTraining("code")
            let completions = try await withThrowingTaskGroup(of: Completion.self) {
                group in
                for _ in 0..<8 {
                    group.addTask { try await ledger.complete(lease, weights: "w") }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(Set(completions.map(\.versionID)).count == 1)
            #expect(completions.allSatisfy { $0.counted })
            #expect(try await ledger.count("ls.ranker_version") == 1)
            #expect(try await ledger.brokenRules() == [])
        }
    }

    @Test func `workers that race to ask for the same get the same task`() async throws {
        try await TestLedger.with(connectionCountMax: 10) { ledger in
            try await ledger.featureSet("code", .train)
            let ranker = try await ledger.ranker("code")
            let tasks = try await withThrowingTaskGroup(of: TaskID.self) { group in
                for _ in 0..<30 {
                    group.addTask { try await ledger.store.requestTraining(ranker) }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(Set(tasks).count == 1)
        }
    }

    @Test func `a result under way keeps the sweep off`() async throws {
        try await TestLedger.with { ledger in
            let lease = try await ledger.leaseTraining("code", lasting: .seconds(6))
            let swept = Box<[ExpiredLease]>()
            try await ledger.database.pool.transaction { connection in
                // In time, but not committed before the lease runs out.
                try connection.completeTraining(lease, weights: "w")
                try connection.execute(
                    "select pg_sleep_until(leased_until) from ls.attempt where token = $1",
                    lease.token)
                let sweeping = DispatchSemaphore(value: 0)
                Task {
                    swept.value = try? await ledger.store.expireLeases()
                    sweeping.signal()
                }
                sweeping.wait()
            }
            #expect(swept.value == [])
            #expect(try await ledger.store.taskProgress([lease.taskID]).first?.state == .done)
            #expect(try await ledger.brokenRules() == [])
        }
    }

    @Test func `a result that comes during the sweep waits for it, and does not count`()
        async throws
    {
        try await TestLedger.with { ledger in
            let lease = try await ledger.leaseTraining("code")
            try await ledger.letExpire(lease.taskID)
            let late = try await ledger.answer(
                whileUncommitted: { try $0.execute("select ls.expire_leases()") }
            ) { try await $0.complete(lease, weights: "late") }
            #expect(late == Completion(counted: false, versionID: nil))
            #expect(try await ledger.count("ls.ranker_version") == 0)
            #expect(try await ledger.brokenRules() == [])
        }
    }

    /// Either way of leasing: for one worker, which waits, and for all of a coordinator's, which
    /// passes it over.
    @Test func `workers that race for a task get none while they are being revoked`() async throws {
        try await TestLedger.with { ledger in
            try await ledger.featureSet("code", .train)
            _ = try await ledger.store.requestTraining(try await ledger.ranker("code"))
            _ = try await ledger.worker("w")
            let refusal = try await ledger.answer(
                whileUncommitted: { try $0.execute("select ls.revoke_worker('w', 'x')") }
            ) {
                let passedOver = try await $0.count(
                    "ls.lease_tasks_for_workers('{1}', '{train}', '{1}', '{0}', '{}', 60)")
                #expect(passedOver == 0)
                return await $0.refusal(of: "select * from ls.lease_tasks(1, '{train}', 1, 60)")
            }
            #expect(refusal == "LS031")
            #expect(try await ledger.count("ls.attempt") == 0)
        }
    }

    /// Leases so short that completion, renewal and sweep meet at any point.
    @Test(arguments: [1, 2, 3] as [UInt64])
    func `completion, renewal and expiry at once leave one outcome`(seed: UInt64) async throws {
        try await TestLedger.with(connectionCountMax: 6) { ledger in
            try await ledger.featureSet("code", .train)
            let ranker = try await ledger.ranker("code")
            var generator = SplitMix(state: seed)
            for round in 0..<25 {
                // Of its own: one that lost twenty leases in a row is paused.
                let worker = try await ledger.worker("w\(round)")
                let task = try await ledger.store.requestTraining(ranker, seed: Int64(round))
                let lasting = Duration.microseconds(
                    Int64.random(in: 1000...9000, using: &generator))
                let lease = try #require(
                    try await ledger.store.leaseTasks(
                        for: worker, kinds: [.train], countMax: 1, lasting: lasting
                    ).first)
                async let renewed = ledger.store.renewLeases(
                    of: worker, [LeaseProgress(token: lease.token, progress: 0.5)],
                    lasting: lasting)
                async let swept = ledger.store.expireLeases()
                async let completion = ledger.complete(lease, by: worker, weights: "\(round)")
                async let sweptAgain = ledger.store.expireLeases()
                let counted = try await completion.counted
                _ = try await (renewed, swept, sweptAgain)

                let state = try await ledger.store.taskProgress([task]).first?.state
                #expect(counted == (state == .done))
                #expect(
                    try await ledger.count("ls.ranker_version where task_id = \(task)")
                        == (counted ? 1 : 0))
                if !counted {
                    try await ledger.letExpire(task)
                    _ = try await ledger.store.expireLeases()
                    try await ledger.store.cancelTask(task, because: "the round is over")
                }
                #expect(try await ledger.brokenRules() == [])
            }
        }
    }
}

extension TestLedger {
    /// A train task of a new ranker, leased to worker `w`.
    func leaseTraining(_ domain: String, lasting: Duration = .seconds(60)) async throws
        -> TaskLease
    {
        try await featureSet(domain, .train)
        _ = try await store.requestTraining(try await ranker(domain))
        let leases = try await store.leaseTasks(
            for: try await worker("w"), kinds: [.train], countMax: 1, lasting: lasting)
        return leases[0]
    }

    /// Two sessions, of which the second waits for the first.
    ///
    /// - Parameters:
    ///   - first: Not committed while the second begins.
    ///   - then: What the first still does once the second waits for it.
    ///   - second: Must have to wait.
    /// - Returns: What the second answers once the first is committed.
    func answer<T: Sendable>(
        whileUncommitted first: @escaping @Sendable (Connection) throws -> Void,
        then: @escaping @Sendable (Connection) throws -> Void = { _ in },
        _ second: @escaping @Sendable (TestLedger) async throws -> T
    ) async throws -> T {
        let answer = Box<Result<T, any Error>>()
        try await database.pool.withConnection { connection in
            let answering = DispatchSemaphore(value: 0)
            try connection.transaction {
                try first(connection)
                Task {
                    do {
                        answer.value = .success(try await second(self))
                    } catch {
                        answer.value = .failure(error)
                    }
                    answering.signal()
                }
                try connection.waitUntilSomebodyWaits()
                try then(connection)
            }
            answering.wait()
        }
        return try #require(answer.value).get()
    }

    func complete(_ lease: TaskLease, by worker: WorkerID = WorkerID(1), weights: String)
        async throws -> Completion
    {
        let bytes = Array(weights.utf8)
        return try await store.completeTraining(
            by: worker, lease.token, digest: .sha256(bytes), weights: bytes, report: "{}")
    }
}

/// What another session answered. Behind NSLock, which the thread sanitizer understands.
final class Box<Value: Sendable>: @unchecked Sendable {
    private let lock = NSLock()
    private var stored: Value?

    var value: Value? {
        get { lock.withLock { stored } }
        set { lock.withLock { stored = newValue } }
    }
}

extension Connection {
    func completeTraining(_ lease: TaskLease, weights: String) throws {
        let bytes = Array(weights.utf8)
        try execute(
            "select * from ls.complete_training(1, $1, $2, $3, '{}')", lease.token,
            Digest.sha256(bytes), bytes)
    }

    /// Returns when another session of this database waits for a lock.
    func waitUntilSomebodyWaits() throws {
        for _ in 0..<100_000 {
            // The statistics of a transaction are a snapshot until they are thrown away.
            try execute("select pg_stat_clear_snapshot()")
            let waiting = try execute(
                """
                select from pg_stat_activity
                where datname = current_database() and wait_event_type = 'Lock'
                """)
            if !waiting.isEmpty { return }
            try execute("select pg_sleep(0.001)")
        }
        throw LanguageSystemError(.internal, "nobody came to wait")
    }
}
