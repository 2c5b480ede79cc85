// Rankers ready to score, by the digest of their weights. A miss reads the weights once, whatever
// the number of requests that wait for it; a failed read is told to all of them and not remembered.
// Which rankers stay, RankerMemory says; this shell holds its lock and reads.
import Concurrency
import CoreMetrics
import LanguageSystem
import RankerMath
import Rankers

/// Where rankers come from on a miss.
typealias RankerSource = @Sendable (Digest) async throws -> RankerScorer

final class RankerCache: Sendable {
    struct Counts: Sendable {
        var hits = 0
        var misses = 0
        var evictions = 0
        var rankers = 0
        var pinned = 0
        var byteCount = 0
        var byteCountMax = 0
    }

    private struct State {
        var memory: RankerMemory
        var hitCount = 0
        var missCount = 0
        /// Counts looks at what is still in the ledger; a read that began before the last one may
        /// be of what is not.
        var auditCount: UInt64 = 0
        /// Opens when a read took longer than anybody waits, while no other ended.
        var database = CircuitBreaker(cooldown: .seconds(1))

        mutating func known(_ digest: Digest, of ranker: RankerID?) -> RankerScorer? {
            guard let scorer = memory.scorer(for: digest) else { return nil }
            hitCount += 1
            if let ranker { memory.follow(ranker, to: digest) }
            return scorer
        }
    }

    private let source: RankerSource
    private let patience: Duration
    private let clock = ContinuousClock()
    private let loadTimes = Timer(label: "ls_ranker_load_duration_seconds")
    private let loads = SingleFlight<Digest, RankerScorer>()
    // Held for look-ups only: a hit does not wait for an actor.
    private let state: Locked<State>

    /// - Parameter patience: How long a request waits for weights that are being read.
    init(
        byteCountMax: Int, patience: Duration, source: @escaping RankerSource
    ) {
        self.patience = patience
        self.source = source
        state = Locked(State(memory: RankerMemory(byteCountMax: byteCountMax)))
    }

    var counts: Counts {
        state.withLock { state in
            let rankers = state.memory.rankers
            return Counts(
                hits: state.hitCount, misses: state.missCount, evictions: rankers.evictionCount,
                rankers: rankers.count, pinned: rankers.pinnedCount, byteCount: rankers.byteCount,
                byteCountMax: rankers.byteCountMax)
        }
    }

    /// The ranker, when it is in memory already; counted as a hit.
    ///
    /// - Parameter ranker: Whose champion these weights are, as for `scorer(for:of:)`.
    func known(_ digest: Digest, of ranker: RankerID? = nil) -> RankerScorer? {
        state.withLock { $0.known(digest, of: ranker) }
    }

    /// The ranker, from memory or else from the source.
    ///
    /// - Parameter ranker: Whose champion these weights are; nil: nobody's, and no pin follows
    ///   them.
    /// - Throws: what the source throws; `invalidWeights` when the bytes are no ranker;
    ///   `unavailable` when reading them takes too long, or took others too long a moment ago: they
    ///   must not hold all places of those who need no read.
    func scorer(for digest: Digest, of ranker: RankerID? = nil) async throws -> RankerScorer {
        let began: ContinuousClock.Instant
        let auditCount: UInt64
        switch try state.withLock({ state in try look(for: digest, of: ranker, &state) }) {
        case .found(let scorer): return scorer
        case .missing(let now, let count): (began, auditCount) = (now, count)
        }
        let scorer = try await loads.value(for: digest, within: patience) {
            try await self.load(digest, of: ranker, asOf: auditCount)
        }
        if let scorer { return scorer }
        // A database that answered somebody meanwhile has much to do, but is there.
        state.withLock { $0.database.failed(since: began, at: clock.now) }
        throw LanguageSystemError.weightsAway()
    }

    private enum Look {
        case found(RankerScorer)
        case missing(at: ContinuousClock.Instant, auditCount: UInt64)
    }

    private func look(
        for digest: Digest, of ranker: RankerID?, _ state: inout State
    ) throws(LanguageSystemError) -> Look {
        if let scorer = state.known(digest, of: ranker) { return .found(scorer) }
        let now = clock.now
        guard !state.database.isOpen(at: now) else { throw .weightsAway() }
        state.missCount += 1
        return .missing(at: now, auditCount: state.auditCount)
    }

    private func load(
        _ digest: Digest, of ranker: RankerID?, asOf auditCount: UInt64
    ) async throws -> RankerScorer {
        // It may have come since it was looked for.
        if let scorer = state.withLock({ $0.memory.scorer(for: digest) }) { return scorer }
        let began = clock.now
        let scorer: RankerScorer
        do {
            scorer = try await source(digest)
        } catch let error as LanguageSystemError where !error.isOfDatabase {
            // The database answered, if not with a ranker.
            state.withLock { $0.database.succeeded(at: clock.now) }
            throw error
        }
        state.withLock { state in
            let now = clock.now
            state.database.succeeded(at: now)
            guard auditCount == state.auditCount else { return }
            loadTimes.recordNanoseconds((now - began).nanoseconds)
            state.memory.insert(scorer, for: digest)
            if let ranker { state.memory.follow(ranker, to: digest) }
        }
        return scorer
    }

    /// Whether this version is in memory; no use of it.
    func holds(_ digest: Digest) -> Bool {
        state.withLock { $0.memory.rankers.byteCount(of: digest) != nil }
    }

    /// Keeps the ranker's version in memory for a key, as `RankerMemory.pin` says.
    func pin(
        _ ranker: RankerID, _ digest: Digest, takes byteCount: Int? = nil, for holder: String,
        follows: Bool = true
    ) throws(LanguageSystemError) {
        try state.withLock { state throws(LanguageSystemError) in
            try state.memory.pin(
                ranker, digest, takes: byteCount, for: holder, follows: follows)
        }
    }

    /// Whether this version is pinned; of any version, without one.
    func isPinned(_ ranker: RankerID, _ digest: Digest? = nil, by holder: String) -> Bool {
        state.withLock { $0.memory.isPinned(ranker, digest, by: holder) }
    }

    /// Ends a key's pin; the ranker stays pinned as long as another key wants it.
    func unpin(_ ranker: RankerID, by holder: String) {
        state.withLock { $0.memory.unpin(ranker, by: holder) }
    }

    /// Ends the pins of all keys but these.
    func keepPins(of keys: Set<String>) { state.withLock { $0.memory.keepPins(of: keys) } }

    /// What is in memory, to be compared with the ledger. A read that is under way now is answered
    /// and not kept.
    func digestsToAudit() -> [Digest] {
        state.withLock { state in
            state.auditCount += 1
            return state.memory.rankers.keys
        }
    }

    /// Drops what the ledger no longer has.
    func drop(_ digests: some Sequence<Digest>) {
        state.withLock { state in for digest in digests { state.memory.drop(digest) } }
    }
}

extension LanguageSystemError {
    static func weightsAway() -> Self {
        Self(
            .unavailable, "cannot read the ranker's weights: the database does not answer in time",
            hint: "rankers in memory go on serving")
    }
}
