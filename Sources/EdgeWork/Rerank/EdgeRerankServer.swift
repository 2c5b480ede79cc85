// Answers the coordinator's rerank requests, each once: with scores, or at once with why not. A
// request for a ranker in memory goes straight to the threads that score; one whose weights lie on
// this disk waits while they are read; one whose weights are not here is refused, and they are
// fetched for the next.
import Concurrency
import Foundation
import LanguageSystem
import Logging
import RankerMath
import Rankers

/// Scores candidates for the coordinator, with the rankers that this machine has.
final class EdgeRerankServer: Sendable {
    typealias Reply = @Sendable (EdgeRerankReply) -> Void

    private struct Job: Sendable {
        let order: EdgeRerankOrder
        let deadline: ContinuousClock.Instant
        let reply: Reply

        var rerank: EdgeRerank { order.rerank }

        func answer(_ result: EdgeRerankResult) -> EdgeRerankReply {
            EdgeRerankReply(number: order.number, result)
        }
    }

    /// What was done since the worker started.
    struct Counts: Sendable {
        var answered = 0
        var refused = 0
        /// Requests begun or answered too late to be waited for.
        var late = 0
        /// The time that scoring took, all answered requests together.
        var compute: Duration = .zero
    }

    private struct State {
        var scorers = ByteBoundedCache<Digest, RankerScorer>(
            byteCountMax: EdgeRerankServer.memoryByteCountMax)
        var counts = Counts()
        var openCount = 0
        var openByteCount = 0
        var isDraining = false
        /// Called once, when the last request has been answered.
        var whenIdle: (@Sendable () -> Void)?
        /// The weights that are being fetched, or will be.
        var wanted: Set<Digest> = []
        /// What could not be had, and until when that is believed.
        var failures: [Digest: (error: LanguageSystemError, until: ContinuousClock.Instant)] = [:]
    }

    private enum Next {
        case score(RankerScorer)
        case look
        case refuse(LanguageSystemError)
    }

    static let threadCount = 2
    /// How many requests may be open: as many as the coordinator leaves unanswered.
    static let openCountMax = 64
    static let openByteCountMax = 32 << 20
    static let memoryByteCountMax = 64 << 20
    static let wantedCountMax = 64
    /// How long what could not be fetched is not asked for again.
    static let failureDuration: Duration = .seconds(30)

    private let weights: LocalWeights
    private let cache: BlobCache
    private let fetcher: BlobFetcher
    private let logger: Logger
    private let clock = ContinuousClock()
    /// Nil where the machine's owner allows no reranks.
    private let threads: ThreadPool?
    private let state = Locked(State())
    private let misses: AsyncStream<Job>
    private let miss: AsyncStream<Job>.Continuation
    private let fetchOrders: AsyncStream<BlobReference>
    private let fetchOrder: AsyncStream<BlobReference>.Continuation

    /// - Parameter isAllowed: Whether the machine's owner allows reranks.
    init(
        isAllowed: Bool, weights: LocalWeights, cache: BlobCache, link: CoordinatorLink,
        logger: Logger
    ) {
        self.weights = weights
        self.cache = cache
        self.logger = logger
        fetcher = BlobFetcher(cache: cache, link: link, logger: logger)
        threads = isAllowed ? ThreadPool(name: "ls-rerank", threadCount: Self.threadCount) : nil
        (misses, miss) = AsyncStream.makeStream()
        (fetchOrders, fetchOrder) = AsyncStream.makeStream()
    }

    /// Reads and fetches weights until it is cancelled.
    ///
    /// - Parameter fetched: Told after each that came.
    func run(fetched: @escaping @Sendable () async -> Void) async {
        await withDiscardingTaskGroup { group in
            group.addTask { for await job in self.misses { await self.look(job) } }
            group.addTask {
                for await blob in self.fetchOrders {
                    await self.fetch(blob)
                    await fetched()
                }
            }
        }
    }

    /// Takes no more; what it has is answered.
    ///
    /// - Parameter whenIdle: Called once, when all has been answered; from any thread.
    func drain(whenIdle: @escaping @Sendable () -> Void) {
        let isIdle = state.withLock { state in
            state.isDraining = true
            if state.openCount > 0 { state.whenIdle = whenIdle }
            return state.openCount == 0
        }
        if isIdle { whenIdle() }
    }

    func statusLine() -> StatusReport.RerankLine? {
        guard threads != nil else { return nil }
        return state.withLock { state in
            let counts = state.counts
            return StatusReport.RerankLine(
                answeredCount: counts.answered, refusedCount: counts.refused,
                lateCount: counts.late,
                computeMicrosecondsMean: counts.answered == 0
                    ? 0 : counts.compute / .microseconds(1) / Double(counts.answered),
                rankerCount: state.scorers.count, byteCount: state.scorers.byteCount)
        }
    }

    // MARK: A request

