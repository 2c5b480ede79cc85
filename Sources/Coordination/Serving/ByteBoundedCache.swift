// Which rankers stay in memory: least recently used leaves first, by bytes; what is pinned stays. Entries are
// named by the digest of their weights, so nothing in here is ever stale.

/// A least-recently-used map bounded in bytes, as a value. Cost: O(1) except eviction, O(n).
struct ByteBoundedCache<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    private struct Entry: Sendable {
        let value: Value
        let byteCount: Int
        var lastUse: UInt64
        var isPinned = false
    }

    let byteCountMax: Int
    private(set) var byteCount = 0
    private(set) var pinnedByteCount = 0
    private(set) var evictionCount = 0
    private var entries: [Key: Entry] = [:]
    private var clock: UInt64 = 0

    init(byteCountMax: Int) {
        precondition(byteCountMax > 0, "a cache of no bytes holds nothing")
        self.byteCountMax = byteCountMax
    }

    var count: Int { entries.count }
    var pinnedCount: Int { entries.values.count { $0.isPinned } }

    mutating func value(for key: Key) -> Value? {
        guard let index = entries.index(forKey: key) else { return nil }
        clock += 1
        entries.values[index].lastUse = clock
        return entries.values[index].value
    }

    /// Keeps `value` if there is room beside what is pinned; evicts what was used longest ago.
    mutating func insert(_ value: Value, for key: Key, byteCount cost: Int) {
        precondition(cost >= 0, "an entry cannot have a negative size")
        let wasPinned = entries[key]?.isPinned ?? false
        remove(key)
        guard pinnedByteCount + cost <= byteCountMax else { return }
        while byteCount + cost > byteCountMax,
            let oldest = entries.filter({ !$0.value.isPinned })
                .min(by: { $0.value.lastUse < $1.value.lastUse })?.key
        {
            remove(oldest)
            evictionCount += 1
        }
        clock += 1
        entries[key] = Entry(value: value, byteCount: cost, lastUse: clock)
        byteCount += cost
        if wasPinned { pin(key) }
    }

    /// - Returns: Whether it is pinned now: it has to be here.
    @discardableResult
    mutating func pin(_ key: Key) -> Bool {
        guard let entry = entries[key] else { return false }
        if !entry.isPinned {
            entries[key]?.isPinned = true
            pinnedByteCount += entry.byteCount
        }
        return true
    }

    mutating func unpin(_ key: Key) {
        guard let entry = entries[key], entry.isPinned else { return }
        entries[key]?.isPinned = false
        pinnedByteCount -= entry.byteCount
    }

    private mutating func remove(_ key: Key) {
        unpin(key)
        guard let entry = entries.removeValue(forKey: key) else { return }
        byteCount -= entry.byteCount
    }
}
