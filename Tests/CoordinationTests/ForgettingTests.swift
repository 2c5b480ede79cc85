// What a coordinator has in memory of a user who is forgotten.
import Foundation
import LanguageSystem
import Ledger
import PostgresTesting
import RankerMath
import Rankers
import Testing

@testable import Coordination

@Suite(.timeLimit(.minutes(20))) struct `A coordinator that hears who is forgotten` {
    @Test
    func `a forgotten user's routes, weights, pins and decisions are dropped, and nobody else's`()
        async throws
    {
        try await TestServing.with { serving in
            let reranker = serving.reranker
            let ada = try TestServing.request(user: "ada")
            let hers = try #require(try await serving.rerank(ada).route)
            let others = try #require(
                try await serving.rerank(try TestServing.request(user: "ben")).route)
            #expect(hers.rankerName == "~ada.pointwise" && others.digest != hers.digest)
            try reranker.cache.pin(hers.rankerID, hers.digest, for: "key")

            _ = try await serving.ledger.forgetUser("ada", because: "asked")
            try await serving.eventually { reranker.cache.known(hers.digest) == nil }
            #expect(reranker.cache.counts.pinned == 0)
            #expect(reranker.cache.known(others.digest) != nil)
            try await serving.eventually {
                try await serving.rerank(ada).route?.digest == others.digest
            }
        }
    }

    @Test func `no answer to a forgotten user is kept, and none that names a ranker of theirs`() {
        var table = RouteTable<String>()
        let now = ContinuousClock.now
        let keys = [("tiny", "ada"), ("tiny", "ben"), ("~ada.x:champion", nil), ("tiny", nil)]
            .map { RouteKey(model: $0.0, user: $0.1, domain: nil) }
        for (key, answer) in zip(keys, ["all", "all", "ada", "all"]) {
            table.store(answer, for: key, naming: [], asOf: table.generation, at: now)
        }
        table.forget(user: "ada") { $0 == "ada" }
        #expect(table.count == 2)
        for (key, isThere) in zip(keys, [false, true, false, true]) {
            if case .unknown = table.answer(to: key, at: now) {
                #expect(!isThere)
            } else {
                #expect(isThere)
            }
        }
    }

    @Test func `a forgotten user's decisions that still wait are not written`() async throws {
        try await TestServing.with { serving in
            // Nobody runs this one: what it is given waits.
            let log = DecisionLog(
                ledger: serving.ledger, settings: DecisionSettings(share: 1),
                logger: TestDispatch.quiet)
            for user in ["ada", "ben", nil] { log.keep(.test(of: user)) }
            #expect(log.waitingCount == 3)
            log.forget(user: "ada")
            #expect(log.waitingCount == 2 && log.currentCounts.dropped == 1)
            log.forget(user: "ada")
            #expect(log.waitingCount == 2 && log.currentCounts.dropped == 1)
        }
    }

    @Test func `weights whose reading began before the ledger was asked are not kept`() async throws
    {
        let (gate, open) = AsyncStream.makeStream(of: Void.self)
        let cache = RankerCache(byteCountMax: 1 << 20, patience: .seconds(300)) { _ in
            for await _ in gate {}
            return RankerScorer(TestServing.weights(1))
        }
        let digest = try #require(Digest(bytes: [UInt8](repeating: 1, count: 32)))
        let reading = Task { try await cache.scorer(for: digest) }
        while cache.counts.misses == 0 { await Task.yield() }
        #expect(cache.digestsToAudit() == [])
        open.finish()
        _ = try await reading.value
        #expect(cache.known(digest) == nil)
        _ = try await cache.scorer(for: digest)
        #expect(cache.known(digest) != nil)
    }
}

extension Decision {
    fileprivate static func test(of user: String?) -> Decision {
        Decision(
            requestID: "r", role: .serve, model: "tiny", user: user, domain: nil,
            versionID: RankerVersionID(1), reason: .global, rule: nil, isFallback: false,
            workerID: nil, arithmetic: "float32", hiddenSize: 1, dtype: "F32",
            features: [0, 0, 0, 0], scores: [1])
    }
}
