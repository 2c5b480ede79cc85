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

// Unchecked: what changes is behind the lock.
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

    /// A key's wish: its own, whatever others pin of the same ranker.
    private struct PinID: Hashable {
        let ranker: RankerID
        let holder: String
    }

    private struct Pin {
        let digest: Digest
        /// Whether it goes on to the ranker's next champions; a version that was named stays.
        let follows: Bool
    }

    /// How long nobody waits after a read that took longer, while no other ended.
    private static let cooldown: Duration = .seconds(1)

    private let source: RankerSource
    private let patience: Duration
    private let clock = ContinuousClock()
    private let loads = Timer(label: "ls_ranker_load_duration_seconds")
    // Guards all that follows. Held for look-ups only: a hit does not wait for an actor.
    private let lock = NSLock()
    private var ready: ByteBoundedCache<Digest, RankerScorer>
    private var loading: [Digest: Task<RankerScorer, any Error>] = [:]
    /// What each pin holds now.
    private var pins: [PinID: Pin] = [:]
    /// Who holds a version of a ranker.
    private var holders: [RankerID: Set<String>] = [:]
    /// And which a key holds.
    private var holdings: [String: Set<RankerID>] = [:]
    /// How many pins a version has: keys may want the same, rankers may have the same weights.
    private var pinCounts: [Digest: Int] = [:]
    private var hitCount = 0
    private var missCount = 0
    private var coolsDownUntil: ContinuousClock.Instant
    /// Counts looks at what is still in the ledger; a read that began before the last one may be of
    /// what is not.
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
        coolsDownUntil = clock.now
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
    ///
    /// - Parameter ranker: Whose champion these weights are, as for `scorer(for:of:)`.
    func known(_ digest: Digest, of ranker: RankerID? = nil) -> RankerScorer? {
        lock.withLock {
            guard let scorer = ready.value(for: digest) else { return nil }
            hitCount += 1
            if let ranker { follow(ranker, to: digest) }
            return scorer
        }
    }

    /// - Parameter ranker: Whose champion these weights are; nil: nobody's, and no pin follows
    ///   them.
    /// - Throws: what the source throws; `invalidWeights` when the bytes are no ranker;
    ///   `unavailable` when reading them takes too long, or took others too long a moment ago: they
    ///   must not hold all places of those who need no read.
    func scorer(for digest: Digest, of ranker: RankerID? = nil) async throws -> RankerScorer {
        if let scorer = known(digest, of: ranker) { return scorer }
        let began = clock.now
        guard lock.withLock({ began >= coolsDownUntil }) else {
            throw CoordinatorError.weightsAway()
        }
        if let scorer = try await value(of: load(digest, of: ranker), within: patience) {
            return scorer
        }
        // A database that answered somebody meanwhile has much to do, but is there.
        lock.withLock { if readAt < began { coolsDownUntil = clock.now + Self.cooldown } }
        throw CoordinatorError.weightsAway()
    }

    private func load(_ digest: Digest, of ranker: RankerID?) -> Task<RankerScorer, any Error> {
        lock.withLock {
            // It may have come since it was looked for.
            if let scorer = ready.value(for: digest) { return Task { scorer } }
            missCount += 1
            if let running = loading[digest] { return running }
            // Unstructured on purpose: the load belongs to all who wait, not to the first, who may
            // leave.
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
                    if let ranker { follow(ranker, to: digest) }
                }
                return try loaded.get()
            }
            loading[digest] = load
            return load
        }
    }

    /// Keeps the ranker's version in memory for a key, and later its next ones. What another key
    /// holds is its own.
    ///
    /// - Parameters:
    ///   - byteCount: What it takes, also when there was no room to keep it; nil: it is here.
    ///   - follows: Whether the pin goes on to the ranker's next champions.
    /// - Throws: `tooLarge` when more than a quarter of the cache would be pinned for this key, or
    ///   more than half for all.
    func pin(
        _ ranker: RankerID, _ digest: Digest, takes byteCount: Int? = nil, for holder: String,
        follows: Bool = true
    ) throws(CoordinatorError) {
        let pin = PinID(ranker: ranker, holder: holder)
        let refusal: CoordinatorError? = lock.withLock {
            let byteCount = byteCount ?? ready.byteCount(of: digest) ?? 0
            let most = ready.byteCountMax / 4
            guard byteCount <= most else { return .tooLargeToPin(byteCount, max: most) }
            let others = (holdings[holder] ?? []).subtracting([ranker]).reduce(0) { sum, held in
                let pin = pins[PinID(ranker: held, holder: holder)]
                return sum + (pin.flatMap { ready.byteCount(of: $0.digest) } ?? 0)
            }
            guard others + byteCount <= most else { return .pinsOfKeyFull() }
            let before = pins[pin]
            move(pin, to: Pin(digest: digest, follows: follows))
            if ready.pinnedByteCount <= ready.byteCountMax / 2, pins[pin]?.digest == digest {
                return nil
            }
            release(pin)
            if let before { move(pin, to: before) }
            return .pinsFull()
        }
        if let refusal { throw refusal }
    }

    /// Whether this version is; of any version, without one.
    func isPinned(_ ranker: RankerID, _ digest: Digest? = nil, by holder: String) -> Bool {
        lock.withLock {
            let pinned = pins[PinID(ranker: ranker, holder: holder)]?.digest
            return pinned != nil && (digest == nil || digest == pinned)
        }
    }

    /// It stays pinned as long as another key wants it.
    func unpin(_ ranker: RankerID, by holder: String) {
        lock.withLock { release(PinID(ranker: ranker, holder: holder)) }
    }

    /// What was pinned by other keys than these is so no longer.
    func keepPins(of keys: Set<String>) {
        lock.withLock {
            for (holder, rankers) in holdings where !keys.contains(holder) {
                for ranker in rankers { release(PinID(ranker: ranker, holder: holder)) }
            }
        }
    }

    /// What is in memory, to be compared with the ledger. A read that is under way now is answered
    /// and not kept.
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
                for pin in pins.filter({ $0.value.digest == digest }).keys { release(pin) }
                ready.remove(digest)
            }
        }
    }

    /// These are the ranker's champion now: whoever pinned the one before holds them instead.
    private func follow(_ ranker: RankerID, to digest: Digest) {
        for holder in holders[ranker] ?? [] {
            let pin = PinID(ranker: ranker, holder: holder)
            guard let held = pins[pin], held.follows, held.digest != digest else { continue }
            move(pin, to: Pin(digest: digest, follows: true))
            if ready.pinnedByteCount > ready.byteCountMax / 2 { release(pin) }
        }
    }

    private func move(_ pin: PinID, to held: Pin) {
        release(pin)
        guard ready.pin(held.digest) else { return }
        pins[pin] = held
        pinCounts[held.digest, default: 0] += 1
        holders[pin.ranker, default: []].insert(pin.holder)
        holdings[pin.holder, default: []].insert(pin.ranker)
    }

    private func release(_ pin: PinID) {
        guard let digest = pins.removeValue(forKey: pin)?.digest else { return }
        holders[pin.ranker]?.remove(pin.holder)
        if holders[pin.ranker]?.isEmpty == true { holders[pin.ranker] = nil }
        holdings[pin.holder]?.remove(pin.ranker)
        if holdings[pin.holder]?.isEmpty == true { holdings[pin.holder] = nil }
        pinCounts[digest, default: 1] -= 1
        guard pinCounts[digest] == 0 else { return }
        pinCounts[digest] = nil
        ready.unpin(digest)
    }
}

extension CoordinatorError {
    static func weightsAway() -> Self {
        Self(
            .unavailable, "cannot read the ranker's weights: the database does not answer in time",
            hint: "rankers in memory go on serving")
    }

    static func tooLargeToPin(_ byteCount: Int, max: Int) -> Self {
        Self(
            .tooLarge,
            "cannot pin this ranker: it takes \(byteCount) bytes of memory, "
                + "expected at most \(max), a quarter of the cache",
            hint: "start lscoord with a larger --ranker-cache-mb")
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
