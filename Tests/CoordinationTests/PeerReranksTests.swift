// Which coordinator is asked for a worker that is connected elsewhere, on a real database and
// without any wire.
import Foundation
import LanguageSystem
import Ledger
import PostgresAccess
import PostgresTesting
import RankerMath
import Testing

@testable import Coordination

/// Answers as it is told, and says what it was asked.
private final class ScriptedPeers: PeerTransport, @unchecked Sendable {
    private let lock = NSLock()
    private var answers: [WorkerID: PeerAnswer] = [:]
    private var asked: [(WorkerID, Peer)] = []
    private var kept: Set<Peer> = []

    func answer(_ worker: WorkerID, _ answer: PeerAnswer) {
        lock.withLock { answers[worker] = answer }
    }

    var questions: [String] { lock.withLock { asked.map { "\($0.0) at \($0.1.name)" } } }
    var connections: Set<Peer> { lock.withLock { kept } }

    func rerank(
        by worker: WorkerID, _ work: EdgeRerank, at peer: Peer, within deadline: Duration
    ) async -> PeerAnswer {
        let answer = lock.withLock {
            asked.append((worker, peer))
            return answers[worker]
        }
        if let answer { return answer }
        // Longer than the suite may take.
        try? await Task.sleep(for: .seconds(3_600))
        return .silent
    }

    func keep(only peers: Set<Peer>) async { lock.withLock { kept = peers } }
}

/// A coordinator that asks others, on a database of one test.
private struct TestPeers: Sendable {
    let ledger: LedgerStore
    let pool: ConnectionPool
    let peers: PeerReranks
    let transport: ScriptedPeers
    let running: Task<Void, any Error>

    static func with(_ body: (TestPeers) async throws -> Void) async throws {
        try await ThrowAwayDatabase.with(TestDispatch.template) { database in
            let ledger = LedgerStore(pool: database.pool)
            let transport = ScriptedPeers()
            let peers = PeerReranks(
                ledger: ledger,
                hints: LedgerNotifications(
                    Listener(
                        ConnectionConfiguration(database.connectionInfo),
                        logger: TestDispatch.quiet)),
                name: "asking", transport: transport, logger: TestDispatch.quiet)
            let running = Task { try await peers.run() }
            peers.announce(at: "10.0.0.1:1")
            do {
                try await body(
                    TestPeers(
                        ledger: ledger, pool: database.pool, peers: peers, transport: transport,
                        running: running))
            } catch {
                running.cancel()
                throw error
            }
            running.cancel()
            _ = await running.result
        }
    }

    func worker(_ name: String, at coordinator: String) async throws -> WorkerID {
        let row = try await pool.execute(
            """
            insert into ls.worker (name, public_key_sha256) values ($1, sha256($1::text::bytea)) \
            on conflict (name) do update set name = excluded.name returning worker_id
            """,
            name)
        let worker = try row.one().decode(WorkerID.self, "worker_id")
        _ = try await ledger.workerConnected(
            worker,
            WorkerHello(programVersion: "test", capacity: 1, taskKinds: []), to: coordinator)
        return worker
    }

    func rerank(_ worker: WorkerID, within deadline: Duration = .seconds(180)) async
        -> EdgeRerankResult
    {
        await peers.rerank(by: worker, Self.work, within: deadline)
    }

    static let work = EdgeRerank(
        rankerName: "r",
        weights: BlobReference(
            digest: Digest(bytes: [UInt8](repeating: 1, count: 32))!, byteCount: 4, name: "r@1"),
        features: [UInt8](repeating: 0, count: 3 * 4 * 4), dtype: .float32, candidateCount: 2,
        hiddenSize: 4)

    func eventually(_ holds: () async throws -> Bool) async throws {
        while try await !holds() { try await Task.sleep(for: .milliseconds(5)) }
    }
}

