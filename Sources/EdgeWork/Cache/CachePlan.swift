// What must leave the cache so that something new fits. A value: the cache asks, then acts.
public import LanguageSystem

/// One blob on disk, whole or begun.
public struct CacheEntry: Sendable, Hashable {
    public let digest: Digest
    public let byteCount: Int64
    /// When it was last wanted; smaller is longer ago.
    public let lastUse: Int64
    public let isInUse: Bool

    public init(digest: Digest, byteCount: Int64, lastUse: Int64, isInUse: Bool) {
        self.digest = digest
        self.byteCount = byteCount
        self.lastUse = lastUse
        self.isInUse = isInUse
    }
}

public enum CachePlan: Sendable, Equatable {
    /// Remove these, longest unused first; none: there is room.
    case evict([Digest])
    /// Even without everything that is not in use there would be no room.
    case doesNotFit(availableByteCount: Int64)

    /// What is in use never leaves.
    public static func room(
        for byteCount: Int64, among entries: [CacheEntry], byteCountMax: Int64
    ) -> CachePlan {
        precondition(byteCount >= 0, "a blob has no negative size")
        let pinnedByteCount = entries.reduce(0) { $1.isInUse ? $0 + $1.byteCount : $0 }
        guard byteCount <= byteCountMax - pinnedByteCount else {
            return .doesNotFit(availableByteCount: max(0, byteCountMax - pinnedByteCount))
        }
        var total = entries.reduce(0) { $0 + $1.byteCount }
        var evicted: [Digest] = []
        for entry in entries.filter({ !$0.isInUse }).sorted(by: { $0.lastUse < $1.lastUse }) {
            if total + byteCount <= byteCountMax { break }
            total -= entry.byteCount
            evicted.append(entry.digest)
        }
        return .evict(evicted)
    }
}
