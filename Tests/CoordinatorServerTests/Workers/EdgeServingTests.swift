// The whole way of a rerank at the edge: dispatch, the workers' port over mutual TLS, a real
// worker, and back.
import Coordination
import CoordinatorServer
import struct Crypto.SHA256
import Foundation
import LanguageSystem
import Ledger
import Logging
import PKI
import PostgresAccess
import PostgresTesting
import RankerMath
import Rankers
import Testing
import WorkerWire

@testable import EdgeWork

/// A coordinator's worker port on a database of its own, and a worker that works for it.
private struct Site: Sendable {
    static let hiddenSize = 64
    static let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    static let template = ThrowAwayDatabase.Template("edge-serving") { pool in
        try await LedgerStore.migrator(logger: quiet).migrate(pool)
    }

    let pool: ConnectionPool
    let hub: DispatchHub
    let worker: EdgeWorker
    let workerID: WorkerID
    let working: Task<Void, any Error>
    let weights: RankerWeights
    /// A version of a ranker whose weights the coordinator has.
    let central: BlobReference
    /// One whose weights only the worker has.
    let atHome: BlobReference

    static func with(_ body: (Site) async throws -> Void) async throws {
        try await ThrowAwayDatabase.with(template) { database in
            let directory = FileManager.default.temporaryDirectory
                .appending(path: "ls-edge-serving-\(UUID().uuidString)").path
            defer { try? FileManager.default.removeItem(atPath: directory) }
            let ledger = LedgerStore(pool: database.pool)
            let hub = DispatchHub(
                ledger: ledger,
                hints: LedgerNotifications(
                    Listener(ConnectionConfiguration(database.connectionInfo), logger: quiet)),
                settings: DispatchSettings(coordinatorName: "test"), logger: quiet)
            let authority = try CertificateAuthority.ephemeral()
            try await ledger.setCertificateAuthority(
                pem: authority.certificatePEM, publicKeySHA256: authority.publicKeySHA256)
            let enrolment = Enrolment(authority: authority, ledger: ledger, logger: quiet) { 0 }
            let (ports, port) = AsyncStream<Int>.makeStream()
            let endpoint = try WorkerEndpoint(
                host: "127.0.0.1", port: 0,
                certificates: try ServerCertificates(
                    authority: authority, names: ["127.0.0.1"], logger: quiet),
                hub: hub, ledger: ledger, enrolment: enrolment, logger: quiet,
                onListening: { port.yield($0) })
            let serving = Task { try await endpoint.run() }
            let dispatching = Task { try await hub.run() }
            do {
                var iterator = ports.makeAsyncIterator()
                let endpoint = CoordinatorEndpoint(
                    host: "127.0.0.1", restPort: 1,
                    workerPort: try #require(await iterator.next()))
                let state = StateDirectory(directory + "/state")
                let worker = try await Self.join(
                    state, endpoint, authority, ledger, enrolment)
                let weights = RankerWeights(
                    fresh: RankerConfiguration.preset(kind: .listwise, hiddenSize: hiddenSize),
                    seed: 1)
                let central = try await Self.addVersion(weights, ledger)
                // What it serves, it may read.
                try await database.pool.execute(
                    "select ls.place_ranker('code.listwise', 'edge-1', 'test')")
                let combiner = try JSONDecoder().decode(
                    Combiner.self,
                    from: Data(
                        """
                        {"format": "combiner/1", "standards": {
                         "score": {"mean": 0, "deviation": 1},
                         "scores.reward": {"mean": 0, "deviation": 1}}, "fits": [
                         {"signals": ["scores.reward"],
                          "coefficients": {"score": 1, "scores.reward": 2},
                          "without_score": {"scores.reward": 1}}]}
                        """.utf8))
                let bytes = RankerWeights(fresh: weights.configuration, seed: 2).with(combiner)
                    .safetensors()
                let home = BlobReference(
                    digest: Digest(bytes: SHA256.hash(data: bytes))!, byteCount: Int64(bytes.count),
                    name: "mine@1")
                try LocalWeights(directory: state.weightsPath).keep(bytes, home.digest)
                let working = Task { try await worker.run() }
                do {
                    try await body(
                        Site(
                            pool: database.pool, hub: hub, worker: worker,
                            workerID: try await ledger.authenticateWorker("edge-1"),
                            working: working, weights: weights, central: central, atHome: home))
                } catch {
                    working.cancel()
                    throw error
                }
                working.cancel()
                _ = await working.result
            } catch {
                serving.cancel()
                dispatching.cancel()
                throw error
            }
            await hub.endAllSessions()
            serving.cancel()
            dispatching.cancel()
            _ = await (serving.result, dispatching.result)
        }
    }

    private static func join(
        _ state: StateDirectory, _ endpoint: CoordinatorEndpoint, _ authority: CertificateAuthority,
        _ ledger: LedgerStore, _ enrolment: Enrolment
    ) async throws -> EdgeWorker {
        try state.prepare()
        let token = try JoinToken(
            try await ledger.createJoinToken(for: "edge-1"))
        let key = try state.keyForJoining()
        let reply = try await enrolment.join(
            JoinRequest(
                id: token.id, secret: token.secret, name: nil,
                certificateRequest: try key.certificateRequest(name: "edge-1")))
        let identity = try WorkerIdentity(
            endpoint: endpoint, roots: try TrustedRoots(pem: authority.trustedPEM, place: "test"),
            chainPEM: reply.certificateChain, chainPath: "test", key: key)
        try state.save(identity)
        return try EdgeWorker(
            identity: identity, state: state,
            settings: EdgeSettings(
                threadCount: 1, cacheByteCountMax: 64 << 20,
                drainDuration: .seconds(5)), logger: quiet)
    }

    private static func addVersion(_ weights: RankerWeights, _ ledger: LedgerStore) async throws
        -> BlobReference
    {
        _ = try await ledger.registerBaseModel("tiny", hiddenSize: hiddenSize)
        _ = try await ledger.registerDomain(try DomainName("code"))
        let ranker = try await ledger.registerRanker(
            baseModel: "tiny", kind: .listwise, configuration: weights.configuration.json,
            training: "{}", domain: try DomainName("code"))
        let bytes = weights.safetensors()
        let digest = Digest(bytes: SHA256.hash(data: bytes))!
        let version = try await ledger.addVersion(
            to: ranker.name, digest: digest, weights: bytes)
        try await ledger.promote(version, because: "there is no test set")
        return BlobReference(
            digest: digest, byteCount: Int64(bytes.count), name: "\(ranker.name)@1")
    }

    func work(
        _ weights: BlobReference, _ type: FeatureType = .float32, signals: RerankSignals? = nil
    ) -> EdgeRerank {
        let candidateCount = 10
        var generator = Generator(seed: 7, stream: 0)
        let features = (0..<(candidateCount + 1) * Self.hiddenSize).flatMap { _ -> [UInt8] in
            let number = Float(generator.below(2_000)) / 1_000 - 1
            switch type {
            case .float32: return withUnsafeBytes(of: number.bitPattern.littleEndian, Array.init)
            case .bfloat16:
                return withUnsafeBytes(
                    of: UInt16(number.bitPattern >> 16).littleEndian, Array.init)
            case .float16:
                return withUnsafeBytes(of: Float16(number).bitPattern.littleEndian, Array.init)
            }
        }
        return EdgeRerank(
            rankerName: weights.name, weights: weights, features: features, dtype: type,
            candidateCount: candidateCount, hiddenSize: Self.hiddenSize, signals: signals)
    }

    func rerank(_ work: EdgeRerank, within deadline: Duration = .seconds(180)) async
        -> EdgeRerankResult
    {
        await hub.rerank(on: workerID, work, within: deadline)
    }

    /// Asks until the answer is not `unwanted`.
    func settled(_ what: String, _ work: EdgeRerank, not unwanted: (EdgeRerankResult) -> Bool)
        async throws -> EdgeRerankResult
    {
        let limit = ContinuousClock.now + .seconds(180)
        while true {
            let answer = await rerank(work)
            if !unwanted(answer) { return answer }
            try #require(ContinuousClock.now < limit, "\(what): still \(answer)")
            try await Task.sleep(for: .milliseconds(10))
        }
    }

    func connected() async throws {
        _ = try await settled("connected", work(atHome)) { $0 == .unreachable }
    }
}

extension EdgeRerankResult {
    fileprivate var scores: [Float]? {
        if case .scored(let scores, _, _) = self { scores } else { nil }
    }

