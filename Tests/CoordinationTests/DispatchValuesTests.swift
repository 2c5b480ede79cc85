// The values that dispatch decides with: heartbeats of a tick, offers of a look, bytes under way.
import Coordination
import Foundation
import LanguageSystem
import Ledger
import PostgresAccess
import PostgresTesting
import Testing

@Suite struct `Heartbeats of a tick` {
    private let token = LeaseToken("6f1ac7a4-33c1-4f6e-8f0f-0a3f1f7d2b11")!

    @Test func `heartbeats of one worker count once, with what it said last`() {
        var batch = HeartbeatBatch()
        batch.add(WorkerID(1), [LeaseProgress(token: token, progress: 0.1)])
        batch.add(WorkerID(1), [LeaseProgress(token: token, progress: 0.2)])
        batch.note(WorkerID(2))
        let taken = batch.take()
        #expect(taken.leases == [WorkerID(1): [LeaseProgress(token: token, progress: 0.2)]])
        #expect(taken.seen == [WorkerID(2)])
        #expect(batch.isEmpty)
    }

    @Test
    func `heartbeats that could not be told are told again, unless the worker has spoken since`() {
        var batch = HeartbeatBatch()
        batch.add(WorkerID(1), [LeaseProgress(token: token, progress: 0.1)])
        batch.add(WorkerID(3), [LeaseProgress(token: token, progress: 0.3)])
        let untold = batch.take()
        batch.add(WorkerID(1), [LeaseProgress(token: token, progress: 0.9)])
        batch.putBack(untold)
        #expect(batch.leases[WorkerID(1)]?.first?.progress == 0.9)
        #expect(batch.leases[WorkerID(3)]?.first?.progress == 0.3)
        batch.remove(WorkerID(3))
        #expect(batch.leases.count == 1)
    }
}

@Suite struct `Offers of waiting tasks` {
    private func digest(_ byte: UInt8) -> Digest {
        Digest(bytes: Array(repeating: byte, count: 32))!
    }

    private func candidate(_ id: Int64, free: Int, holding: Set<Digest> = []) -> FillPlan.Candidate
    {
        FillPlan.Candidate(
            worker: WorkerID(id), kinds: [.train, .evaluate], freeCount: free, heldDigests: holding)
    }

    @Test func `offers are made to nobody when nothing waits, or nothing that anybody does`() {
        #expect(FillPlan.offers(to: [candidate(1, free: 4)], of: []).isEmpty)
        let trainer = FillPlan.Candidate(worker: WorkerID(1), kinds: [.train], freeCount: 4)
        let waiting = [WaitingTasks(kind: .evaluate, count: 9)]
        #expect(FillPlan.offers(to: [trainer], of: waiting).isEmpty)
        #expect(FillPlan.offers(to: [candidate(1, free: 0)], of: waiting).isEmpty)
    }

    @Test func `offers spread few tasks and fill everybody with many`() {
        let candidates = (1...4).map { candidate($0, free: 3) }
        let few = FillPlan.offers(to: candidates, of: [WaitingTasks(kind: .train, count: 4)])
        #expect(few.map(\.countMax) == [1, 1, 1, 1])
        let many = FillPlan.offers(to: candidates, of: [WaitingTasks(kind: .train, count: 500)])
        #expect(many.map(\.countMax) == [3, 3, 3, 3])
        let two = FillPlan.offers(to: candidates, of: [WaitingTasks(kind: .train, count: 2)])
        #expect(two.count == 2)
    }

    @Test func `offers begin with those that hold the features, then take turns`() {
        let held = digest(1)
        let candidates = [
            candidate(1, free: 1), candidate(2, free: 1),
            candidate(3, free: 1, holding: [held, digest(2)]),
        ]
        let waiting = [WaitingTasks(kind: .train, count: 3, digests: [held])]
        let first = FillPlan.offers(to: candidates, of: waiting, startingAt: 0)
        #expect(first.map(\LeaseOffer.worker) == [WorkerID(3), WorkerID(1), WorkerID(2)])
        #expect(first[0].heldDigests == [held])
        let next = FillPlan.offers(to: candidates, of: waiting, startingAt: 1)
        #expect(next.map(\LeaseOffer.worker) == [WorkerID(3), WorkerID(2), WorkerID(1)])
    }

    @Test func `tasks at home are offered first to their home, and to nobody else`() {
        let waiting = [
            WaitingTasks(kind: .train, count: 2, home: WorkerID(2)),
            WaitingTasks(kind: .train, count: 5, home: WorkerID(9)),
        ]
        let offers = FillPlan.offers(to: (1...3).map { candidate($0, free: 4) }, of: waiting)
        #expect(offers.map(\.worker) == [WorkerID(2)])
        #expect(offers.map(\.countMax) == [2])
        let both = FillPlan.offers(
            to: (1...3).map { candidate($0, free: 4) },
            of: waiting + [WaitingTasks(kind: .train, count: 3)])
        #expect(both.map(\.countMax) == [3, 1, 1])
        #expect(both[0].worker == WorkerID(2))
    }

