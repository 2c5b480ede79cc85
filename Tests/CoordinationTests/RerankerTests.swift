// Reranks on a real database: who serves, what a key lets through, what happens when things change
// or go away.
import Coordination
import struct Crypto.SHA256
import Foundation
import LanguageSystem
import Ledger
import PostgresAccess
import PostgresTesting
import RankerMath
import Rankers
import Testing

/// A database of one test with three rankers of width 8, and a reranker on it that runs.
struct TestServing: Sendable {
    static let hiddenSize = 8

    static let template = ThrowAwayDatabase.Template("serving") { pool in
        try await LedgerStore.migrator(logger: TestDispatch.quiet).migrate(pool)
        let ledger = LedgerStore(pool: pool)
        try await pool.execute("select ls.register_base_model('tiny', 8, p_layer => 19)")
        for domain in ["math/algebra", "code"] {
            try await pool.execute("select ls.register_domain($1)", domain)
        }
        for (seed, owner) in [
            (UInt64(1), (String?.none, String?.none)), (2, (nil, "math/algebra")),
            (3, ("ada", nil)),
        ] {
            let name: String = try await pool.execute(
                """
                select name from ls.register_ranker('tiny', 'pointwise', p_user => $1, p_domain => \
                $2)
                """, owner.0, owner.1
            ).one().decode()
            try await TestServing.addVersion(seed, to: name, ledger)
        }
    }

    let ledger: LedgerStore
    let pool: ConnectionPool
    let reranker: Reranker
    let apiKeys: APIKeyCache

    static func with(_ body: @escaping @Sendable (TestServing) async throws -> Void) async throws {
        try await ThrowAwayDatabase.with(template) { database in
            let ledger = LedgerStore(pool: database.pool)
            let hints = LedgerNotifications(
                Listener(
                    ConnectionConfiguration(database.connectionInfo), logger: TestDispatch.quiet))
            let decisions = DecisionLog(
                ledger: ledger, settings: DecisionSettings(share: 0), logger: TestDispatch.quiet)
            let serving = TestServing(
                ledger: ledger, pool: database.pool,
                reranker: Reranker(
                    ledger: ledger, hints: hints, decisions: decisions,
                    hub: DispatchHub(
                        ledger: ledger, hints: hints,
                        settings: DispatchSettings(coordinatorName: "test"),
                        logger: TestDispatch.quiet),
                    settings: RerankerSettings(
                        threadCount: 1, cacheByteCountMax: 1 << 20, precision: .float32,
                        loadPatience: .seconds(300))),
                apiKeys: APIKeyCache(ledger: ledger, hints: hints, logger: TestDispatch.quiet))
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try? await serving.reranker.run() }
                group.addTask { try? await serving.apiKeys.run() }
                group.addTask { try? await decisions.run() }
                try await body(serving)
                group.cancelAll()
            }
        }
    }

    static func addVersion(_ seed: UInt64, to ranker: String, _ ledger: LedgerStore) async throws {
        try await addVersion(weights(seed).safetensors(), to: ranker, ledger)
    }

    /// A first version is made champion by a person: nothing is measured here, so the promotion
    /// gate leaves all of them where they are.
    static func addVersion(_ weights: [UInt8], to ranker: String, _ ledger: LedgerStore)
        async throws
    {
        let version = try await ledger.addVersion(
            to: ranker, digest: Digest(bytes: SHA256.hash(data: weights))!, weights: weights)
        if try await ledger.versions(of: ranker).count == 1 {
            try await ledger.promote(version, because: "there is no test set")
        }
    }

    static func weights(_ seed: UInt64) -> RankerWeights {
        RankerWeights(fresh: .preset(kind: .pointwise, hiddenSize: hiddenSize), seed: seed)
    }

    static let features: [Float] = (0..<4 * hiddenSize).map { sin(Float($0)) }

    static func request(
        _ model: String = "tiny", user: String? = nil, domain: String? = nil,
        fallbacks: [String] = [], features: [Float] = Self.features, width: Int = hiddenSize,
        contract: FeatureContract = FeatureContract(), signals: RerankSignals? = nil,
        aggregate: Aggregate = .best
    ) throws -> RerankRequest {
        RerankRequest(
            model: model, fallbacks: fallbacks, user: user,
            domain: try domain.map { try DomainName($0) },
            features: features.withUnsafeBytes { [UInt8]($0) }[...], dtype: .float32,
            candidateCount: features.count / width - 1, hiddenSize: width, contract: contract,
            signals: signals, aggregate: aggregate)
    }

    func rerank(
        _ request: RerankRequest, _ scope: KeyScope = KeyScope(), id: String = "r",
        keeping: Bool = false, key: String? = nil
    ) async throws -> RerankReply {
        try await reranker.rerank(
            request,
            for: RerankCaller(requestID: id, scope: scope, keyID: key, keepsDecision: keeping))
    }

    func prefetch(
        _ model: String = "tiny", user: String?, pin: Bool?, _ scope: KeyScope = KeyScope(),
        key: String? = nil
    ) async throws -> Reranker.Prefetched {
        try await reranker.prefetch(
            model, user: user, domain: nil, pin: pin,
            for: RerankCaller(requestID: "p", scope: scope, keyID: key))
    }

    func refusal(_ request: RerankRequest, _ scope: KeyScope = KeyScope()) async throws
        -> LanguageSystemError
    {
        do {
            _ = try await rerank(request, scope)
        } catch let error as LanguageSystemError {
            return error
        }
        throw LanguageSystemError(.internal, "it was not refused")
    }

    /// Only the digest of these weights is known from now on.
    func loseBytes(of weights: RankerWeights) async throws {
        let digest = Digest(bytes: SHA256.hash(data: weights.safetensors()))!
        try await pool.execute(
            "alter table ls.ranker_weights disable trigger ranker_weights_never_change")
        try await pool.execute(
            "update ls.ranker_weights set bytes = null where digest = $1", digest)
        try await pool.execute(
            "alter table ls.ranker_weights enable trigger ranker_weights_never_change")
    }

    func promoteNewest(of ranker: String) async throws {
        try await pool.execute(
            """
            select ls.promote(max(version_id), 'test') from ls.ranker_version
            where ranker_id = ls.ranker_id($1)
            """, ranker)
    }

    func eventually(_ holds: () async throws -> Bool) async throws {
        while try await !holds() { try await Task.sleep(for: .milliseconds(5)) }
    }
}

