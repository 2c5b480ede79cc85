// Dispatch on a real database: what workers see over their sessions.
import Coordination
import Foundation
import LanguageSystem
import Ledger
import Logging
import PostgresAccess
import PostgresTesting
import Testing

/// A database of one test, with a hub on it that runs.
struct TestDispatch: Sendable {
    static let template = ThrowAwayDatabase.Template("dispatch") { pool in
        try await LedgerStore.migrator(logger: quiet).migrate(pool)
        try await pool.execute("select ls.register_base_model('tiny', 4)")
        try await pool.execute("select ls.register_domain('code')")
        try await pool.execute(
            """
            select ls.register_ranker('tiny', 'listwise', '{"kind": "listwise", "hidden_size": \
            4}', '{}', p_domain => 'code')
            """)
        try await pool.withConnection { connection in
            // One feature set of one query; what is in it is of no interest here.
            try connection.executeScript(
                """
                begin;
                select ls.begin_feature_set(sha256('bytes'), 5, 'tiny', 'code', 'train', null, \
                'binary', 4, 1, 2);
                insert into ls.feature_chunk select feature_set_id, 0, 'bytes' from ls.feature_set;
                insert into ls.query select feature_set_id, 0, 'q', null, 0, 2, 1 from \
                ls.feature_set;
                select ls.finish_feature_set(feature_set_id) from ls.feature_set;
                commit;
                """)
        }
    }

    static let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    let ledger: LedgerStore
    let hub: DispatchHub
    let pool: ConnectionPool
    let connectionInfo: String

    /// - Parameter body: Its leases outlast it, however busy the machine is; `letExpire` ends them.
    static func with(_ body: (TestDispatch) async throws -> Void) async throws {
        try await ThrowAwayDatabase.with(template) { database in
            let ledger = LedgerStore(pool: database.pool)
            let hub = DispatchHub(
                ledger: ledger,
                hints: LedgerNotifications(
                    Listener(ConnectionConfiguration(database.connectionInfo), logger: quiet)),
                settings: DispatchSettings(
                    leaseDuration: .seconds(600), pollInterval: .milliseconds(200),
                    coordinatorName: "test"),
                logger: quiet)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try? await hub.run() }
                try await body(
                    TestDispatch(
                        ledger: ledger, hub: hub, pool: database.pool,
                        connectionInfo: database.connectionInfo))
                group.cancelAll()
            }
        }
    }

    func worker(_ name: String) async throws -> Worker {
        let token = try await pool.execute(
            """
            insert into ls.worker (name, public_key_sha256) values ($1, sha256($1::text::bytea)) \
            returning worker_id
            """,
            name)
        return Worker(id: try token.one().decode(WorkerID.self, "worker_id"), name: name)
    }

    func hello(
        _ capacity: Int = 1, holding leases: [LeaseToken] = [], reranks: Bool = false,
        combinesSignals: Bool = true
    ) -> WorkerHello {
        WorkerHello(
            programVersion: "test", capacity: capacity, taskKinds: [.train, .evaluate],
            heldDigests: [], heldLeases: leases, reranks: reranks,
            combinesSignals: combinesSignals)
    }

    func requestTraining(_ seed: Int64) async throws -> TaskID {
        try await ledger.requestTraining("code.listwise", seed: seed)
    }

    /// As if the time of its lease were over.
    func letExpire(_ task: TaskID) async throws {
        try await pool.execute(
            """
            update ls.attempt set leased_until = clock_timestamp() - interval '1 s'
            where task_id = $1 and state = 'open'
            """, task)
    }
}

/// Reads a session's instructions one by one.
actor Inbox {
    private var iterator: AsyncStream<DispatchHub.Outbound>.Iterator
    init(_ stream: AsyncStream<DispatchHub.Outbound>) { iterator = stream.makeAsyncIterator() }

    func next() async -> DispatchHub.Outbound? {
        var copy = iterator
        let value = await copy.next(isolation: self)
        iterator = copy
        return value
    }

    func nextLease() async -> TaskLease? {
        while let instruction = await next() {
            if case .command(.begin(let task)) = instruction { return task }
        }
        return nil
    }

    func nextStop() async -> (lost: [LeaseToken], cancelled: [LeaseToken])? {
        while let instruction = await next() {
            if case .command(.stop(let lost, let cancelled, _)) = instruction {
                return (lost, cancelled)
            }
        }
        return nil
    }
}

