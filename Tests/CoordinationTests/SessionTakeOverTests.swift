// One identity and several sessions: which of them stands, what the others are told, and that it
// does not matter at which coordinator each is.
import Coordination
import Foundation
import LanguageSystem
import Ledger
import PostgresAccess
import PostgresTesting
import RankerMath
import Testing

extension TestDispatch {
    func hello(_ instance: String?, at place: String? = nil, holding leases: [LeaseToken] = [])
        -> WorkerHello
    {
        WorkerHello(
            programVersion: "test", capacity: 1, taskKinds: [.train], heldDigests: [],
            heldLeases: leases, reranks: true,
            process: WorkerProcess(instance: instance ?? "", place: place ?? ""))
    }

    /// Another coordinator on the same database, for `body`.
    func other(_ body: (DispatchHub) async throws -> Void) async throws {
        let hub = DispatchHub(
            ledger: ledger,
            hints: LedgerNotifications(
                Listener(ConnectionConfiguration(connectionInfo), logger: Self.quiet)),
            settings: DispatchSettings(
                leaseDuration: .seconds(30), pollInterval: .milliseconds(200),
                coordinatorName: "other"),
            logger: Self.quiet)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try? await hub.run() }
            try await body(hub)
            group.cancelAll()
        }
    }

    /// What the session's worker is told when it ends; nil: nothing.
    func reason(_ ending: AsyncStream<LanguageSystemError>) async -> LanguageSystemError? {
        await ending.first { _ in true }
    }
}