@Suite(.timeLimit(.minutes(20))) struct `Reranks by way of another coordinator` {
    static let scored = PeerAnswer.answered(.scored([0.5, 1], compute: .zero))

    @Test func `a peer is found as soon as the worker connects to it, and when the worker moves`()
        async throws
    {
        try await TestPeers.with { test in
            _ = try await test.ledger.coordinatorSeen("one", at: "h1:1")
            _ = try await test.ledger.coordinatorSeen("two", at: "h2:2")
            let worker = try await test.worker("edge-1", at: "one")
            test.transport.answer(worker, Self.scored)
            try await test.eventually {
                await test.rerank(worker) == .scored([0.5, 1], compute: .zero)
            }
            #expect(test.transport.questions.allSatisfy { $0 == "\(worker) at one" })
            #expect(
                test.transport.connections == [
                    Peer(name: "one", address: "h1:1"), Peer(name: "two", address: "h2:2"),
                ])
            // Others see us, too.
            #expect(
                try await test.ledger.coordinatorSeen("one", at: "h1:1").map(\.address)
                    == ["10.0.0.1:1", "h2:2"])

            _ = try await test.worker("edge-1", at: "two")
            try await test.eventually {
                _ = await test.rerank(worker)
                return test.transport.questions.last == "\(worker) at two"
            }
            // Its own it does not ask anybody for.
            _ = try await test.worker("edge-1", at: "asking")
            try await test.eventually { await test.rerank(worker) == .unreachable }

            test.running.cancel()
            _ = await test.running.result
            #expect(test.transport.connections.isEmpty)
        }
    }

    @Test func `a rerank by a peer ends by the deadline, and when the caller leaves`() async throws
    {
        try await TestPeers.with { test in
            _ = try await test.ledger.coordinatorSeen("one", at: "h1:1")
            let worker = try await test.worker("edge-1", at: "one")
            try await test.eventually { await test.rerank(worker, within: .zero) == .late }
            #expect(await test.rerank(worker, within: .milliseconds(50)) == .late)
            let leaving = Task { await test.rerank(worker) }
            try await Task.sleep(for: .milliseconds(20))
            leaving.cancel()
            guard case .refused(let error) = await leaving.value else {
                Issue.record("it was not told that it left")
                return
            }
            #expect(error.code == .cancelled)
        }
    }

    @Test func `a peer's scores are refused when they are not the candidates'`() async throws {
        try await TestPeers.with { test in
            _ = try await test.ledger.coordinatorSeen("one", at: "h1:1")
            let worker = try await test.worker("edge-1", at: "one")
            for scores in [[Float(1)], [1, .nan], [1, 2, 3]] {
                test.transport.answer(worker, .answered(.scored(scores, compute: .zero)))
                var answer = EdgeRerankResult.unreachable
                try await test.eventually {
                    answer = await test.rerank(worker)
                    return answer != .unreachable
                }
                guard case .refused(let error) = answer else {
                    Issue.record("\(scores) were believed")
                    continue
                }
                #expect(error.code == .internal)
            }
        }
    }

    @Test func `peers are asked by what is known while the database is away`() async throws {
        try await TestPeers.with { test in
            _ = try await test.ledger.coordinatorSeen("one", at: "h1:1")
            let worker = try await test.worker("edge-1", at: "one")
            test.transport.answer(worker, Self.scored)
            try await test.eventually { await test.rerank(worker) != .unreachable }
            // It fails from now on, as if nobody answered.
            try await test.pool.execute(
                "alter function ls.coordinator_seen(text, text) rename to away")
            try await Task.sleep(for: .seconds(3))
            #expect(await test.rerank(worker) == .scored([0.5, 1], compute: .zero))
            // It is back, and the other one was not seen for long: it has not been able to say
            // anything.
            try await test.pool.execute(
                """
                update ls.coordinator set seen_at = clock_timestamp() - interval '1 minute' where \
                name = 'one'
                """
            )
            try await test.pool.execute(
                "alter function ls.away(text, text) rename to coordinator_seen")
            try await test.eventually {
                try await test.pool.execute(
                    """
                    select seen_at > clock_timestamp() - interval '2 seconds' from ls.coordinator \
                    where name = 'asking'
                    """
                ).one().decode()
            }
            #expect(await test.rerank(worker) == .scored([0.5, 1], compute: .zero))
        }
    }
}