@Suite(.timeLimit(.minutes(20))) struct `Dispatch` {
    @Test
    func `a task asked for after the worker connected reaches it, with what it needs to begin`()
        async throws
    {
        try await TestDispatch.with { dispatch in
            let worker = try await dispatch.worker("edge-1")
            let (_, stream) = try await dispatch.hub.open(worker, dispatch.hello())
            let inbox = Inbox(stream)
            let task = try await dispatch.requestTraining(1)
            let leased = try #require(await inbox.nextLease())
            #expect(leased.taskID == task)
            #expect(leased.attempt == 1)
            #expect(leased.features.map(\.byteCount) == [5])
        }
    }

    @Test func `what is at home with a worker reaches that worker, and no other`() async throws {
        try await TestDispatch.with { dispatch in
            let (home, other) = (
                try await dispatch.worker("home"), try await dispatch.worker("other")
            )
            let (_, others) = try await dispatch.hub.open(other, dispatch.hello(4))
            let (session, stream) = try await dispatch.hub.open(home, dispatch.hello())
            let inbox = Inbox(stream)
            let local = FeatureSetDescription(
                digest: Digest(hex: String(repeating: "ab", count: 32))!, byteCount: 9,
                baseModel: "tiny", domain: try DomainName("code"), split: .train, hiddenSize: 4,
                queryCount: 1, responseCount: 2)
            var strange = local
            strange.digest = Digest(hex: String(repeating: "cd", count: 32))!
            strange.user = "eve"
            await dispatch.hub.offerLocalData(session, [local, strange], weights: [])
            while let instruction = await inbox.next() {
                guard case .command(.refuse(let refused)) = instruction else { continue }
                #expect(refused.map(\.digest) == [strange.digest])
                #expect(refused.first?.message.contains("'eve'") == true)
                break
            }
            let id = try #require(
                try await dispatch.ledger.featureSets().first { $0.digest == local.digest }?.id)
            let task = try await dispatch.ledger.requestTraining("code.listwise", featureSets: [id])
            let leased = try #require(await inbox.nextLease())
            #expect(leased.taskID == task)
            #expect(leased.features.map(\.digest) == [local.digest])
            #expect(
                try await dispatch.pool.execute("select count(*) from ls.attempt").one()
                    .decode(Int.self) == 1)
            withExtendedLifetime(others) {}
        }
    }

    @Test func `a version with a combiner is measured by a worker that combines signals`()
        async throws
    {
        try await TestDispatch.with { dispatch in
            let (old, new) = (try await dispatch.worker("old"), try await dispatch.worker("new"))
            let (_, stream) = try await dispatch.hub.open(
                old, dispatch.hello(4, combinesSignals: false))
            let measuring: TaskID = try await dispatch.pool.execute(
                """
                select ls.request_evaluation(ls.add_version('code.listwise', sha256(w), w),
                    array[feature_set_id]) as task
                from ls.feature_set, lateral (select set_byte('\\x0000000000000000', 0, \
                octet_length(h)) || h from (values ('{"__metadata__": {"combiner": \
                "{}"}}'::bytea)) x (h)) y (w)
                """
            ).one().decode("task")
            let training = try await dispatch.requestTraining(1)
            // It was asked for later, and comes alone.
            let inbox = Inbox(stream)
            #expect(await inbox.nextLease()?.taskID == training)
            #expect(
                try await dispatch.ledger.taskProgress([measuring]).map(\.state) == [.waiting])
            let (_, other) = try await dispatch.hub.open(new, dispatch.hello())
            #expect(await Inbox(other).nextLease()?.taskID == measuring)
        }
    }

    @Test func `a worker outside its hours gets nothing until they begin`() async throws {
        try await TestDispatch.with { dispatch in
            let worker = try await dispatch.worker("edge-1")
            let (session, stream) = try await dispatch.hub.open(worker, dispatch.hello())
            let inbox = Inbox(stream)
            await dispatch.hub.setAvailability(session, takesTasks: false)
            // A question to the queue may have been under way when the worker said so.
            try await Task.sleep(for: .seconds(1))
            let task = try await dispatch.requestTraining(1)
            // Several looks at the queue, by hint and by poll.
            try await Task.sleep(for: .seconds(1))
            #expect(try await dispatch.ledger.taskProgress().map(\.state) == [.waiting])
            await dispatch.hub.setAvailability(session, takesTasks: true)
            #expect(await inbox.nextLease()?.taskID == task)
        }
    }

    @Test func `a full worker hears what the next task needs, once, unless it holds it`()
        async throws
    {
        try await TestDispatch.with { dispatch in
            let worker = try await dispatch.worker("edge-1")
            let (session, stream) = try await dispatch.hub.open(worker, dispatch.hello())
            let inbox = Inbox(stream)
            for seed in 1...3 { _ = try await dispatch.requestTraining(Int64(seed)) }
            var hints: [[BlobReference]] = []
            var lease: TaskLease?
            while hints.isEmpty, let instruction = await inbox.next() {
                switch instruction {
                case .command(.prefetch(let blobs)): hints.append(blobs)
                case .command(.begin(let task)): lease = task
                default: break
                }
            }
            let features = try #require(lease?.features)
            #expect(hints == [features])
            await dispatch.hub.inventory(session, features.map(\.digest))
            // Polls go on; the next instruction is the answer to a heartbeat, no second hint.
            try await Task.sleep(for: .seconds(1))
            await dispatch.hub.heartbeat(session, [LeaseProgress(token: lease!.token)])
            guard case .command(.stop)? = await inbox.next() else {
                Issue.record("it was told again")
                return
            }
        }
    }

    @Test func `capacity bounds what is pushed; a completed attempt makes room`() async throws {
        try await TestDispatch.with { dispatch in
            let worker = try await dispatch.worker("edge-1")
            let (session, stream) = try await dispatch.hub.open(worker, dispatch.hello(2))
            let inbox = Inbox(stream)
            for seed in 1...3 { _ = try await dispatch.requestTraining(Int64(seed)) }
            let first = try #require(await inbox.nextLease())
            let second = try #require(await inbox.nextLease())
            await dispatch.hub.heartbeat(
                session, [LeaseProgress(token: first.token), LeaseProgress(token: second.token)])
            #expect(
                try await dispatch.ledger.taskProgress().map(\.state.rawValue).sorted()
                    == ["leased", "leased", "waiting"])
            _ = try await dispatch.ledger.failAttempt(
                by: worker.id, first.token, code: "test", message: "done with it", retryable: false,
                judgement: .confirmed)
            await dispatch.hub.attemptEnded(first.token, of: worker.id)
            #expect(await inbox.nextLease() != nil)
        }
    }

    @Test func `a worker that comes back without its leases gives them to others at once`()
        async throws
    {
        try await TestDispatch.with { dispatch in
            let worker = try await dispatch.worker("edge-1")
            let task = try await dispatch.requestTraining(1)
            let (_, old) = try await dispatch.hub.open(worker, dispatch.hello())
            _ = try #require(await Inbox(old).nextLease())
            // Killed and started again: it knows nothing of the lease.
            let (_, new) = try await dispatch.hub.open(worker, dispatch.hello())
            let again = try #require(await Inbox(new).nextLease())
            #expect(again.taskID == task)
            #expect(again.attempt == 2)
        }
    }

    @Test func `a worker that comes back with its lease keeps it, and the older session ends`()
        async throws
    {
        try await TestDispatch.with { dispatch in
            let worker = try await dispatch.worker("edge-1")
            _ = try await dispatch.requestTraining(1)
            let (_, old) = try await dispatch.hub.open(worker, dispatch.hello())
            let oldInbox = Inbox(old)
            let leased = try #require(await oldInbox.nextLease())
            let (session, new) = try await dispatch.hub.open(
                worker, dispatch.hello(holding: [leased.token]))
            #expect(await oldInbox.next() == nil)
            await dispatch.hub.heartbeat(
                session, [LeaseProgress(token: leased.token, progress: 0.5)])
            let stop = try #require(await Inbox(new).nextStop())
            #expect(stop.lost.isEmpty && stop.cancelled.isEmpty)
        }
    }

    @Test func `a revoked worker's session ends, with a hint and without`() async throws {
        try await TestDispatch.with { dispatch in
            let told = try await dispatch.worker("told")
            let (_, toldStream) = try await dispatch.hub.open(told, dispatch.hello())
            let untold = try await dispatch.worker("untold")
            let (_, untoldStream) = try await dispatch.hub.open(untold, dispatch.hello())
            let other = try await dispatch.worker("other")
            let (_, otherStream) = try await dispatch.hub.open(other, dispatch.hello())
            try await dispatch.ledger.revokeWorker("told", because: "stolen")
            for await _ in toldStream {}
            // Whatever hint there was is lost.
            _ = try await dispatch.pool.execute(
                """
                update ls.worker set revoked_at = now(), revoked_by = 'ada', revoked_because = 'x'
                where name = 'untold'
                """)
            for await _ in untoldStream {}
            let task = try await dispatch.requestTraining(1)
            #expect(try #require(await Inbox(otherStream).nextLease()).taskID == task)
        }
    }

    @Test func `a silent worker's lease runs out and another worker gets the task`() async throws {
        try await TestDispatch.with { dispatch in
            let silent = try await dispatch.worker("silent")
            let task = try await dispatch.requestTraining(1)
            let (session, stream) = try await dispatch.hub.open(silent, dispatch.hello())
            let lost = try #require(await Inbox(stream).nextLease())
            await dispatch.hub.drain(session)
            try await dispatch.letExpire(task)
            let other = try await dispatch.worker("other")
            let (_, otherStream) = try await dispatch.hub.open(other, dispatch.hello())
            let leased = try #require(await Inbox(otherStream).nextLease())
            #expect(leased.taskID == task)
            #expect(leased.attempt == 2)
            // The silent one wakes up: its result is late and changes nothing.
            let late = try await dispatch.ledger.failAttempt(
                by: silent.id, lost.token, code: "late", message: "late", retryable: true)
            #expect(!late)
        }
    }

    @Test func `a cancellation reaches the worker unasked`() async throws {
        try await TestDispatch.with { dispatch in
            let worker = try await dispatch.worker("edge-1")
            let (_, stream) = try await dispatch.hub.open(worker, dispatch.hello())
            let inbox = Inbox(stream)
            let task = try await dispatch.requestTraining(1)
            let leased = try #require(await inbox.nextLease())
            try await dispatch.ledger.cancelTask(task, because: "test")
            let stop = try #require(await inbox.nextStop())
            #expect(stop.cancelled == [leased.token])
        }
    }
}

