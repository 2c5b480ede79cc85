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

    private struct Pin {
        /// The version that is pinned now.
        var digest: Digest
        /// The keys that want it: it stays as long as one does.
        var holders: Set<String>
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
    /// Whose newest version stays in memory.
    private var pins: [RankerID: Pin] = [:]
    /// Who holds which of them.
    private var holdings: [String: Set<RankerID>] = [:]
    /// How many pins a version has: rankers may have the same weights.
    private var pinCounts: [Digest: Int] = [:]
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
                    if let ranker, let pin = pins[ranker] {
                        movePin(of: ranker, to: digest, holders: pin.holders)
                        if ready.pinnedByteCount > ready.byteCountMax / 2 { release(ranker) }
                    }
                }
                return try loaded.get()
            }
            loading[digest] = load
            return load
        }
    }

    /// Keeps the ranker's version in memory for a key, and later its next ones. What another key holds is its own.
    ///
    /// - Throws: `tooLarge` when more than a quarter of the cache would be pinned for this key, or more than half for all.
    func pin(_ ranker: RankerID, _ digest: Digest, for holder: String) throws(CoordinatorError) {
        let refusal: CoordinatorError? = lock.withLock {
            let others = (holdings[holder] ?? []).subtracting([ranker]).reduce(0) { sum, held in
                sum + (pins[held].flatMap { ready.byteCount(of: $0.digest) } ?? 0)
            }
            guard others + (ready.byteCount(of: digest) ?? 0) <= ready.byteCountMax / 4 else {
                return .pinsOfKeyFull()
            }
            let before = pins[ranker]
            movePin(of: ranker, to: digest, holders: (before?.holders ?? []).union([holder]))
            if ready.pinnedByteCount <= ready.byteCountMax / 2, pins[ranker]?.digest == digest {
                return nil
            }
            release(ranker)
            if let before {
                movePin(of: ranker, to: before.digest, holders: before.holders)
            }
            return .pinsFull()
        }
        if let refusal { throw refusal }
    }

    func isPinned(_ ranker: RankerID, by holder: String) -> Bool {
        lock.withLock { pins[ranker]?.holders.contains(holder) ?? false }
    }

    /// It stays pinned as long as another key wants it.
    func unpin(_ ranker: RankerID, by holder: String) {
        lock.withLock { letGo(ranker, holder) }
    }

    /// What was pinned by other keys than these is so no longer.
    func keepPins(of holders: Set<String>) {
        lock.withLock {
            for (holder, rankers) in holdings where !holders.contains(holder) {
                for ranker in rankers { letGo(ranker, holder) }
            }
        }
    }

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
                for ranker in pins.filter({ $0.value.digest == digest }).keys { release(ranker) }
                ready.remove(digest)
            }
        }
    }

    private func letGo(_ ranker: RankerID, _ holder: String) {
        guard var pin = pins[ranker], pin.holders.remove(holder) != nil else { return }
        if pin.holders.isEmpty {
            release(ranker)
            return
        }
        pins[ranker] = pin
        hold(ranker, by: holder, false)
    }

    private func movePin(of ranker: RankerID, to digest: Digest, holders: Set<String>) {
        release(ranker)
        guard ready.pin(digest) else { return }
        pins[ranker] = Pin(digest: digest, holders: holders)
        pinCounts[digest, default: 0] += 1
        for holder in holders { hold(ranker, by: holder, true) }
    }

    private func release(_ ranker: RankerID) {
        guard let pin = pins.removeValue(forKey: ranker) else { return }
        for holder in pin.holders { hold(ranker, by: holder, false) }
        pinCounts[pin.digest, default: 1] -= 1
        guard pinCounts[pin.digest] == 0 else { return }
        pinCounts[pin.digest] = nil
        ready.unpin(pin.digest)
    }

    private func hold(_ ranker: RankerID, by holder: String, _ holds: Bool) {
        guard !holds else {
            holdings[holder, default: []].insert(ranker)
            return
        }
        holdings[holder]?.remove(ranker)
        if holdings[holder]?.isEmpty == true { holdings[holder] = nil }
    }
}

extension CoordinatorError {
    static func weightsAway() -> Self {
        Self(
            .unavailable, "cannot read the ranker's weights: the database does not answer in time",
            hint: "rankers in memory go on serving")
    }

    static func pinsOfKeyFull() -> Self {
        Self(
            .tooLarge, "cannot pin this ranker: the API key has pinned a quarter of the cache",
            hint: "unpin another, or start lscoord with a larger --ranker-cache-mb")
    }

    static func pinsFull() -> Self {
        Self(
            .tooLarge, "cannot pin this ranker: half of the cache is pinned already",
            hint: "unpin another, or start lscoord with a larger --ranker-cache-mb")
    }
}
