// What is counted of reranks, in the names of ls_… that a dashboard uses. Handlers are made once.
import Concurrency
import CoreMetrics
import LanguageSystem
import Ledger

struct RerankMetrics: Sendable {
    private let served: [RouteReason: (central: Counter, edge: Counter)]
    private let central = Timer(
        label: "ls_rerank_duration_seconds", dimensions: [("where", "central")])
    private let edge = Timer(label: "ls_rerank_duration_seconds", dimensions: [("where", "edge")])
    private let stages = ["route", "load", "queue", "compute"].map {
        Timer(label: "ls_rerank_stage_duration_seconds", dimensions: [("stage", $0)])
    }

    init() {
        served = Dictionary(
            uniqueKeysWithValues: RouteReason.allCases.map { reason in
                func counter(_ place: String) -> Counter {
                    Counter(
                        label: "ls_rerank_requests_total",
                        dimensions: [("reason", reason.rawValue), ("where", place)])
                }
                return (reason, (counter("central"), counter("edge")))
            })
    }

    func counted(_ reply: RerankReply, since began: ContinuousClock.Instant) -> RerankReply {
        let isCentral = reply.worker == nil
        if let counters = served[reply.reason] {
            (isCentral ? counters.central : counters.edge).increment()
        }
        (isCentral ? central : edge).recordNanoseconds((ContinuousClock.now - began).nanoseconds)
        let timings = reply.timings
        for (timer, duration) in zip(
            stages, [timings.route, timings.load, timings.queue, timings.compute])
        { timer.recordNanoseconds(duration.nanoseconds) }
        return reply
    }

    /// What became of a shadow, which nobody waits for.
    enum Shadow: String {
        case scored
        /// No thread or place was free.
        case leftOut = "left_out"
        /// Its weights could not be read, or a norm or a score was not finite.
        case refused
    }

    func count(_ shadow: Shadow) {
        Counter(label: "ls_shadow_reranks_total", dimensions: [("answer", shadow.rawValue)])
            .increment()
    }

    func count(_ answer: EdgeRerankResult) {
        Counter(label: "ls_edge_reranks_total", dimensions: [("answer", answer.word)]).increment()
    }
}

/// How serving stands now.
public struct ServingCounts: Sendable {
    public let routeHits: Int
    public let routeMisses: Int
    public let routeStale: Int
    public let cacheHits: Int
    public let cacheMisses: Int
    public let cacheEvictions: Int
    public let cachedRankers: Int
    public let pinnedRankers: Int
    public let cacheByteCount: Int
    public let cacheByteCountMax: Int
    public let scoringQueueDepth: Int
    public let decisionsKept: Int
    public let decisionsDropped: Int
}

extension Reranker {
    public var counts: ServingCounts {
        let (route, cache, decision) = (
            routes.currentCounts, cache.counts, decisions.currentCounts
        )
        return ServingCounts(
            routeHits: route.hits, routeMisses: route.misses, routeStale: route.stale,
            cacheHits: cache.hits, cacheMisses: cache.misses, cacheEvictions: cache.evictions,
            cachedRankers: cache.rankers, pinnedRankers: cache.pinned,
            cacheByteCount: cache.byteCount, cacheByteCountMax: cache.byteCountMax,
            scoringQueueDepth: threads.depth, decisionsKept: decision.kept,
            decisionsDropped: decision.dropped)
    }
}

extension Duration {
    package var nanoseconds: Int64 {
        components.seconds * 1_000_000_000 + components.attoseconds / 1_000_000_000
    }
}
