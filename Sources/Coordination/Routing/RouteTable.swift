// Remembers who may answer whom, so that a repeated request touches no database. A hint that
// something changed makes answers outdated; an answer also ages, because a hint may be lost. An
// outdated answer is asked for again before it is used, and is still there when the database is
// not. What a route is, and why, is decided by ls.route_plan() alone.
public import LanguageSystem

/// The question a route answers.
public struct RouteKey: Hashable, Sendable {
    /// The model asked for: a base model's name, or `ranker`, `ranker:alias`, `ranker@version`.
    public let model: String
    public let user: String?
    public let domain: DomainName?

    public init(model: String, user: String?, domain: DomainName?) {
        self.model = model
        // A name with a ranker's punctuation means one version, whoever asks.
        let isRanker = model.contains(":") || model.contains("@")
        self.user = isRanker ? nil : user
        self.domain = isRanker ? nil : domain
    }

    /// Compares byte by byte, as the ledger does: two spellings of one accented letter are two
    /// users.
    public static func == (one: Self, other: Self) -> Bool {
        one.model.utf8.elementsEqual(other.model.utf8) && one.domain == other.domain
            && one.user.hasBytes(of: other.user)
    }
}

extension String? {
    fileprivate func hasBytes(of other: String?) -> Bool {
        guard let self, let other else { return self == nil && other == nil }
        return self.utf8.elementsEqual(other.utf8)
    }
}

/// A bounded memory of answers, as a value: the shell looks up, asks the database, and stores under
/// the generation in which it asked, so that an answer read before a change is outdated from the
/// start.
public struct RouteTable<Answer: Sendable>: Sendable {
    public enum Found: Sendable {
        /// The answer is to be used.
        case fresh(Answer)
        /// The answer is to be used, and to be asked for again meanwhile.
        case aged(Answer)
        /// The answer is to be asked for again first; it is better than nothing when the database
        /// is away.
        case outdated(Answer)
        case unknown

        /// The answer, when it is to be used without asking first.
        public var current: Answer? {
            switch self {
            case .fresh(let answer), .aged(let answer): answer
            case .outdated, .unknown: nil
            }
        }
    }

    private struct Entry: Sendable {
        let answer: Answer
        let rankers: [RankerID]
        let generation: UInt64
        let expiry: ContinuousClock.Instant
    }

    /// How many rankers and users may have changes of their own; with more, everything is outdated
    /// instead.
    static var changeCountMax: Int { 10_000 }

    let entryCountMax: Int
    let timeToLive: Duration
    /// Counts changes; an answer is as of one.
    public private(set) var generation: UInt64 = 0
    private var changedAll: UInt64 = 0
    /// When a user was last forgotten: what was asked before is not stored.
    private var forgottenAt: UInt64 = 0
    private var changedRankers: [RankerID: UInt64] = [:]
    private var changedUsers: [String: UInt64] = [:]
    private var entries: [RouteKey: Entry] = [:]

    public init(entryCountMax: Int = 100_000, timeToLive: Duration = .seconds(30)) {
        precondition(entryCountMax > 0, "a route table holds at least one entry")
        self.entryCountMax = entryCountMax
        self.timeToLive = timeToLive
    }

    public var count: Int { entries.count }

    public func answer(to key: RouteKey, at now: ContinuousClock.Instant) -> Found {
        guard let entry = entries[key] else { return .unknown }
        if isOutdated(entry, key) { return .outdated(entry.answer) }
        return now < entry.expiry ? .fresh(entry.answer) : .aged(entry.answer)
    }

    /// Stores an answer, unless a user was forgotten since it was asked for: it may be theirs.
    ///
    /// - Parameter rankers: What the answer names: when one of them changes, it is outdated.
    public mutating func store(
        _ answer: Answer, for key: RouteKey, naming rankers: [RankerID],
        asOf generation: UInt64, at now: ContinuousClock.Instant
    ) {
        guard generation >= forgottenAt else { return }
        // Full of distinct users: start again rather than keep an order nobody needs.
        if entries.count >= entryCountMax, entries[key] == nil { entries.removeAll() }
        entries[key] = Entry(
            answer: answer, rankers: rankers, generation: generation, expiry: now + timeToLive)
    }

    /// Forgets the answer to a question: what was asked about is gone.
    public mutating func forget(_ key: RouteKey) { entries[key] = nil }

    /// Forgets what this user asked, and what was answered with a ranker of theirs.
    public mutating func forget(user: String, isOfUser: (Answer) -> Bool) {
        entries = entries.filter { key, entry in
            !key.user.hasBytes(of: user) && !isOfUser(entry.answer)
        }
        changedUsers[user] = nil
        generation += 1
        changedAll = generation
        forgottenAt = generation
    }

    /// Outdates all answers: anything may have changed.
    public mutating func outdateAll() {
        generation += 1
        changedAll = generation
        changedRankers.removeAll()
        changedUsers.removeAll()
    }

    /// Outdates answers that name this ranker, of which an alias moved, and those of its user, who
    /// may have had none. A ranker of nobody's may be the answer to anything.
    public mutating func outdate(_ ranker: RankerID, of user: String?) {
        guard let user, changedRankers.count + changedUsers.count < Self.changeCountMax else {
            outdateAll()
            return
        }
        generation += 1
        changedRankers[ranker] = generation
        changedUsers[user] = generation
    }

    private func isOutdated(_ entry: Entry, _ key: RouteKey) -> Bool {
        if entry.generation < changedAll { return true }
        if let user = key.user, let changed = changedUsers[user], entry.generation < changed {
            return true
        }
        guard !changedRankers.isEmpty else { return false }
        return entry.rankers.contains { entry.generation < changedRankers[$0] ?? 0 }
    }
}
