// Results of many workers on a real database: in few transactions, and none suffers from another.
import Coordination
import struct Crypto.SHA256
import Foundation
import LanguageSystem
import Ledger
import PostgresAccess
import PostgresTesting
import Testing

@Suite(.timeLimit(.minutes(20))) struct `Results of evaluations` {
    @Test func `results that come together all count, in fewer transactions than results`()
        async throws
    {
        try await TestDispatch.with { dispatch in
            let worker = try await dispatch.worker("edge-1")
            let leases = try await dispatch.leaseEvaluations(200, for: worker)
            let batcher = EvaluationBatcher(ledger: dispatch.ledger)
            let running = Task { await batcher.run() }
            defer { running.cancel() }
            let counted = try await withThrowingTaskGroup(of: Bool.self) { group in
                for lease in leases {
                    group.addTask { try await batcher.complete(result(of: lease, by: worker)) }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(counted == Array(repeating: true, count: 200))
            #expect(try await dispatch.count("ls.evaluation") == 200)
            #expect(try await dispatch.count("ls.task where state = 'done'") == 200)
            let transactions = try await dispatch.count(
                "(select distinct xmin::text from ls.evaluation) t")
            #expect(transactions <= 100)
        }
    }

    @Test func `results are refused one by one, with the reason; the others count`() async throws {
        try await TestDispatch.with { dispatch in
            let worker = try await dispatch.worker("edge-1")
            let thief = try await dispatch.worker("edge-2")
            let leases = try await dispatch.leaseEvaluations(30, for: worker)
            let batcher = EvaluationBatcher(ledger: dispatch.ledger)
            let running = Task { await batcher.run() }
            defer { running.cancel() }
            let answers = await withTaskGroup(of: (Int, String).self) { group in
                for (index, lease) in leases.enumerated() {
                    group.addTask {
                        // Every third is a lie, every third somebody else's.
                        let handedIn = result(
                            of: lease, by: index % 3 == 2 ? thief : worker,
                            accuracy: index % 3 == 1 ? 1.5 : 0.5)
                        do throws(LanguageSystemError) {
                            return (index, "\(try await batcher.complete(handedIn))")
                        } catch { return (index, error.message) }
                    }
                }
                return await group.reduce(into: [:]) { $0[$1.0] = $1.1 }
            }
            let refusal = "cannot take an evaluation: found accuracy 1.5, expected 0 to 1"
            let foreign = "cannot take a result: its lease is another worker's"
            for index in leases.indices {
                #expect(answers[index] == ["true", refusal, foreign][index % 3])
            }
            #expect(try await dispatch.count("ls.evaluation") == 10)
            #expect(try await dispatch.count("ls.attempt where state = 'open'") == 20)
        }
    }

    @Test func `results of a locked ranker are to come again; the others count meanwhile`()
        async throws
    {
        try await TestDispatch.with { dispatch in
            let worker = try await dispatch.worker("edge-1")
            let leases = try await dispatch.leaseEvaluations(6, for: worker)
            let others = try await dispatch.leaseEvaluations(6, for: worker, ranker: "other")
            let batcher = EvaluationBatcher(ledger: dispatch.ledger)
            let running = Task { await batcher.run() }
            defer { running.cancel() }
            let (locked, isLocked) = AsyncStream<Void>.makeStream()
            try await withThrowingTaskGroup(of: Bool.self) { group in
                group.addTask {
                    // Until the results of the other ranker are in.
                    try await dispatch.pool.transaction { connection in
                        _ = try connection.execute(
                            "select from ls.ranker where name = 'code.listwise' for update",
                            parameters: [])
                        isLocked.yield()
                        for _ in 0..<2000 {
                            let done: Int = try connection.execute(
                                "select count(*), pg_sleep(0.01) from ls.task where state = 'done'",
                                parameters: []
                            ).one().decode("count")
                            if done >= 6 { return done == 6 }
                        }
                        return false
                    }
                }
                for await _ in locked { break }
                for lease in leases {
                    // As a worker does. On a machine that is full the statement's deadline may come
                    // first.
                    group.addTask {
                        while true {
                            do throws(LanguageSystemError) {
                                return try await batcher.complete(result(of: lease, by: worker))
                            } catch {
                                #expect([.busy, .deadlineExceeded].contains(error.code))
                            }
                        }
                    }
                }
                for lease in others {
                    group.addTask { try await batcher.complete(result(of: lease, by: worker)) }
                }
                for try await isFine in group { #expect(isFine) }
            }
            #expect(try await dispatch.count("ls.task where state = 'done'") == 12)
        }
    }

    @Test func `a batcher that stops tells whoever waits to come again, and all who come later`()
        async throws
    {
        try await TestDispatch.with { dispatch in
            let worker = try await dispatch.worker("edge-1")
            let lease = try await dispatch.leaseEvaluations(1, for: worker)[0]
            let batcher = EvaluationBatcher(ledger: dispatch.ledger)
            // Nobody runs it yet.
            let waiting = Task { try await batcher.complete(result(of: lease, by: worker)) }
            let running = Task {
                while !Task.isCancelled { await Task.yield() }
                await batcher.run()
            }
            running.cancel()
            await running.value
            for attempt in [
                waiting, Task { try await batcher.complete(result(of: lease, by: worker)) },
            ] {
                let error = await #expect(throws: LanguageSystemError.self) {
                    try await attempt.value
                }
                #expect(error?.code == .unavailable)
            }
            #expect(try await dispatch.count("ls.evaluation") == 0)
        }
    }
}

private func result(of lease: TaskLease, by worker: Worker, accuracy: Double = 0.5)
    -> EvaluationResult
{
    let figures = """
        {"accuracy": \(accuracy), "standard_error": 0.02, "first_sample": 0.38, "oracle": 0.84, \
        "group_count": 1, "query_count": 1, \(lease.configuration.drop { $0 != "{" }.dropFirst())
        """
    return EvaluationResult(
        worker: worker.id, token: lease.token,
        reports: lease.features.map {
            EvaluationResultReport(featureSet: $0.digest, report: figures)
        })
}

extension TestDispatch {
    fileprivate func count(_ from: String) async throws -> Int {
        try await pool.execute("select count(*) from \(from)").one().decode()
    }

    /// As many evaluations of one new version of a ranker.
    fileprivate func leaseEvaluations(
        _ count: Int, for worker: Worker, ranker: String = "code.listwise"
    ) async throws -> [TaskLease] {
        if ranker != "code.listwise" {
            _ = try await pool.execute(
                """
                select ls.register_ranker('tiny', 'listwise', '{"kind": "listwise", "hidden_size": \
                4}', '{}',
                    p_domain => 'code', p_name => $1)
                """, ranker)
        }
        let weights = Array(ranker.utf8)
        let version = try await ledger.addVersion(
            to: ranker, digest: Digest(bytes: SHA256.hash(data: weights))!, weights: weights)
        _ = try await pool.execute(
            """
            select ls.request_evaluation($1, array[(select feature_set_id from ls.feature_set)],
                jsonb_build_object('candidate_count', 2, 'groups_per_query', 1, 'seed', s))
            from generate_series(1, $2::bigint) s
            """, version, Int64(count))
        return try await ledger.leaseTasks(
            for: worker.id, kinds: [.evaluate], countMax: count, lasting: .seconds(60))
    }
}