    /// Answers `order` without waiting. `reply` is called once, here or from another thread.
    func take(_ order: EdgeRerankOrder, _ reply: @escaping Reply) {
        let job = Job(order: order, deadline: clock.now + order.deadline, reply: reply)
        let next = state.withLock { state -> Next in
            state.openCount += 1
            state.openByteCount += order.rerank.features.count
            if threads == nil { return .refuse(.rerankNotAllowed()) }
            if state.isDraining { return .refuse(.rerankWhileLeaving()) }
            guard state.openCount <= Self.openCountMax,
                state.openByteCount <= Self.openByteCountMax
            else { return .refuse(.tooManyReranks(max: Self.openCountMax)) }
            return state.scorers.value(for: order.rerank.weights.digest).map { .score($0) } ?? .look
        }
        switch next {
        case .score(let scorer): schedule(job, scorer)
        case .look: miss.yield(job)
        case .refuse(let error): end(job, EdgeRerankResult(refusal: error))
        }
    }

    /// Any number may wait for a thread: `openCountMax` is the bound.
    private func schedule(_ job: Job, _ scorer: RankerScorer) {
        guard threads?.submit({ self.score(job, scorer) }) == true else {
            return end(job, EdgeRerankResult(refusal: .rerankNotAllowed()))
        }
    }

    /// Scores one request, on a thread of the pool.
    private func score(_ job: Job, _ scorer: RankerScorer) {
        let begun = clock.now
        guard begun < job.deadline else { return end(job, .late) }
        do throws(LanguageSystemError) {
            let scores = try job.rerank.scores(by: scorer)
            let combined = try scorer.combined(scores, job.rerank.signals)
            end(job, .scored(scores, combined: combined, compute: clock.now - begun))
        } catch {
            end(job, EdgeRerankResult(refusal: error))
        }
    }

    private func end(_ job: Job, _ result: EdgeRerankResult) {
        let isLate = clock.now >= job.deadline
        let whenIdle = state.withLock { state in
            state.openCount -= 1
            state.openByteCount -= job.rerank.features.count
            if isLate { state.counts.late += 1 }
            switch result {
            case .scored(_, _, let compute):
                state.counts.answered += 1
                state.counts.compute += compute
            case .late: break
            case .busy, .unreachable, .refused: state.counts.refused += 1
            }
            guard state.openCount == 0 else { return nil as (@Sendable () -> Void)? }
            defer { state.whenIdle = nil }
            return state.whenIdle
        }
        job.reply(job.answer(result))
        whenIdle?()
        log(job.rerank, result, isLate: isLate)
    }

    private func log(_ work: EdgeRerank, _ result: EdgeRerankResult, isLate: Bool) {
        guard logger.logLevel <= .debug else { return }
        var metadata: Logger.Metadata = [
            "ranker": "\(work.rankerName)", "digest": "\(work.weights.digest.short)",
            "candidates": "\(work.candidateCount)", "late": "\(isLate)",
        ]
        if let id = work.traceParent.flatMap(traceID) { metadata["trace.id"] = "\(id)" }
        switch result {
        case .scored(_, _, let compute):
            metadata["compute.us"] = "\(Int(nearest: compute / .microseconds(1)))"
            logger.debug("reranked", metadata: metadata)
        case .late, .busy, .unreachable, .refused:
            metadata["reason"] = "\(result.refusal?.message ?? "-")"
            logger.debug("not reranked", metadata: metadata)
        }
    }

    // MARK: Weights

    /// Brings the ranker of `job` into memory if its weights are on this disk.
    private func look(_ job: Job) async {
        let blob = job.rerank.weights
        if clock.now >= job.deadline { return end(job, .late) }
        // Several may have waited for the same.
        if let scorer = state.withLock({ $0.scorers.value(for: blob.digest) }) {
            return schedule(job, scorer)
        }
        do {
            guard blob.byteCount <= Self.memoryByteCountMax else {
                throw LanguageSystemError.tooLargeToRerank(blob, max: Self.memoryByteCountMax)
            }
            if let scorer = try await load(blob) {
                schedule(job, scorer)
            } else {
                end(job, EdgeRerankResult(refusal: want(blob)))
            }
        } catch {
            let refusal = asOthersRead(error, of: blob)
            logger.warning(
                "cannot rerank",
                metadata: ["ranker": "\(job.rerank.rankerName)", "error": "\(refusal.message)"])
            end(job, EdgeRerankResult(refusal: refusal))
        }
    }

    /// The ranker of weights that lie on this disk; nil when they are neither kept here nor cached.
    private func load(_ blob: BlobReference) async throws -> RankerScorer? {
        let weights = weights
        let kept = try await onThread(named: "ls-rerank-load") {
            try weights.bytes(of: blob.digest).map(ReadyScorer.init)
        }
        if let kept { return keep(kept, of: blob.digest) }
        await cache.retain(blob.digest)
        do {
            var ready: ReadyScorer?
            if case .whole(let path) = try await cache.presence(of: blob) {
                ready = try await onThread(named: "ls-rerank-load") {
                    try ReadyScorer(safetensors: try readFile(path))
                }
            }
            await cache.release(blob.digest)
            return ready.map { keep($0, of: blob.digest) }
        } catch {
            await cache.release(blob.digest)
            throw error
        }
    }

