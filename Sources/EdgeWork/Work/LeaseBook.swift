// Which leases this worker holds, and which it gives up by itself. Reads only the time it is given.
// Losing a lease is normal: the coordinator's fence decides what counts, so a lease that ran out
// while the line was dead is kept for a while: the result may still be wanted.
public import LanguageSystem

/// The leases of one worker, and how far the work on each is.
public struct LeaseBook: Sendable {
    public enum Phase: String, Sendable {
        /// Its turn has not come: the coordinator leases the next task before it answers to the
        /// last result.
        case waiting
        case fetching
        case working
        case handingIn = "handing in"
    }

    public struct Entry: Sendable {
        public let work: TaskLease
        public fileprivate(set) var expiry: ContinuousClock.Instant
        public fileprivate(set) var phase: Phase
        public fileprivate(set) var progress: Double
        public fileprivate(set) var note: String
    }

    public enum Admission: Sendable, Equatable {
        case accepted
        /// It is leased to this worker already: the message came twice.
        case known
        /// It is more than the worker can hold, or the worker is leaving: give it back.
        case refused
    }

    /// How many tasks are worked on at once; as many again may wait.
    public let capacity: Int
    /// How long past its expiry a lease is kept.
    public let patience: Duration
    public private(set) var isDraining = false
    private var entries: [LeaseToken: Entry] = [:]

    public init(capacity: Int, patience: Duration = .seconds(600)) {
        precondition(capacity >= 1, "a worker takes at least one task at once")
        self.capacity = capacity
        self.patience = patience
    }

    public var isEmpty: Bool { entries.isEmpty }
    /// All leases, in the order of the tasks.
    public var all: [Entry] { entries.values.sorted { $0.work.taskID < $1.work.taskID } }
    public var tokens: [LeaseToken] { all.map(\.work.token) }
    public func contains(_ token: LeaseToken) -> Bool { entries[token] != nil }

    public mutating func admit(_ work: TaskLease, at now: ContinuousClock.Instant) -> Admission {
        if entries[work.token] != nil { return .known }
        if isDraining || entries.count >= 2 * capacity { return .refused }
        entries[work.token] = Entry(
            work: work, expiry: now + work.duration, phase: .waiting, progress: 0, note: "")
        return .accepted
    }

    /// What may begin now, longest leased first; from here on it counts as at work.
    public mutating func begin() -> [TaskLease] {
        let freeCount = capacity - entries.values.count { $0.phase != .waiting }
        let next = entries.values.filter { $0.phase == .waiting }
            .sorted { $0.expiry < $1.expiry }.prefix(max(0, freeCount)).map(\.work)
        for work in next { entries[work.token]?.phase = .fetching }
        return next
    }

    /// Whether the lease is held and its work has not begun.
    public func isWaiting(_ token: LeaseToken) -> Bool { entries[token]?.phase == .waiting }

    /// A heartbeat was answered: whatever it did not take away is good for `duration` from `now`.
    public mutating func renew(for duration: Duration, at now: ContinuousClock.Instant) {
        entries = entries.mapValues {
            var entry = $0
            entry.expiry = max(entry.expiry, now + duration)
            return entry
        }
    }

    public mutating func advance(_ token: LeaseToken, to phase: Phase) {
        entries[token]?.phase = phase
    }

    /// - Parameter progress: Clamped to 0...1; not a number counts as 0.
    public mutating func report(_ token: LeaseToken, progress: Double, note: String) {
        entries[token]?.progress = progress.isNaN ? 0 : min(max(progress, 0), 1)
        entries[token]?.note = note
    }

    public mutating func end(_ token: LeaseToken) { entries[token] = nil }

    public mutating func drain() { isDraining = true }

    /// Leases past all patience at `now`.
    public func overdue(at now: ContinuousClock.Instant) -> [LeaseToken] {
        all.filter { now >= $0.expiry + patience }.map(\.work.token)
    }

    /// What the next heartbeat says.
    public var heartbeat: [LeaseProgress] {
        all.map { LeaseProgress(token: $0.work.token, progress: $0.progress, note: $0.note) }
    }
}
