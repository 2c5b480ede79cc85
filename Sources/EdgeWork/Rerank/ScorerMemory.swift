// Rankers that are ready to score, by the digest of their weights: so many bytes, and the one that
// was not asked for the longest goes first. A machine at the edge has few; it looks at all of them
// to find that one.
import LanguageSystem

struct ScorerMemory<Scorer> {
    private struct Entry {
        let scorer: Scorer
        let byteCount: Int
        var lastUse: UInt64
    }

    let byteCountMax: Int
    private(set) var byteCount = 0
    private var entries: [Digest: Entry] = [:]
    private var useCount: UInt64 = 0

    init(byteCountMax: Int) { self.byteCountMax = byteCountMax }

    var count: Int { entries.count }

    mutating func scorer(of digest: Digest) -> Scorer? {
        useCount += 1
        entries[digest]?.lastUse = useCount
        return entries[digest]?.scorer
    }

    /// What does not fit at all is not kept.
    mutating func keep(_ scorer: Scorer, of digest: Digest, byteCount size: Int) {
        remove(digest)
        guard size <= byteCountMax else { return }
        while byteCount + size > byteCountMax,
            let oldest = entries.min(by: { $0.value.lastUse < $1.value.lastUse })?.key
        {
            remove(oldest)
        }
        useCount += 1
        entries[digest] = Entry(scorer: scorer, byteCount: size, lastUse: useCount)
        byteCount += size
    }

    private mutating func remove(_ digest: Digest) {
        if let entry = entries.removeValue(forKey: digest) { byteCount -= entry.byteCount }
    }
}
