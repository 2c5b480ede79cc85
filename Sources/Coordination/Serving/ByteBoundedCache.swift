// Which rankers stay in memory: least recently used leaves first, by bytes. Entries are named by the
// digest of their weights, so nothing in here is ever stale.

/// A least-recently-used map bounded in bytes, as a value. Cost: O(1) except eviction, O(n).
struct ByteBoundedCache<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    private struct Entry: Sendable {
        let value: Value
        let byteCount: Int
        var lastUse: UInt64
    }

    let byteCountMax: Int
    private(set) var byteCount = 0
    private var entries: [Key: Entry] = [:]
    private var clock: UInt64 = 0

    init(byteCountMax: Int) {
        precondition(byteCountMax > 0, "a cache of no bytes holds nothing")
        self.byteCountMax = byteCountMax
    }

    var count: Int { entries.count }

    mutating func value(for key: Key) -> Value? {
        clock += 1
        entries[key]?.lastUse = clock
        return entries[key]?.value
    }

    /// Keeps `value` unless it alone is larger than the cache; evicts what was used longest ago.
    mutating func insert(_ value: Value, for key: Key, byteCount cost: Int) {
        precondition(cost >= 0, "an entry cannot have a negative size")
        guard cost <= byteCountMax else { return }
        remove(key)
        while byteCount + cost > byteCountMax,
            let oldest = entries.min(by: { $0.value.lastUse < $1.value.lastUse })?.key
        {
            remove(oldest)
        }
        clock += 1
        entries[key] = Entry(value: value, byteCount: cost, lastUse: clock)
        byteCount += cost
    }

    private mutating func remove(_ key: Key) {
        guard let entry = entries.removeValue(forKey: key) else { return }
        byteCount -= entry.byteCount
    }
}