@Suite(.timeLimit(.minutes(20))) struct `A worker's sessions` {
    @Test(arguments: [false, true])
    func `the older of two machines with one identity is told, whichever coordinator it is at`(
        isElsewhere: Bool
    ) async throws {
        try await TestDispatch.with { dispatch in
            try await dispatch.other { other in
                let worker = try await dispatch.worker("edge-1")
                let task = try await dispatch.requestTraining(1)
                let (older, olderStream) = try await dispatch.hub.open(
                    worker, dispatch.hello("one", at: "m1"))
                let ending = await dispatch.hub.ending(of: older)
                _ = try #require(await Inbox(olderStream).nextLease())
                let hub = isElsewhere ? other : dispatch.hub
                let (_, newerStream) = try await hub.open(worker, dispatch.hello("two", at: "m2"))
                let reason = await dispatch.reason(ending)
                #expect(reason?.code == .identityRefused)
                #expect(reason?.message.contains("another machine uses this identity") == true)
                let again = try #require(await Inbox(newerStream).nextLease())
                #expect(again.taskID == task && again.attempt == 2)
                // No failed attempt: as many are left as before.
                let progress = try #require(try await dispatch.ledger.taskProgress([task]).first)
                #expect(progress.attemptMax - progress.attempt == 4)
                // It comes back and is refused, at either: nothing goes back and forth.
                for hub in [dispatch.hub, other] {
                    let refused = await #expect(throws: LanguageSystemError.self) {
                        _ = try await hub.open(worker, dispatch.hello("one", at: "m1"))
                    }
                    #expect(refused?.code == .identityRefused)
                }
            }
        }
    }

    @Test(arguments: [false, true])
    func `a process that reconnects replaces its own session and keeps its lease`(
        isElsewhere: Bool
    ) async throws {
        try await TestDispatch.with { dispatch in
            try await dispatch.other { other in
                let worker = try await dispatch.worker("edge-1")
                _ = try await dispatch.requestTraining(1)
                let (older, olderStream) = try await dispatch.hub.open(
                    worker, dispatch.hello("one", at: "m1"))
                let ending = await dispatch.hub.ending(of: older)
                let lease = try #require(await Inbox(olderStream).nextLease())
                let hub = isElsewhere ? other : dispatch.hub
                let (newer, newerStream) = try await hub.open(
                    worker, dispatch.hello("one", at: "m1", holding: [lease.token]))
                #expect(await dispatch.reason(ending) == nil)
                await hub.heartbeat(newer, [LeaseProgress(token: lease.token)])
                let stop = try #require(await Inbox(newerStream).nextStop())
                #expect(stop.lost.isEmpty)
            }
        }
    }

    @Test func `two workers of before with one identity do not take each other's place for ever`()
        async throws
    {
        try await TestDispatch.with { dispatch in
            try await dispatch.other { other in
                let worker = try await dispatch.worker("edge-1")
                var streams: [AsyncStream<DispatchHub.Outbound>] = []
                for hub in [dispatch.hub, other, dispatch.hub, other] {
                    streams.append(try await hub.open(worker, dispatch.hello(nil)).1)
                }
                // Whoever has it now keeps it, and the other one comes back later.
                let refused = await #expect(throws: LanguageSystemError.self) {
                    _ = try await dispatch.hub.open(worker, dispatch.hello(nil))
                }
                #expect(refused?.code == .unavailable)
                #expect(await other.counts.workers == 1)
                withExtendedLifetime(streams) {}
            }
        }
    }

    @Test func `a worker's word over an older session changes nothing`() async throws {
        try await TestDispatch.with { dispatch in
            // This coordinator hears of nothing: it does not run.
            let deaf = DispatchHub(
                ledger: dispatch.ledger,
                hints: LedgerNotifications(
                    Listener(
                        ConnectionConfiguration(dispatch.connectionInfo),
                        logger: TestDispatch.quiet)),
                settings: DispatchSettings(coordinatorName: "deaf"), logger: TestDispatch.quiet)
            let worker = try await dispatch.worker("edge-1")
            let (older, olderStream) = try await deaf.open(worker, dispatch.hello("one", at: "m1"))
            let inbox = Inbox(olderStream)
            let local = FeatureSetDescription(
                digest: Digest(hex: String(repeating: "ab", count: 32))!, byteCount: 9,
                baseModel: "tiny", domain: try DomainName("code"), split: .train, hiddenSize: 4,
                queryCount: 1, responseCount: 2)
            let (newer, newerStream) = try await dispatch.hub.open(
                worker, dispatch.hello("two", at: "m2"))
            await dispatch.hub.offerLocalData(newer, [local], weights: [])
            // The older machine says that it has nothing, which would take the newer one's data
            // back.
            await deaf.offerLocalData(older, [], weights: [])
            #expect(
                try await dispatch.ledger.featureSets().contains { $0.digest == local.digest })
            await deaf.offerLocalData(older, [local], weights: [])
            while let instruction = await inbox.next() {
                guard case .command(.refuse(let refused)) = instruction, !refused.isEmpty else {
                    continue
                }
                #expect(refused.first?.message.contains("another one of its name is newer") == true)
                break
            }
            withExtendedLifetime(newerStream) {}
        }
    }

    @Test func `a name that joins again ends the old machine's session, and its reranks`()
        async throws
    {
        try await TestDispatch.with { dispatch in
            let authority = Digest(bytes: [UInt8](repeating: 7, count: 32))!
            try await dispatch.ledger.setCertificateAuthority(
                pem: "-----BEGIN CERTIFICATE-----\n", publicKeySHA256: authority)
            let id = try await dispatch.join("edge-1", key: 1)
            try await dispatch.ledger.recordCertificate(
                of: id, serial: "a1", notBefore: Date(), notAfter: Date() + 3600,
                issuer: authority)
            let worker = Worker(id: id, name: "edge-1", serial: "a1")
            let (session, stream) = try await dispatch.hub.open(
                worker, dispatch.hello("one", at: "m1"))
            let ending = await dispatch.hub.ending(of: session)
            #expect(try await dispatch.join("edge-1", key: 2) == id)
            let reason = await dispatch.reason(ending)
            #expect(reason?.message.contains("the name has joined again since") == true)
            for await _ in stream {}
            let answer = await dispatch.hub.rerank(
                on: id,
                EdgeRerank(
                    rankerName: "r",
                    weights: BlobReference(digest: authority, byteCount: 1, name: "r@1"),
                    features: [UInt8](repeating: 0, count: 3 * 4 * 4), dtype: .float32,
                    candidateCount: 2, hiddenSize: 4), within: .seconds(180))
            #expect(answer == .unreachable)
            let refused = await #expect(throws: LanguageSystemError.self) {
                _ = try await dispatch.hub.open(worker, dispatch.hello("one", at: "m1"))
            }
            #expect(refused?.code == .identityRefused)
            #expect(try await dispatch.ledger.workers().map(\.state) == ["away"])
        }
    }

    @Test func `a worker may download what it was told to fetch ahead, and hears of nothing else`()
        async throws
    {
        try await TestDispatch.with { dispatch in
            let (free, narrow) = (
                try await dispatch.worker("free"), try await dispatch.worker("narrow")
            )
            for seed in 1...4 { _ = try await dispatch.requestTraining(Int64(seed)) }
            let (_, stream) = try await dispatch.hub.open(free, dispatch.hello())
            let inbox = Inbox(stream)
            let other = WorkerHello(
                programVersion: "test", capacity: 1, taskKinds: [.train], heldDigests: [],
                heldLeases: [], domains: [try DomainPattern("math/*")])
            let (narrowSession, narrowStream) = try await dispatch.hub.open(narrow, other)
            // It is as busy as the other one, and still hears of nothing.
            let token = try #require(LeaseToken(UUID().uuidString.lowercased()))
            await dispatch.hub.heartbeat(narrowSession, [LeaseProgress(token: token)])
            var hint: BlobReference?
            while hint == nil, let instruction = await inbox.next() {
                if case .command(.prefetch(let blobs)) = instruction { hint = blobs.first }
            }
            let digest = try #require(hint?.digest)
            #expect(await dispatch.hub.hasSuggested(digest, to: free.id))
            #expect(await !dispatch.hub.hasSuggested(digest, to: narrow.id))
            withExtendedLifetime(narrowStream) {}
        }
    }
}