    private func asOthersRead(_ error: any Error, of blob: BlobReference) -> LanguageSystemError {
        (error as? LanguageSystemError ?? .workFailed(error))
            .naming(weights.publicNames(of: CollectionOfOne(blob), in: cache))
    }

    private func keep(_ ready: ReadyScorer, of digest: Digest) -> RankerScorer {
        state.withLock {
            $0.scorers.insert(ready.scorer, for: digest, byteCount: ready.byteCount)
        }
        return ready.scorer
    }

    /// Has weights fetched unless they are on their way, or were just refused.
    ///
    /// - Returns: What the request is told meanwhile.
    private func want(_ blob: BlobReference) -> LanguageSystemError {
        let now = clock.now
        let (refusal, isNew) = state.withLock { state -> (LanguageSystemError, Bool) in
            state.failures = state.failures.filter { now < $0.value.until }
            if let failure = state.failures[blob.digest] { return (failure.error, false) }
            let isNew =
                state.wanted.count < Self.wantedCountMax
                && state.wanted.insert(blob.digest).inserted
            return (.weightsNotHere(blob.name), isNew)
        }
        if isNew { fetchOrder.yield(blob) }
        return refusal
    }

    private func fetch(_ blob: BlobReference) async {
        await cache.retain(blob.digest)
        var failure: LanguageSystemError?
        do {
            let path = try await fetcher.path(of: blob)
            _ = keep(
                try await onThread(named: "ls-rerank-load") {
                    try ReadyScorer(safetensors: try readFile(path))
                }, of: blob.digest)
            logger.info("ready to rerank", metadata: ["ranker": "\(blob.name)"])
        } catch {
            let found = asOthersRead(error, of: blob)
            failure = found
            logger.warning(
                "cannot fetch a ranker",
                metadata: ["ranker": "\(blob.name)", "error": "\(found.message)"])
        }
        await cache.release(blob.digest)
        state.withLock { state in
            state.wanted.remove(blob.digest)
            if let failure {
                state.failures[blob.digest] = (failure, clock.now + Self.failureDuration)
            }
        }
    }
}

/// A ranker made ready on a thread that may block.
private struct ReadyScorer: Sendable {
    let scorer: RankerScorer
    let byteCount: Int

    init(safetensors bytes: [UInt8]) throws {
        scorer = RankerScorer(try RankerWeights(safetensors: bytes))
        byteCount = bytes.count
    }
}

extension EdgeRerank {
    /// - Throws: `contractMismatch` for another width, `invalidFeatures` as `RankerScorer.score`.
    func scores(by scorer: RankerScorer) throws(LanguageSystemError) -> [Float] {
        let expected = scorer.configuration.hiddenSize
        guard hiddenSize == expected else {
            throw .wrongRerankWidth(rankerName, found: hiddenSize, expected: expected)
        }
        return try features.withUnsafeBytes { bytes in
            Result { () throws(LanguageSystemError) in
                try scorer.score(features: bytes, dtype: dtype, candidateCount: candidateCount)
            }
        }.get()
    }
}

/// The trace that a W3C `traceparent` names: `00-TRACE-SPAN-FLAGS`. Nil when it is none.
func traceID(_ traceParent: String) -> String? {
    let parts = traceParent.split(separator: "-", omittingEmptySubsequences: false)
    guard parts.count >= 4, parts[1].utf8.count == 32,
        parts[1].utf8.allSatisfy({
            (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0)
                || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains($0)
        })
    else { return nil }
    return String(parts[1])
}

extension LanguageSystemError {
    static func rerankNotAllowed() -> Self {
        Self(
            .forbiddenTransition, "cannot rerank: this worker does none",
            hint: "its owner allows what it does: lsworker join --allow")
    }

    static func rerankWhileLeaving() -> Self {
        Self(.unavailable, "cannot rerank: the worker is leaving")
    }

    static func tooManyReranks(max: Int) -> Self {
        Self(.busy, "cannot rerank now: \(max) requests are waiting already")
    }

    static func weightsNotHere(_ name: String) -> Self {
        Self(.unavailable, "cannot rerank with \(name) yet: fetching its weights")
    }

    static func tooLargeToRerank(_ blob: BlobReference, max: Int) -> Self {
        Self(
            .tooLarge,
            """
            cannot rerank with \(blob.name) here: found \(blob.byteCount) bytes of weights, \
            expected at most \(max)
            """
        )
    }

    static func wrongRerankWidth(_ ranker: String, found: Int, expected: Int) -> Self {
        Self(
            .contractMismatch,
            "cannot rerank with \(ranker): found features of width \(found), expected \(expected)")
    }
}
