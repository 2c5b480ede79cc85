// The two places where a request is scored: here, and on the worker that its ranker is placed on.
import Concurrency
import LanguageSystem
import Ledger
import RankerMath
import Rankers

extension Reranker {
    /// Scores on one of our own threads, or on this one when the group is small.
    ///
    /// - Throws: `unknownFeatureSet` when the weights are not stored any more; `busy`,
    ///   `unavailable`; `invalidFeatures`.
    func scoreLocally(
        _ route: Route, of model: String, _ attempt: inout RerankAttempt
    ) async throws -> ([Float], RankerScorer) {
        let request = attempt.request
        var mark = clock.now
        let scorer = try await cache.scorer(
            for: route.digest, of: route.champion(asked: model))
        attempt.timings.load += clock.now - mark
        mark = clock.now
        guard !request.isSmall else {
            // Waking another thread would take longer than this does.
            let scores = try scorer.score(request)
            attempt.timings.compute += clock.now - mark
            return (scores, scorer)
        }
        let (scores, started) = try await onScoringThread { [clock] in
            let started = clock.now
            return (try scorer.score(request), started)
        }
        attempt.timings.queue += started - mark
        attempt.timings.compute += clock.now - started
        return (scores, scorer)
    }

    /// Scores where requests are not waited for.
    ///
    /// - Throws: `busy` when too many wait for a thread already; what `body` throws.
    func onScoringThread<Value: Sendable>(
        _ body: @escaping @Sendable () throws -> Value
    ) async throws -> Value {
        guard let value = try await threads.run(body) else {
            throw LanguageSystemError.scoringQueueFull(settings.queueDepthMax)
        }
        return value
    }

    /// Why a worker did not score, in words.
    struct EdgeMiss: Error { let why: String }

    /// Scores on the worker that the ranker is placed on. All workers that one request asks have
    /// `edgeDeadline` together.
    func scoreOnWorker(
        _ worker: Route.Placement, _ route: Route, _ caller: RerankCaller,
        _ attempt: inout RerankAttempt
    ) async -> Result<([Float], CombinedScores?), EdgeMiss> {
        let began = clock.now
        let patience = attempt.edgeTimeLeft ?? settings.edgeDeadline
        let deadline = began + patience
        guard patience > .zero else {
            return .failure(EdgeMiss(why: "which there was no time left to ask"))
        }
        let work = EdgeRerank(attempt.request, route, caller)
        var answer = await hub.rerank(on: worker.id, work, within: patience)
        if answer == .unreachable, let peers {
            answer = await peers.rerank(by: worker.id, work, within: deadline - clock.now)
        }
        metrics.count(answer)
        let waited = clock.now - began
        // What else the request waits for does not count.
        attempt.edgeTimeLeft = patience - waited
        attempt.timings.queue += waited
        switch answer {
        case .scored(let scores, let combined, let said):
            guard !route.isCosine || scores.allSatisfy(\.isCosine) else {
                return .failure(EdgeMiss(why: "which gave scores that are no cosines"))
            }
            // It cannot have computed for longer than it was waited for.
            let compute = min(said, waited)
            attempt.timings.queue -= compute
            attempt.timings.compute += compute
            return .success((scores, attempt.request.believed(combined)))
        case .unreachable: return .failure(EdgeMiss(why: "which is out of reach"))
        case .late:
            let waitedMs = Int(nearest: patience / .milliseconds(1))
            return .failure(EdgeMiss(why: "which did not answer in \(waitedMs) ms"))
        case .busy: return .failure(EdgeMiss(why: "which has too much to do"))
        case .refused(let error):
            return .failure(EdgeMiss(why: "which refused: \(error.message)"))
        }
    }
}

extension EdgeRerank {
    fileprivate init(_ request: RerankRequest, _ route: Route, _ caller: RerankCaller) {
        self.init(
            rankerName: route.rankerName,
            weights: BlobReference(
                digest: route.digest, byteCount: route.byteCount,
                name: "\(route.rankerName)@\(route.versionNumber)"),
            features: Array(request.features), dtype: request.dtype,
            candidateCount: request.candidateCount, hiddenSize: request.hiddenSize,
            // To a version that does not use them they are nothing: any worker scores it right.
            signals: route.hasCombiner ? request.signals : nil, traceParent: caller.traceParent)
    }
}

extension RerankRequest {
    /// A worker's combined scores as far as they can be of this request: it says which signals are
    /// in them, and uses none that it was not sent.
    fileprivate func believed(_ combined: CombinedScores?) -> CombinedScores? {
        guard let combined, let used = signals?.used(by: combined.signals), !used.isEmpty else {
            return nil
        }
        return CombinedScores(combined.values, signals: used)
    }
}

extension Route {
    /// Whether its scores are cosines; of a configuration that cannot be read, not.
    var isCosine: Bool {
        (try? RankerConfiguration(json: configuration))?.similarity == .cosine
    }
}

extension RankerScorer {
    /// The scores of a request's candidates.
    ///
    /// - Throws: `invalidFeatures`.
    func score(_ request: RerankRequest) throws(LanguageSystemError) -> [Float] {
        let result = request.features.withUnsafeBytes { bytes in
            Result<[Float], LanguageSystemError> { () throws(LanguageSystemError) in
                try score(
                    features: bytes, dtype: request.dtype, candidateCount: request.candidateCount)
            }
        }
        return try result.get()
    }
}

extension Float {
    /// In [-1, 1], as far as sums of float32 are.
    fileprivate var isCosine: Bool { abs(self) <= 1.001 }
}

extension LanguageSystemError {
    static func scoringQueueFull(_ depth: Int) -> Self {
        Self(
            .busy, "cannot rerank now: \(depth) requests are waiting already",
            hint: "retry after a second, or start another lscoord")
    }
}