/// Counts what several workers of a test do at once.
private actor Tally {
    private(set) var leasedCount = 0
    private(set) var endedCount = 0
    private(set) var leasedWhileWaitingMax = 0

    func leased() { leasedCount += 1 }

    func ended(since leasedBefore: Int) {
        endedCount += 1
        leasedWhileWaitingMax = max(leasedWhileWaitingMax, leasedCount - leasedBefore)
    }
}

@Suite(.timeLimit(.minutes(20))) struct `Busy dispatch` {
    /// Whoever frees a place must not be the one who serves all others from then on: a reply, a
    /// worker's heartbeats and expired leases would wait for the end of the rush.
    @Test func `nobody who says that a place is free waits for a busy dispatch`() async throws {
        try await TestDispatch.with { dispatch in
            let taskCount = 400
            for seed in 1...taskCount { _ = try await dispatch.requestTraining(Int64(seed)) }
            let tally = Tally()
            let hub = dispatch.hub
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 1...8 {
                    let worker = try await dispatch.worker("edge-\(number)")
                    let (session, stream) = try await hub.open(worker, dispatch.hello(2))
                    group.addTask {
                        let inbox = Inbox(stream)
                        while let task = await inbox.nextLease() {
                            await tally.leased()
                            _ = try await dispatch.ledger.failAttempt(
                                by: worker.id, task.token, code: "test", message: "done with it",
                                retryable: false,
                                judgement: .confirmed)
                            let before = await tally.leasedCount
                            await hub.attemptEnded(task.token, of: worker.id)
                            await tally.ended(since: before)
                            if await tally.endedCount == taskCount { await hub.endAllSessions() }
                        }
                        await hub.close(session)
                    }
                }
                try await group.waitForAll()
            }
            #expect(await tally.endedCount == taskCount)
            // A few passes for all sixteen places, not the whole queue.
            #expect(await tally.leasedWhileWaitingMax <= 64)
        }
    }
}