@Suite(.timeLimit(.minutes(20))) struct `Reranking` {
    @Test func `the user's ranker scores, to the bit as its weights do`() async throws {
        try await TestServing.with { serving in
            let reply = try await serving.rerank(
                try TestServing.request(user: "ada", domain: "code"))
            #expect(reply.servedModel == "~ada.pointwise@1" && reply.reason == .user)
            #expect(!reply.isFallback && reply.worker == nil)
            let expected = try TestServing.features.withUnsafeBytes {
                try RankerScorer(TestServing.weights(3)).score(
                    features: $0, dtype: .float32, candidateCount: 3)
            }
            let scores = reply.ranking.sorted { $0.candidateIndex < $1.candidateIndex }
                .map(\.score)
            #expect(scores == expected)
            #expect(reply.ranking.map(\.score) == scores.sorted(by: >))
            #expect(reply.ranking.allSatisfy { $0.relevance == (1 + $0.score) / 2 })
        }
    }

    @Test
    func `weights that an edge-only ranker named first are served from the bytes of a central one`()
        async throws
    {
        try await TestServing.with { serving in
            let bytes = TestServing.weights(7).safetensors()
            // An edge-only ranker, trained alike, was there first: of its weights the digest alone
            // is known.
            try await serving.pool.execute(
                "insert into ls.worker (name, public_key_sha256) values ('laptop', sha256('key'))")
            try await serving.pool.execute(
                """
                select ls.register_ranker('tiny', 'pointwise', p_user => 'eve', p_home => 'laptop',
                    p_name => 'at-home')
                """)
            try await serving.pool.execute(
                """
                select ls.insert_version(ls.ranker_id('at-home'), $1, null, '{}', null, null, null,
                    worker_id, 'test', 9) from ls.worker
                """, Digest(bytes: SHA256.hash(data: bytes))!)
            try await TestServing.addVersion(7, to: "math/algebra.pointwise", serving.ledger)
            try await serving.promoteNewest(of: "math/algebra.pointwise")
            let reply = try await serving.rerank(TestServing.request(domain: "math/algebra"))
            #expect(reply.servedModel == "math/algebra.pointwise@2" && !reply.isFallback)
        }
    }

    @Test
    func `weights whose bytes are nowhere serve nobody: the next of the chain does, or a fallback`()
        async throws
    {
        try await TestServing.with { serving in
            try await TestServing.addVersion(8, to: "math/algebra.pointwise", serving.ledger)
            try await serving.loseBytes(of: TestServing.weights(8))
            try await serving.promoteNewest(of: "math/algebra.pointwise")
            let chain = try await serving.rerank(TestServing.request(domain: "math/algebra"))
            #expect(chain.servedModel == "global.pointwise@1")
            let fallback = try await serving.rerank(
                TestServing.request("math/algebra.pointwise", fallbacks: ["tiny"]))
            #expect(fallback.servedModel == "global.pointwise@1" && fallback.isFallback)
            let refused = try await serving.refusal(TestServing.request("math/algebra.pointwise"))
            #expect(refused.code == .unavailable)
            #expect(refused.message.contains("its weights are not here"))
        }
    }

    @Test func `weights that are gone since the route was asked for are passed over, too`()
        async throws
    {
        try await TestServing.with { serving in
            // The route is in memory from here on; its weights are not.
            let refused = try await serving.refusal(
                TestServing.request(
                    domain: "math/algebra", features: [1, 2, 3, 4], width: 2))
            #expect(refused.code == .contractMismatch)
            try await serving.loseBytes(of: TestServing.weights(2))
            let reply = try await serving.rerank(TestServing.request(domain: "math/algebra"))
            #expect(reply.servedModel == "global.pointwise@1")
            let next = try await serving.rerank(TestServing.request(domain: "math/algebra"))
            #expect(next.servedModel == "global.pointwise@1")
            #expect(!next.explanation.contains("stored"), "the plan in memory is right now")
        }
    }

    @Test func `names that cannot be are nobody's, and asked of no database`() async throws {
        try await TestServing.with { serving in
            await serving.pool.close()
            for model in ["ti\0ny", "ti\nny", String(repeating: "x", count: 501)] {
                let refusal = try await serving.refusal(
                    try TestServing.request(model, fallbacks: ["tiny"]))
                #expect(refusal.code == .unknownBaseModel)
            }
            for user in ["a\0da", "a\u{7f}", String(repeating: "\u{e9}", count: 201)] {
                let refusal = try await serving.refusal(try TestServing.request(user: user))
                #expect(refusal.code == .invalidArgument)
            }
        }
    }

    @Test func `two spellings of one letter are two users`() async throws {
        try await TestServing.with { serving in
            let (composed, decomposed) = ("jos\u{e9}", "jose\u{301}")
            let name: String = try await serving.pool.execute(
                "select name from ls.register_ranker('tiny', 'pointwise', p_user => $1)", composed
            ).one().decode()
            try await TestServing.addVersion(7, to: name, serving.ledger)
            let scope = KeyScope(users: [composed])
            #expect(
                try await serving.rerank(try TestServing.request(user: composed), scope)
                    .servedModel == "\(name)@1")
            let other = try TestServing.request(user: decomposed)
            #expect(try await serving.refusal(other, scope).code == .notPermitted)
            #expect(try await serving.rerank(other).servedModel != "\(name)@1")
        }
    }

    @Test func `a route is counted once for each request`() async throws {
        try await TestServing.with { serving in
            for _ in 0..<4 {
                _ = try await serving.rerank(try TestServing.request(user: "ada"))
            }
            // What LISTEN may have missed before it began is asked for again.
            let counts = serving.reranker.counts
            #expect(counts.routeMisses + counts.routeHits == 4 && counts.routeMisses >= 1)
            #expect(counts.cacheMisses == 1 && counts.cacheHits == 3)
        }
    }

    @Test func `what is not finite is refused also when a canary is all there is`() async throws {
        try await TestServing.with { serving in
            try await serving.pool.execute("select ls.register_base_model('bare', 8)")
            let name: String = try await serving.pool.execute(
                "select name from ls.register_ranker('bare', 'pointwise', p_user => 'eve')"
            ).one().decode()
            try await TestServing.addVersion(8, to: name, serving.ledger)
            try await serving.ledger.addRouteRule(
                RouteRule(
                    name: "few", action: .canary, target: "\(name)@1", share: 0.0001,
                    user: "ben"))
            let bad = try TestServing.request(
                "bare", user: "ben", features: [Float.nan] + TestServing.features.dropFirst())
            #expect(try await serving.refusal(bad).code == .invalidFeatures)
        }
    }

    @Test func `an alias that moves, a rule that comes and goes, are live at once`() async throws {
        try await TestServing.with { serving in
            let request = try TestServing.request(user: "ben", domain: "math/algebra")
            #expect(try await serving.rerank(request).servedModel == "math/algebra.pointwise@1")
            try await TestServing.addVersion(9, to: "math/algebra.pointwise", serving.ledger)
            try await serving.pool.execute(
                "select ls.promote(max(version_id), 'test') from ls.version_lineage")
            try await serving.eventually {
                try await serving.rerank(request).servedModel == "math/algebra.pointwise@2"
            }
            try await serving.ledger.addRouteRule(
                RouteRule(name: "hold", action: .pin, target: "math/algebra.pointwise@1"))
            try await serving.eventually {
                let reply = try await serving.rerank(request)
                return reply.servedModel == "math/algebra.pointwise@1" && reply.reason == .rule
                    && reply.route?.rule == "hold"
            }
            try await serving.ledger.removeRouteRule("hold", because: "enough")
            try await serving.eventually {
                try await serving.rerank(request).servedModel == "math/algebra.pointwise@2"
            }
        }
    }

    @Test func `fallbacks are tried in order, and the reply says what was missing`() async throws {
        try await TestServing.with { serving in
            let reply = try await serving.rerank(
                try TestServing.request(
                    "nobody@7", fallbacks: ["~ada.pointwise@9", "~ada.pointwise"]))
            #expect(reply.servedModel == "~ada.pointwise@1" && reply.isFallback)
            #expect(reply.explanation.contains("nobody@7 is not there"))
            // For the base model of a fallback nobody is there, and the reply names no other.
            try await serving.pool.execute("select ls.register_base_model('bare', 8)")
            let bare = try await serving.rerank(
                try TestServing.request("nobody@7", fallbacks: ["bare"]))
            #expect(bare.servedModel == "bare" && bare.reason == .firstSample)
            let refusal = try await serving.refusal(try TestServing.request("nobody"))
            #expect(refusal.code == .unknownBaseModel)
            let named = try await serving.refusal(try TestServing.request("~ada.pointwise@9"))
            #expect(named.code == .unknownVersion)
        }
    }

    @Test func `another width or contract is refused with both, also where nobody serves`()
        async throws
    {
        try await TestServing.with { serving in
            let wide = try await serving.refusal(
                try TestServing.request(features: TestServing.features, width: 4))
            #expect(wide.code == .contractMismatch)
            #expect(wide.message.contains("found features of width 4, expected 8"))
            let layer = try await serving.refusal(
                try TestServing.request(contract: FeatureContract(layer: 20, norm: "after")))
            #expect(layer.message.contains("found layer 20, expected 19"))
            #expect(
                !layer.message.contains("norm"), "what the base model does not say is no difference"
            )
            try await serving.pool.execute("select ls.register_base_model('bare', 8)")
            for features in [[Float.nan], [.infinity]] {
                let bad = try TestServing.request(
                    "bare", features: features + TestServing.features.dropFirst())
                #expect(try await serving.refusal(bad).code == .invalidFeatures)
            }
            let first = try await serving.rerank(try TestServing.request("bare"))
            #expect(
                first.reason == .firstSample && first.ranking.map(\.candidateIndex) == [0, 1, 2])
        }
    }

    @Test func `a key's users, domains and base models are all it sees`() async throws {
        try await TestServing.with { serving in
            let ben = KeyScope(users: ["ben"], domains: ["math/*"])
            #expect(
                try await serving.refusal(try TestServing.request(user: "ada"), ben).code
                    == .notPermitted)
            #expect(
                try await serving.refusal(try TestServing.request(domain: "code"), ben).code
                    == .notPermitted)
            // What it may not see answers as what does not exist, to the letter.
            func words(_ model: String, _ scope: KeyScope) async throws -> String {
                try await serving.refusal(try TestServing.request(model), scope).description
                    .replacing(model, with: "X")
            }
            #expect(try await words("~ada.pointwise", ben) == words("~eve.pointwise", ben))
            #expect(try await words("~ada.pointwise@9", ben) == words("~eve.pointwise@9", ben))
            let other = KeyScope(baseModels: ["other"])
            #expect(try await words("tiny", other) == words("none", other))
            // A key of one user's is that user's.
            let reply = try await serving.rerank(
                try TestServing.request(), KeyScope(users: ["ada"]))
            #expect(reply.servedModel == "~ada.pointwise@1")
        }
    }

    @Test func `what is in memory is served while the database is away`() async throws {
        try await TestServing.with { serving in
            let request = try TestServing.request(user: "ada")
            _ = try await serving.rerank(request)
            // As when a connection is lost: anything may have been missed.
            try await serving.ledger.addRouteRule(
                RouteRule(name: "x", action: .pin, target: "global.pointwise", user: "nobody"))
            await serving.pool.close()
            for _ in 0..<20 {
                #expect(try await serving.rerank(request).servedModel == "~ada.pointwise@1")
            }
            let refusal = try await serving.refusal(try TestServing.request(user: "ben"))
            #expect(refusal.code == .unavailable)
            // A fallback that is in memory serves, too.
            let named = try TestServing.request("~ada.pointwise")
            #expect(try await serving.refusal(named).code == .unavailable)
            let other = try TestServing.request(
                "~ada.pointwise", user: "ada", fallbacks: ["tiny"])
            let reply = try await serving.rerank(other)
            #expect(reply.servedModel == "~ada.pointwise@1" && reply.isFallback)
            #expect(reply.explanation.contains("~ada.pointwise cannot serve now"))
        }
    }

    @Test func `a decision asked for is kept, and a shadow beside it`() async throws {
        try await TestServing.with { serving in
            try await serving.ledger.addRouteRule(
                RouteRule(name: "dark", action: .shadow, target: "global.pointwise"))
            let reply = try await serving.rerank(
                try TestServing.request(user: "ada"), id: "kept-1", keeping: true)
            #expect(reply.servedModel == "~ada.pointwise@1")
            try await serving.eventually {
                try await serving.pool.execute(
                    "select from ls.decision_log where request_id = 'kept-1'"
                ).count == 2
            }
            let decisions = try await serving.ledger.decisions(of: "kept-1")
            #expect(decisions.map(\.rankerName) == ["~ada.pointwise", "global.pointwise"])
            #expect(decisions.map(\.role) == [.serve, .shadow])
            #expect(decisions[1].rule == "dark")
        }
    }

    @Test func `prefetch has the ranker in memory before it is asked for`() async throws {
        try await TestServing.with { serving in
            let first = try await serving.prefetch(user: "ada", pin: true)
            #expect(
                !first.wasCached && first.isPinned && first.route.rankerName == "~ada.pointwise")
            let again = try await serving.prefetch(user: "ada", pin: nil)
            #expect(again.wasCached && again.isPinned, "as it was")
            await #expect(throws: LanguageSystemError.self) {
                try await serving.prefetch(user: "ada", pin: nil, KeyScope(users: ["ben"]))
            }
        }
    }

    @Test(arguments: [
        ("~ada.pointwise", true), ("~ada.pointwise:champion", true), ("~ada.pointwise@1", false),
    ])
    func `a pin by the ranker's name follows its champion, one by a version's does not`(
        model: String, follows: Bool
    ) async throws {
        try await TestServing.with { serving in
            #expect(try await serving.prefetch(model, user: nil, pin: true).isPinned)
            try await TestServing.addVersion(4, to: "~ada.pointwise", serving.ledger)
            try await serving.promoteNewest(of: "~ada.pointwise")
            try await serving.eventually {
                try await serving.rerank(try TestServing.request("~ada.pointwise")).servedModel
                    == "~ada.pointwise@2"
            }
            let newest = try await serving.prefetch("~ada.pointwise@2", user: nil, pin: nil)
            #expect(newest.isPinned == follows)
            let first = try await serving.prefetch("~ada.pointwise@1", user: nil, pin: nil)
            #expect(first.isPinned == !follows)
        }
    }

    @Test func `a pin follows the champion, and no version that an exempt user keeps`() async throws
    {
        try await TestServing.with { serving in
            try await TestServing.addVersion(4, to: "math/algebra.pointwise", serving.ledger)
            try await serving.promoteNewest(of: "math/algebra.pointwise")
            // What is kept was never taken away from champion by a person.
            try await TestServing.addVersion(5, to: "math/algebra.pointwise", serving.ledger)
            try await serving.pool.execute(
                """
                with d as (
                    insert into ls.promotion_decision (version_id, promoted, reason)
                    select version_id, true, 'better' from ls.ranker_version
                    where ranker_id = ls.ranker_id('math/algebra.pointwise') and number = 2
                    returning promotion_decision_id)
                insert into ls.exemption (ranker_id, user_name, version_id, promotion_decision_id)
                select v.ranker_id, 'ben', v.version_id, d.promotion_decision_id
                from ls.ranker_version v, d
                where v.ranker_id = ls.ranker_id('math/algebra.pointwise') and v.number = 3
                """)
            #expect(
                try await serving.prefetch("math/algebra.pointwise", user: nil, pin: true).isPinned)
            for request in [
                try TestServing.request(user: "ben", domain: "math/algebra"),
                try TestServing.request("math/algebra.pointwise", user: "ben"),
            ] {
                let kept = try await serving.rerank(request)
                #expect(kept.servedModel == "math/algebra.pointwise@3")
                let champion = try await serving.prefetch(
                    "math/algebra.pointwise@2", user: nil, pin: nil)
                #expect(champion.isPinned)
            }
        }
    }

    @Test func `a key's pins are its own, and go when it is revoked`() async throws {
        try await TestServing.with { serving in
            serving.apiKeys.onRead { serving.reranker.keepPins(of: $0) }
            func key(_ name: String) async throws -> String {
                let text = try await serving.ledger.createAPIKey(name)
                try await serving.eventually { serving.apiKeys.knownKey(text) != nil }
                return try await serving.apiKeys.key(text).id
            }
            let (app, other) = (try await key("app"), try await key("other"))
            #expect(try await serving.prefetch(user: "ada", pin: true, key: app).isPinned)
            #expect(try await !serving.prefetch(user: "ada", pin: false, key: other).isPinned)
            #expect(try await serving.prefetch(user: "ada", pin: nil, key: app).isPinned)
            #expect(serving.reranker.counts.pinnedRankers == 1)
            try await serving.ledger.revokeAPIKey("app", because: "lost")
            try await serving.eventually { serving.reranker.counts.pinnedRankers == 0 }
        }
    }

    @Test func `two keys may use one id, and each decision is its own`() async throws {
        try await TestServing.with { serving in
            var ids: [String: String] = [:]
            for name in ["app", "other"] {
                let text = try await serving.ledger.createAPIKey(name)
                try await serving.eventually { serving.apiKeys.knownKey(text) != nil }
                ids[name] = try await serving.apiKeys.key(text).id
            }
            _ = try await serving.rerank(
                try TestServing.request(user: "ada"), id: "17", keeping: true, key: ids["app"])
            _ = try await serving.rerank(
                try TestServing.request(user: "ben"), id: "17", keeping: true, key: ids["other"])
            try await serving.eventually {
                try await serving.pool.execute("select from ls.decision_log").count == 2
            }
            let error = await #expect(throws: LanguageSystemError.self) {
                try await serving.ledger.decisions(of: "17")
            }
            #expect(error?.code == .invalidArgument)
            for (name, user) in [("app", "ada"), ("other", "ben")] {
                let kept = try await serving.ledger.decisions(of: "17", by: name)
                #expect(kept.map(\.user) == [user] && kept.map(\.key) == [name])
            }
        }
    }

    @Test func `a key of domains asks in one of them`() async throws {
        try await TestServing.with { serving in
            let one = KeyScope(domains: ["math/algebra"])
            // Of a single one, that is meant.
            #expect(
                try await serving.rerank(try TestServing.request(), one).servedModel
                    == "math/algebra.pointwise@1")
            for scope in [
                KeyScope(domains: ["math/*"]), KeyScope(domains: ["code", "math/algebra"]),
            ] {
                let refusal = try await serving.refusal(try TestServing.request(), scope)
                #expect(refusal.code == .notPermitted && refusal.message.contains("names none"))
                // Also for who names a ranker.
                let named = try TestServing.request("global.pointwise")
                #expect(try await serving.refusal(named, scope).code == .notPermitted)
                await #expect(throws: LanguageSystemError.self) {
                    try await serving.prefetch(user: "ada", pin: nil, scope)
                }
                let inside = try TestServing.request(domain: "math/algebra")
                #expect(
                    try await serving.rerank(inside, scope).servedModel
                        == "math/algebra.pointwise@1")
            }
            // A broader ranker serves it where the domain has none.
            let broader = try await serving.rerank(
                try TestServing.request(domain: "code"), KeyScope(domains: ["code"]))
            #expect(broader.servedModel == "global.pointwise@1" && broader.reason == .global)
        }
    }
}