extension TestDispatch {
    /// - Returns: The worker that has the name now.
    func join(_ name: String, key: UInt8) async throws -> WorkerID {
        let token = try await ledger.createJoinToken(for: name)
        let parts = try #require(token.firstMatch(of: /::(.*)\.(.*)$/))
        return try await ledger.redeemJoinToken(
            id: String(parts.1), secret: String(parts.2),
            publicKeySHA256: Digest(bytes: [UInt8](repeating: key, count: 32))!, workerName: nil
        ).id
    }
}

@Suite struct `Prefetch hints` {
    @Test(arguments: 1...20)
    func
        `prefetch hints never name what is held or was named last, and are kept within a bound`(
            seed: UInt64
        )
    {
        var state = seed
        func random(_ bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % bound
        }
        let blobs = (0..<200).map {
            BlobReference(
                digest: Digest(bytes: [UInt8](repeating: UInt8($0), count: 32))!, byteCount: 1,
                name: "set \($0)")
        }
        var hints = PrefetchHints()
        for _ in 0..<2_000 {
            let upcoming = (0..<random(17)).map { _ in blobs[random(blobs.count)] }
            let held = Set((0..<random(40)).map { _ in blobs[random(blobs.count)].digest })
            let last = hints.suggested.last
            let next = hints.next(of: upcoming, holding: held, place: random(500))
            if let next {
                #expect(upcoming.contains(next) && !held.contains(next.digest))
                #expect(next.digest != last && hints.suggested.last == next.digest)
            }
            #expect(hints.suggested.count <= PrefetchHints.suggestedCountMax)
            #expect(Set(hints.suggested).count == hints.suggested.count)
        }
        #expect(hints.suggested.count == PrefetchHints.suggestedCountMax)
    }
}
