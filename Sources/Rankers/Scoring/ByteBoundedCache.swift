// Which rankers stay in memory, at a coordinator and at the edge: the least recently used leaves
// first, by bytes; what is pinned stays. Entries are named by the digest of their weights, so
// nothing in here is ever stale.

import LanguageSystem

/// A least-recently-used map bounded in bytes, as a value. What is not pinned is a list in the
/// order of use, its links the places of entries in an array; every operation costs O(1), an
/// insertion also what it evicts.
package struct ByteBoundedCache<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    private struct Entry: Sendable {
        let key: Key
        let value: Value
        let byteCount: Int
        var isPinned = false
        /// Used before and after it; meaningless when pinned.
        var older: Int?
        var newer: Int?
    }

    package let byteCountMax: Int
    package private(set) var byteCount = 0
    package private(set) var pinnedByteCount = 0
    package private(set) var pinnedCount = 0
    package private(set) var evictionCount = 0
    private var places: [Key: Int] = [:]
    /// Nil where there is room.
    private var entries: [Entry?] = []
    private var freePlaces: [Int] = []
    private var oldest: Int?
    private var newest: Int?

    package init(byteCountMax: Int) {
        precondition(byteCountMax > 0, "a cache of no bytes holds nothing")
        self.byteCountMax = byteCountMax
    }

    package var count: Int { places.count }
    package var keys: [Key] { Array(places.keys) }

    /// Of what is here; no use of it.
    package func byteCount(of key: Key) -> Int? { places[key].flatMap { entries[$0]?.byteCount } }

    /// The entry at a place that `places` or a link names.
    private subscript(place: Int) -> Entry {
        // `remove` takes a place out of both when it empties it.
        get { entries[place]! }
        // As above.
        _modify { yield &entries[place]! }
    }

    /// What is kept for `key`; using it makes it the newest.
    // Asked once a request, from another module, where generic code costs 1.7 us instead of 0.2.
    @specialized(where Key == Digest, Value == RankerScorer)
    package mutating func value(for key: Key) -> Value? {
        guard let place = places[key] else { return nil }
        if !self[place].isPinned, newest != place {
            unlink(place)
            linkAsNewest(place)
        }
        return self[place].value
    }

    /// Keeps `value` if there is room beside what is pinned; evicts what was used longest ago.
    package mutating func insert(_ value: Value, for key: Key, byteCount cost: Int) {
        precondition(cost >= 0, "an entry cannot have a negative size")
        let wasPinned = places[key].map { self[$0].isPinned } ?? false
        remove(key)
        guard pinnedByteCount + cost <= byteCountMax else { return }
        while byteCount + cost > byteCountMax, let oldest {
            remove(self[oldest].key)
            evictionCount += 1
        }
        let place = freePlaces.popLast() ?? entries.count
        if place == entries.count { entries.append(nil) }
        entries[place] = Entry(key: key, value: value, byteCount: cost)
        places[key] = place
        byteCount += cost
        linkAsNewest(place)
        if wasPinned { pin(key) }
    }

    /// - Returns: Whether it is pinned now: it has to be here.
    @discardableResult
    package mutating func pin(_ key: Key) -> Bool {
        guard let place = places[key] else { return false }
        guard !self[place].isPinned else { return true }
        unlink(place)
        self[place].isPinned = true
        pinnedByteCount += self[place].byteCount
        pinnedCount += 1
        return true
    }

    package mutating func unpin(_ key: Key) {
        guard let place = places[key], self[place].isPinned else { return }
        self[place].isPinned = false
        pinnedByteCount -= self[place].byteCount
        pinnedCount -= 1
        linkAsNewest(place)
    }

    /// Also what is pinned.
    package mutating func remove(_ key: Key) {
        unpin(key)
        guard let place = places.removeValue(forKey: key) else { return }
        unlink(place)
        byteCount -= self[place].byteCount
        entries[place] = nil
        freePlaces.append(place)
    }

    private mutating func unlink(_ place: Int) {
        let (older, newer) = (self[place].older, self[place].newer)
        if let older { self[older].newer = newer } else { oldest = newer }
        if let newer { self[newer].older = older } else { newest = older }
    }

    private mutating func linkAsNewest(_ place: Int) {
        self[place].older = newest
        self[place].newer = nil
        if let newest { self[newest].newer = place } else { oldest = place }
        newest = place
    }
}