    @Test func `offers keep no place for a worker that may not be allowed to take it`() {
        let restricted = (1...2).map {
            FillPlan.Candidate(
                worker: WorkerID($0), kinds: [.train], freeCount: 1, isRestricted: true)
        }
        let waiting = [WaitingTasks(kind: .train, count: 1)]
        for start in 0..<4 {
            let offers = FillPlan.offers(
                to: restricted + [candidate(3, free: 1)], of: waiting, startingAt: start)
            #expect(offers.first?.worker == WorkerID(3))
            #expect(offers.count == 3)
        }
    }

    @Test(arguments: 0..<50)
    func `offers never exceed what is free, and one call's workers`(seed: Int) {
        var generator = SystemRandomNumberGenerator()
        let candidates = (0..<Int64.random(in: 1...200, using: &generator)).map {
            candidate($0, free: Int.random(in: 0...8, using: &generator))
        }
        let waiting = [
            WaitingTasks(kind: .train, count: Int.random(in: 0...300, using: &generator)),
            WaitingTasks(kind: .evaluate, count: Int.random(in: 0...300, using: &generator)),
        ]
        let offers = FillPlan.offers(to: candidates, of: waiting, startingAt: seed)
        #expect(offers.count <= FillPlan.workerCountMax)
        #expect(Set(offers.map(\.worker)).count == offers.count)
        for offer in offers {
            let free = candidates.first { $0.worker == offer.worker }!.freeCount
            #expect(offer.countMax >= 1 && offer.countMax <= free)
        }
    }
}

@Suite struct `Bytes under way` {
    @Test func `bytes under way are bounded for one worker, and for all`() throws {
        var budget = TransferBudget(workerByteCountMax: 10, byteCountMax: 15)
        try budget.borrow(10, for: WorkerID(1))
        let own = #expect(throws: LanguageSystemError.self) {
            try budget.borrow(1, for: WorkerID(1))
        }
        #expect(own?.code == .busy)
        try budget.borrow(5, for: WorkerID(2))
        let all = #expect(throws: LanguageSystemError.self) {
            try budget.borrow(1, for: WorkerID(3))
        }
        #expect(all?.code == .busy)
        #expect(budget.lentByteCount == 15)
        budget.giveBack(10, of: WorkerID(1))
        try budget.borrow(4, for: WorkerID(3))
        #expect(budget.lentByteCount == 9)
        #expect(budget.lentByteCount(to: WorkerID(1)) == 0)
    }

    @Test func `bytes under way are given back when the transfer ends, however it does`()
        async throws
    {
        let budget = WorkerBudget(TransferBudget(workerByteCountMax: 8, byteCountMax: 8))
        for _ in 0..<3 {
            await #expect(throws: CancellationError.self) {
                try await budget.lending(8, to: WorkerID(1)) { throw CancellationError() }
            }
        }
        let refused = await #expect(throws: LanguageSystemError.self) {
            try await budget.lending(5, to: WorkerID(1)) {
                try await budget.lending(4, to: WorkerID(1)) {}
            }
        }
        #expect(refused?.code == .busy)
        #expect(try await budget.lending(8, to: WorkerID(2)) { 7 } == 7)
    }
}

@Suite(.timeLimit(.minutes(20))) struct `Two coordinators on one database` {
    @Test
    func `two coordinators share the work; a task completed through the other frees its place`()
        async throws
    {
        try await ThrowAwayDatabase.with(TestDispatch.template, connectionCountMax: 8) { database in
            let ledger = LedgerStore(pool: database.pool)
            let hubs = (0..<2).map { index in
                DispatchHub(
                    ledger: ledger,
                    hints: LedgerNotifications(
                        Listener(
                            ConnectionConfiguration(database.connectionInfo),
                            logger: TestDispatch.quiet)),
                    settings: DispatchSettings(
                        leaseDuration: .seconds(30), pollInterval: .milliseconds(200),
                        coordinatorName: "coordinator-\(index)"),
                    logger: TestDispatch.quiet)
            }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for hub in hubs { group.addTask { try? await hub.run() } }
                let first = TestDispatch(
                    ledger: ledger, hub: hubs[0], pool: database.pool,
                    connectionInfo: database.connectionInfo)
                let worker = try await first.worker("edge-1")
                let (session, stream) = try await hubs[0].open(worker, first.hello(1))
                let inbox = Inbox(stream)
                let tasks = try await [first.requestTraining(1), first.requestTraining(2)]
                let leased = try #require(await inbox.nextLease())
                await hubs[0].heartbeat(session, [LeaseProgress(token: leased.token)])
                _ = try await ledger.failAttempt(
                    by: worker.id, leased.token, code: "test", message: "done", retryable: false,
                    judgement: .confirmed)
                // Said to the other coordinator; the worker's next heartbeat lists nothing here.
                await hubs[1].attemptEnded(leased.token, of: worker.id)
                await hubs[0].heartbeat(session, [])
                let next = try #require(await inbox.nextLease())
                #expect(Set([leased.taskID, next.taskID]) == Set(tasks))

                // A cancellation asked for anywhere reaches the worker's own coordinator.
                try await ledger.cancelTask(next.taskID, because: "test")
                while let stop = await inbox.nextStop() {
                    if stop.cancelled == [next.token] { break }
                }
                group.cancelAll()
            }
        }
    }
}
