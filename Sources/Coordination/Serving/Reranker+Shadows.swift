// Versions that are scored beside the one that serves, and recorded: not served, and in nobody's
// way. What there is no idle thread for is left out.
import Concurrency
import LanguageSystem
import Ledger
import RankerMath
import Rankers
import Synchronization

/// Shadows on their way from requests to the task that scores them.
final class ShadowQueue: Sendable {
    struct Shadow: Sendable {
        let route: Route
        let request: RerankRequest
        let caller: RerankCaller
    }

    /// How many may wait or be scored at once: they hold features while they wait for weights.
    private static let countMax = 16

    /// What waits to be scored; for one reader.
    let shadows: AsyncStream<Shadow>
    private let input: AsyncStream<Shadow>.Continuation
    private let count = Atomic<Int>(0)

    init() {
        (shadows, input) = AsyncStream.makeStream(
            of: Shadow.self, bufferingPolicy: .bufferingOldest(Self.countMax))
    }

    /// - Returns: Whether there was room; then `ended` gives it back.
    func add(_ shadow: Shadow) -> Bool {
        guard count.add(1, ordering: .relaxed).newValue <= Self.countMax,
            case .enqueued = input.yield(shadow)
        else {
            ended()
            return false
        }
        return true
    }

    func ended() { count.subtract(1, ordering: .relaxed) }
}

extension Reranker {
    /// Has these versions scored; the request does not wait for it.
    func enqueue(_ routes: [Route], beside request: RerankRequest, _ caller: RerankCaller) {
        for route in routes {
            let shadow = ShadowQueue.Shadow(route: route, request: request, caller: caller)
            if !shadows.add(shadow) { metrics.count(.leftOut) }
        }
    }

    /// Scores what comes, until the task is cancelled.
    func scoreShadows() async {
        await withDiscardingTaskGroup { group in
            for await shadow in shadows.shadows {
                group.addTask {
                    await self.score(shadow)
                    self.shadows.ended()
                }
            }
        }
    }

    private func score(_ shadow: ShadowQueue.Shadow) async {
        let request = shadow.request
        do {
            let scorer = try await cache.scorer(for: shadow.route.digest)
            guard threads.depth < settings.threadCount else { return metrics.count(.leftOut) }
            let scores = try await onScoringThread { try scorer.score(request) }
            decisions.keep(
                Decision(
                    request, shadow.caller, .shadow, shadow.route, scores, scorer.precision,
                    isFallback: false))
            metrics.count(.scored)
        } catch {
            // Also where its norms are not finite: it says nothing of these candidates.
            metrics.count(.refused)
        }
    }
}