@Suite(.timeLimit(.minutes(20))) struct `API keys` {
    @Test func `a key is good from the moment it is made until it is revoked`() async throws {
        try await TestServing.with { serving in
            try await serving.apiKeys.read()
            let text = try await serving.ledger.createAPIKey(
                "app", scope: KeyScope(users: ["ada"]))
            // At once: however lately the keys were read, and whether or not the hint has come.
            #expect(try await serving.apiKeys.key(text).scope == KeyScope(users: ["ada"]))
            try await serving.ledger.revokeAPIKey("app", because: "lost")
            try await serving.eventually {
                (try? await serving.apiKeys.key(text)) == nil
            }
        }
    }

    @Test func `a key expires by itself`() async throws {
        try await TestServing.with { serving in
            let began = ContinuousClock.now
            let text = try await serving.ledger.createAPIKey("app", lasting: .seconds(4))
            // On a machine so busy that asking takes longer, it may have expired by then.
            let key = try? await serving.apiKeys.key(text)
            #expect(key != nil || ContinuousClock.now - began > .seconds(2))
            await serving.pool.close()
            try await serving.eventually {
                (try? await serving.apiKeys.key(text)) == nil
            }
        }
    }

    @Test func `a key is refused in the same words whatever is wrong with it`() async throws {
        try await TestServing.with { serving in
            let text = try await serving.ledger.createAPIKey("app")
            try await serving.apiKeys.read()
            let id = text.split(separator: "_")[1]
            for bad in [
                "", "lsk", "lsk__", text + "0", "lsk_\(id)_" + String(repeating: "0", count: 64),
                "lsk_000000000000_" + text.suffix(64), text.uppercased(), text + "_x",
                "LSK" + text.dropFirst(3), String(repeating: "x", count: 10_000),
            ] {
                let error = await #expect(throws: LanguageSystemError.self) {
                    try await serving.apiKeys.key(bad)
                }
                #expect(error == .keyRefused())
            }
            _ = try await serving.apiKeys.key(text)
        }
    }
}
