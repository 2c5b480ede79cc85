// Rankers ready to score, by the digest of their weights. A miss reads the weights once, whatever
// the number of requests that wait for it; a failed read is told to all of them and not remembered.
import CoreMetrics
import Foundation
import LanguageSystem
import Ledger
import RankerMath
import Rankers

/// Where rankers come from on a miss.
typealias RankerSource = @Sendable (Digest) async throws -> RankerScorer

final class RankerCache: @unchecked Sendable {
    struct Counts: Sendable {
        var hits = 0
        var misses = 0
        var evictions = 0
        var rankers = 0
        var pinned = 0
        var byteCount = 0
        var byteCountMax = 0
    }

    /// How long nobody waits after a read that took longer, while no other ended.
    private static let respite: Duration = .seconds(1)

    private let source: RankerSource
    private let patience: Duration
    private let clock = ContinuousClock()
    private let loads = Timer(label: "ls_ranker_load_duration_seconds")
    // Guards all that follows. Held for look-ups only: a hit does not wait for an actor.
    private let lock = NSLock()
    private var ready: ByteBoundedCache<Digest, RankerScorer>
    private var loading: [Digest: Task<RankerScorer, any Error>] = [:]
    /// Whose newest version stays in memory, and which that is.
    private var pins: [RankerID: Digest] = [:]
    private var hitCount = 0
    private var missCount = 0
    private var awayUntil: ContinuousClock.Instant
    /// Counts looks at what is still in the ledger; a read that began before the last one may be of what is not.
    private var auditCount: UInt64 = 0
    /// When a read last ended well.
    private var readAt: ContinuousClock.Instant

    /// - Parameter patience: How long a request waits for weights that are being read.
    init(
        byteCountMax: Int, patience: Duration, source: @escaping RankerSource
    ) {
        self.ready = ByteBoundedCache(byteCountMax: byteCountMax)
        self.patience = patience
        self.source = source
        awayUntil = clock.now
        readAt = clock.now
    }

    var counts: Counts {
        lock.withLock {
            Counts(
                hits: hitCount, misses: missCount, evictions: ready.evictionCount,
                rankers: ready.count, pinned: ready.pinnedCount, byteCount: ready.byteCount,
                byteCountMax: ready.byteCountMax)
        }
    }

    /// What is in memory already; counted as a hit.
    func known(_ digest: Digest) -> RankerScorer? {
        lock.withLock {
            guard let scorer = ready.value(for: digest) else { return nil }
            hitCount += 1
            return scorer
        }
    }

    /// - Parameter ranker: Whose champion these weights are; nil: nobody's, and no pin follows them.
    /// - Throws: what the source throws; `invalidWeights` when the bytes are no ranker; `unavailable` when reading them
    ///   takes too long, or took others too long a moment ago: they must not hold all places of those who need no read.
    func scorer(for digest: Digest, of ranker: RankerID? = nil) async throws -> RankerScorer {
        if let scorer = known(digest) { return scorer }
        let began = clock.now
        guard lock.withLock({ began >= awayUntil }) else { throw CoordinatorError.weightsAway() }
        if let scorer = try await value(of: load(digest, of: ranker), within: patience) {
            return scorer
        }
        // A database that answered somebody meanwhile has much to do, but is there.
        lock.withLock { if readAt < began { awayUntil = clock.now + Self.respite } }
        throw CoordinatorError.weightsAway()
    }

    private func load(_ digest: Digest, of ranker: RankerID?) -> Task<RankerScorer, any Error> {
        lock.withLock {
            // It may have come since it was looked for.
            if let scorer = ready.value(for: digest) { return Task { scorer } }
            missCount += 1
            if let running = loading[digest] { return running }
            // Unstructured on purpose: the load belongs to all who wait, not to the first, who may leave.
            let auditCount = auditCount
            let load = Task { [source, loads] in
                let began = ContinuousClock.now
                let loaded = await Task { try await source(digest) }.result
                lock.withLock {
                    loading[digest] = nil
                    guard case .success(let scorer) = loaded, auditCount == self.auditCount
                    else { return }
                    readAt = clock.now
                    loads.recordNanoseconds((ContinuousClock.now - began).nanoseconds)
                    ready.insert(scorer, for: digest, byteCount: scorer.byteCount)
                    if let ranker, pins[ranker] != nil {
                        movePin(of: ranker, to: digest)
                        if ready.pinnedByteCount > ready.byteCountMax / 2 { release(ranker) }
                    }
                }
                return try loaded.get()
            }
            loading[digest] = load
            return load
        }
    }

    /// Keeps the ranker's version in memory, and later its next ones.
    ///
    /// - Throws: `tooLarge` when more than half of the cache would be pinned.
    func pin(_ ranker: RankerID, _ digest: Digest) throws(CoordinatorError) {
        let isPinned = lock.withLock {
            movePin(of: ranker, to: digest)
            if ready.pinnedByteCount <= ready.byteCountMax / 2, pins[ranker] == digest {
                return true
            }
            release(ranker)
            return false
        }
        guard isPinned else { throw .pinsFull() }
    }

    func isPinned(_ ranker: RankerID) -> Bool { lock.withLock { pins[ranker] != nil } }

    func unpin(_ ranker: RankerID) { lock.withLock { release(ranker) } }

    /// What is in memory, to be compared with the ledger. A read that is under way now is answered and not kept.
    func digestsToAudit() -> [Digest] {
        lock.withLock {
            auditCount += 1
            return ready.keys
        }
    }

    /// The ledger no longer has these.
    func drop(_ digests: some Sequence<Digest>) {
        lock.withLock {
            for digest in digests {
                pins = pins.filter { $0.value != digest }
                ready.remove(digest)
            }
        }
    }

    private func movePin(of ranker: RankerID, to digest: Digest) {
        release(ranker)
        if ready.pin(digest) { pins[ranker] = digest }
    }

    private func release(_ ranker: RankerID) {
        guard let digest = pins.removeValue(forKey: ranker), !pins.values.contains(digest) else {
            return
        }
        ready.unpin(digest)
    }
}

extension CoordinatorError {
    static func weightsAway() -> Self {
        Self(
            .unavailable, "cannot read the ranker's weights: the database does not answer in time",
            hint: "rankers in memory go on serving")
    }

    static func pinsFull() -> Self {
        Self(
            .tooLarge, "cannot pin this ranker: half of the cache is pinned already",
            hint: "unpin another, or start lscoord with a larger --ranker-cache-mb")
    }
}
