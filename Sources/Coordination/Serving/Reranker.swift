// Answers a rerank request: find the route, have its ranker in memory, score on our own threads,
// order. On a hit of both memories no database is touched. It decides nothing about who serves:
// ls.route() does, and says why.
import LanguageSystem
public import Ledger
import Rankers
public import ServiceLifecycle

public final class Reranker: Service, Sendable {
    private let routes: RouteMemory
    private let cache: RankerCache
    private let threads: ScoringThreads
    private let clock = ContinuousClock()

    /// - Parameters:
    ///   - threadCount: threads that score.
    ///   - cacheByteCountMax: bytes of weights kept in memory.
    ///   - queueDepthMax: requests that may wait for a thread; one more is refused as `busy`.
    public init(
        ledger: LedgerStore, hints: LedgerHints, threadCount: Int, cacheByteCountMax: Int,
        queueDepthMax: Int = 1_024
    ) {
        self.routes = RouteMemory(ledger: ledger, hints: hints)
        self.cache = RankerCache(byteCountMax: cacheByteCountMax) { digest in
            try await ledger.readWhole(digest)
        }
        self.threads = ScoringThreads(threadCount: threadCount, depthMax: queueDepthMax)
    }

    /// Follows alias moves until asked to stop.
    public func run() async throws { await cancelWhenGracefulShutdown { await self.routes.run() } }

    /// - Throws: `unknownBaseModel`, `unknownRanker`, `unknownVersion`, `contractMismatch` for another
    ///   width, `invalidFeatures` for numbers that are not finite, `busy`, `unavailable`.
    public func rerank(_ request: RerankRequest) async throws -> RerankReply {
        var timings = RerankReply.Timings()
        let key = RouteKey(model: request.model, user: request.user, domain: request.domain)
        var mark = clock.now
        let route = try await routes.route(key)
        timings.route = clock.now - mark

        guard let route else { return RerankReply(keepingOrderOf: request, timings: timings) }
        mark = clock.now
        let scorer = try await cache.scorer(for: route.digest)
        timings.load = clock.now - mark
        guard request.hiddenSize == scorer.configuration.hiddenSize else {
            throw CoordinatorError.wrongWidth(
                route, found: request.hiddenSize, expected: scorer.configuration.hiddenSize)
        }

        mark = clock.now
        let (scores, started) = try await threads.run { [clock] in
            let started = clock.now
            let scores = try request.features.withUnsafeBytes {
                try scorer.score(
                    features: $0, dtype: request.dtype, candidateCount: request.candidateCount)
            }
            return (scores, started)
        }
        timings.queue = started - mark
        timings.compute = clock.now - started
        return RerankReply(
            scores: scores, isCosine: scorer.configuration.similarity == .cosine, route: route,
            request: request, timings: timings)
    }
}

extension RerankReply {
    init(
        scores: [Float], isCosine: Bool, route: Route, request: RerankRequest, timings: Timings
    ) {
        let order = scores.indices.sorted { (scores[$1], $0) < (scores[$0], $1) }
        self.init(
            ranking: order.map {
                Place(
                    candidateIndex: $0, score: scores[$0],
                    relevance: isCosine ? (1 + scores[$0]) / 2 : scores[$0])
            },
            route: route, reason: route.reason,
            isFallback: Self.isFallback(route.reason, request),
            explanation: Self.explanation(of: route.reason, request), timings: timings,
            servedModel: "\(route.rankerName)@\(route.versionNumber)")
    }

    init(keepingOrderOf request: RerankRequest, timings: Timings) {
        self.init(
            ranking: (0..<request.candidateCount).map {
                Place(candidateIndex: $0, score: 0, relevance: 0)
            },
            route: nil, reason: .firstSample, isFallback: true,
            explanation: Self.explanation(of: .firstSample, request), timings: timings,
            servedModel: request.model)
    }

    /// Whether the request got less than it asked for by name.
    private static func isFallback(_ reason: RouteReason, _ request: RerankRequest) -> Bool {
        switch reason {
        case .named, .userAndDomain: false
        case .user: request.user == nil
        case .domain: request.user != nil
        case .global: request.user != nil || request.domain != nil
        case .parentDomain, .bestTransfer, .firstSample: true
        }
    }

    /// One sentence that says who served and what was missing.
    private static func explanation(of reason: RouteReason, _ request: RerankRequest) -> String {
        let user = request.user ?? "-"
        let domain = request.domain?.description ?? "-"
        let missing =
            request.user.map { "user \($0) has no ranker here" } ?? "no user was named"
        return switch reason {
        case .named: "the request named it"
        case .userAndDomain: "user \(user) has a ranker for \(domain) or a broader domain"
        case .user: "user \(user) has a ranker for every domain"
        case .domain: "\(missing); \(domain) has a ranker of its own"
        case .parentDomain: "\(missing); a broader domain than \(domain) has a ranker"
        case .bestTransfer:
            "\(missing) and \(domain) has none; this ranker does best on \(domain) by the transfer matrix"
        case .global:
            "\(missing) and no domain's ranker fits; the base model's global ranker serves"
        case .firstSample: "\(missing) and no ranker fits; the candidates keep their order"
        }
    }
}

extension CoordinatorError {
    static func wrongWidth(_ route: Route, found: Int, expected: Int) -> Self {
        Self(
            .contractMismatch,
            "cannot rerank with \(route.rankerName): found features of width \(found), expected \(expected)",
            hint:
                "send the hidden states of the base model and layer that the ranker was trained on")
    }
}
