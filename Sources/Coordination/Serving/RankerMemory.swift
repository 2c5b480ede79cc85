// Which rankers are in memory, and which of them API keys have pinned there: a value. A pin is its
// key's own: no other key undoes it, and however many want one version, it is there once.
import LanguageSystem
import Rankers

struct RankerMemory: Sendable {
    /// What one key has pinned of one ranker.
    private struct PinID: Hashable {
        let ranker: RankerID
        let holder: String
    }

    private struct Pin {
        let digest: Digest
        /// Whether it goes on to the ranker's next champions; a version that was named stays.
        let follows: Bool
    }

    private(set) var rankers: ByteBoundedCache<Digest, RankerScorer>
    private var pins: [PinID: Pin] = [:]
    /// The keys that have pinned a version of a ranker.
    private var holders: [RankerID: Set<String>] = [:]
    /// The rankers that a key has pinned.
    private var holdings: [String: Set<RankerID>] = [:]
    /// How many pins a version has: keys may want the same, rankers may have the same weights.
    private var pinCounts: [Digest: Int] = [:]

    init(byteCountMax: Int) { rankers = ByteBoundedCache(byteCountMax: byteCountMax) }

    /// The ranker, when it is here; it is the one used last from now on.
    mutating func scorer(for digest: Digest) -> RankerScorer? { rankers.value(for: digest) }

    /// Keeps a ranker if there is room beside what is pinned.
    mutating func insert(_ scorer: RankerScorer, for digest: Digest) {
        rankers.insert(scorer, for: digest, byteCount: scorer.byteCount)
    }

    /// Keeps the ranker's version in memory for a key, and later its next ones. What another key
    /// holds is its own.
    ///
    /// - Parameters:
    ///   - byteCount: What it takes, also when there was no room to keep it; nil: it is here.
    ///   - follows: Whether the pin goes on to the ranker's next champions.
    /// - Throws: `tooLarge` when more than a quarter of the memory would be pinned for this key, or
    ///   more than half for all.
    mutating func pin(
        _ ranker: RankerID, _ digest: Digest, takes byteCount: Int?, for holder: String,
        follows: Bool
    ) throws(LanguageSystemError) {
        let pin = PinID(ranker: ranker, holder: holder)
        let byteCount = byteCount ?? rankers.byteCount(of: digest) ?? 0
        let most = rankers.byteCountMax / 4
        guard byteCount <= most else { throw .tooLargeToPin(byteCount, max: most) }
        let others = (holdings[holder] ?? []).subtracting([ranker]).reduce(0) { sum, held in
            let pin = pins[PinID(ranker: held, holder: holder)]
            return sum + (pin.flatMap { rankers.byteCount(of: $0.digest) } ?? 0)
        }
        guard others + byteCount <= most else { throw .pinsOfKeyFull() }
        let before = pins[pin]
        move(pin, to: Pin(digest: digest, follows: follows))
        if rankers.pinnedByteCount <= rankers.byteCountMax / 2, pins[pin]?.digest == digest {
            return
        }
        release(pin)
        if let before { move(pin, to: before) }
        throw .pinsFull()
    }

    /// Whether this version is pinned; of any version, without one.
    func isPinned(_ ranker: RankerID, _ digest: Digest?, by holder: String) -> Bool {
        let pinned = pins[PinID(ranker: ranker, holder: holder)]?.digest
        return pinned != nil && (digest == nil || digest == pinned)
    }

    /// Ends a key's pin; the ranker stays pinned as long as another key wants it.
    mutating func unpin(_ ranker: RankerID, by holder: String) {
        release(PinID(ranker: ranker, holder: holder))
    }

    /// Ends the pins of all keys but these.
    mutating func keepPins(of keys: Set<String>) {
        for (holder, rankers) in holdings where !keys.contains(holder) {
            for ranker in rankers { unpin(ranker, by: holder) }
        }
    }

    /// Drops a version, whoever has pinned it.
    mutating func drop(_ digest: Digest) {
        for pin in pins.filter({ $0.value.digest == digest }).keys { release(pin) }
        rankers.remove(digest)
    }

    /// Has those who pinned the ranker's champion before hold this one instead.
    mutating func follow(_ ranker: RankerID, to digest: Digest) {
        for holder in holders[ranker] ?? [] {
            let pin = PinID(ranker: ranker, holder: holder)
            guard let held = pins[pin], held.follows, held.digest != digest else { continue }
            move(pin, to: Pin(digest: digest, follows: true))
            if rankers.pinnedByteCount > rankers.byteCountMax / 2 { release(pin) }
        }
    }

    private mutating func move(_ pin: PinID, to held: Pin) {
        release(pin)
        guard rankers.pin(held.digest) else { return }
        pins[pin] = held
        pinCounts[held.digest, default: 0] += 1
        holders[pin.ranker, default: []].insert(pin.holder)
        holdings[pin.holder, default: []].insert(pin.ranker)
    }

    private mutating func release(_ pin: PinID) {
        guard let digest = pins.removeValue(forKey: pin)?.digest else { return }
        holders[pin.ranker]?.remove(pin.holder)
        if holders[pin.ranker]?.isEmpty == true { holders[pin.ranker] = nil }
        holdings[pin.holder]?.remove(pin.ranker)
        if holdings[pin.holder]?.isEmpty == true { holdings[pin.holder] = nil }
        pinCounts[digest, default: 1] -= 1
        guard pinCounts[digest] == 0 else { return }
        pinCounts[digest] = nil
        rankers.unpin(digest)
    }
}

extension LanguageSystemError {
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