    fileprivate var code: ErrorCode? {
        if case .refused(let error) = self { error.code } else { nil }
    }
}

@Suite(.timeLimit(.minutes(20))) struct `Edge serving` {
    @Test func `a worker scores as the coordinator itself would, once it has the weights`()
        async throws
    {
        try await Site.with { site in
            try await site.connected()
            #expect(await site.rerank(site.work(site.central)).code == .unavailable)
            _ = try await site.settled("scored", site.work(site.central)) {
                $0.code == .unavailable
            }
            let scorer = RankerScorer(site.weights)
            for type in FeatureType.allCases {
                let work = site.work(site.central, type)
                let expected = try work.features.withUnsafeBytes { bytes in
                    Result { () throws(LanguageSystemError) in
                        try scorer.score(features: bytes, dtype: type, candidateCount: 10)
                    }
                }.get()
                #expect(await site.rerank(work).scores == expected)
            }
            #expect(await site.rerank(site.work(site.atHome)).scores?.count == 10)
        }
    }

    @Test func `signals reach the worker, and what its combiner makes of them comes back`()
        async throws
    {
        try await Site.with { site in
            try await site.connected()
            let rewards = (0..<10).map { Double($0 % 3) }
            let signals = RerankSignals(numbers: ["reward": rewards])
            let answer = await site.rerank(site.work(site.atHome, signals: signals))
            guard case .scored(let scores, let combined, _) = answer else {
                Issue.record("\(answer)")
                return
            }
            let values = zip(scores, rewards).map { Double($0) + 2 * $1 }
            #expect(combined == CombinedScores(values, signals: ["scores.reward"]))
            guard case .scored(let alone, nil, _) = await site.rerank(site.work(site.atHome)) else {
                Issue.record("combined without signals")
                return
            }
            #expect(alone == scores)
        }
    }

    @Test func `many reranks at once are answered, each with its own scores`() async throws {
        try await Site.with { site in
            try await site.connected()
            let expected = try #require(await site.rerank(site.work(site.atHome)).scores)
            await withTaskGroup(of: EdgeRerankResult.self) { group in
                for _ in 0..<60 { group.addTask { await site.rerank(site.work(site.atHome)) } }
                for await answer in group { #expect(answer.scores == expected) }
            }
        }
    }

    @Test func `reranks go on while the database keeps the worker's other messages waiting`()
        async throws
    {
        try await Site.with { site in
            try await site.connected()
            let blocking = Task {
                try await site.pool.execute(
                    """
                    do $$ begin perform from ls.worker for no key update; perform pg_sleep(120); \
                    end $$
                    """)
            }
            func isThere(_ query: String) async throws -> Bool {
                try await site.pool.execute("select exists (\(query))").one().decode(Bool.self)
            }
            let sleeping =
                """
                from pg_stat_activity where wait_event = 'PgSleep' and datname = current_database()
                """
            while try await !isThere("select \(sleeping)") { await Task.yield() }
            await site.worker.parts.localData.offer()
            while try await !isThere(
                """
                select from pg_stat_activity where wait_event_type = 'Lock' and query like \
                '%offer_local_data%' and datname = current_database()
                """
            ) { await Task.yield() }
            #expect(await site.rerank(site.work(site.atHome)).scores != nil)
            _ = try await site.pool.execute("select pg_cancel_backend(pid) \(sleeping)")
            _ = await blocking.result
        }
    }

    @Test func `a worker is out of reach when it has left`() async throws {
        try await Site.with { site in
            try await site.connected()
            #expect(await site.rerank(site.work(site.atHome)).scores != nil)
            await site.worker.drain()
            _ = try await site.settled("left", site.work(site.atHome)) { $0 != .unreachable }
            try await site.working.value
        }
    }
}
