// Remembers which version answers whom, so that a repeated request touches no database. A hint that
// an alias moved empties it; an entry also ages out, because a hint may be lost. What a route is,
// and why, is decided by ls.route() alone.
public import LanguageSystem

/// The question a route answers.
public struct RouteKey: Hashable, Sendable {
    /// A base model's name, or `ranker`, `ranker:alias`, `ranker@version`.
    public let model: String
    public let user: String?
    public let domain: DomainName?

    public init(model: String, user: String?, domain: DomainName?) {
        self.model = model
        self.user = user
        self.domain = domain
    }
}

/// A bounded memory of answers, as a value: the shell asks, looks up the database on a miss, and
/// stores under the generation in which it asked, so that an answer read before an alias moved is
/// never kept after.
public struct RouteTable<Answer: Sendable>: Sendable {
    let entryCountMax: Int
    let timeToLive: Duration
    public private(set) var generation = 0
    private var entries: [RouteKey: (answer: Answer, expiry: ContinuousClock.Instant)] = [:]

    public init(entryCountMax: Int = 100_000, timeToLive: Duration = .seconds(30)) {
        precondition(entryCountMax > 0, "a route table holds at least one entry")
        self.entryCountMax = entryCountMax
        self.timeToLive = timeToLive
    }

    public var count: Int { entries.count }

    public func answer(to key: RouteKey, at now: ContinuousClock.Instant) -> Answer? {
        guard let entry = entries[key], now < entry.expiry else { return nil }
        return entry.answer
    }

    public mutating func store(
        _ answer: Answer, for key: RouteKey, asOf generation: Int, at now: ContinuousClock.Instant
    ) {
        guard generation == self.generation else { return }
        // Full of distinct users: start again rather than keep an order nobody needs.
        if entries.count >= entryCountMax, entries[key] == nil { entries.removeAll() }
        entries[key] = (answer, now + timeToLive)
    }

    /// An alias moved, or hints may have been missed.
    public mutating func forgetAll() {
        generation += 1
        entries.removeAll()
    }
}
