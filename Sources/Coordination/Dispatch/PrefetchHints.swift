// What one busy worker was told to fetch ahead, and what it is told next. A worker hears only of
// sets it could be given work on, and may download what it heard of, so what it was told is
// remembered, the last of it.
public import LanguageSystem
import Ledger

/// The hints to one session, as a value.
public struct PrefetchHints: Sendable, Equatable {
    /// What a worker's owner allows: workers of the same allowance may hear of the same sets.
    public struct Allowance: Sendable, Hashable, Comparable {
        public let taskKinds: [TaskKind]
        /// The domains whose tasks it may be given; nil: any.
        public let domains: [DomainPattern]?
        /// The size of the features of one task; nil: any.
        public let byteCountMax: Int64?

        public init(taskKinds: [TaskKind], domains: [DomainPattern]?, byteCountMax: Int64?) {
            self.taskKinds = taskKinds
            self.domains = domains
            self.byteCountMax = byteCountMax
        }

        var allowsAnything: Bool { domains == nil && byteCountMax == nil }

        /// Orders allowances; any order will do that does not change.
        public static func < (one: Self, other: Self) -> Bool { one.words < other.words }

        private var words: String {
            """
            \(taskKinds.map(\.rawValue)) \(domains?.map(\.description) ?? []) \(byteCountMax ?? -1)
            """
        }
    }

    /// How many suggestions are remembered: a download that began is gone on with.
    public static let suggestedCountMax = 64

    /// The suggestions, the newest last; never more than `suggestedCountMax`.
    public private(set) var suggested: [Digest] = []

    public init() {}

    /// - Parameters:
    ///   - upcoming: What waiting tasks need, first needed first.
    ///   - held: What the worker has.
    ///   - place: Of this worker among those that hear of them now: not all are told the same.
    /// - Returns: What to tell it; nil: nothing, or what it was told last.
    public mutating func next(
        of upcoming: [BlobReference], holding held: Set<Digest>, place: Int
    ) -> BlobReference? {
        let ahead = upcoming.filter { !held.contains($0.digest) }
        guard !ahead.isEmpty else { return nil }
        let next = ahead[place % ahead.count]
        guard next.digest != suggested.last else { return nil }
        suggested.removeAll { $0 == next.digest }
        suggested = suggested.suffix(Self.suggestedCountMax - 1) + [next.digest]
        return next
    }
}
