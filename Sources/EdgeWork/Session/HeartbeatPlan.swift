// When a worker speaks over its session, and when it takes the line for dead. A value: it reads
// only the time it is given.
import WorkerWire

struct HeartbeatPlan: Sendable {
    typealias Instant = ContinuousClock.Instant

    enum Beat: Sendable, Equatable {
        /// Say which leases are held.
        case send
        /// There is nothing to renew: say nothing this time.
        case skip
        /// The coordinator has been silent for too long: connect anew.
        case giveUp(silence: Duration)
    }

    /// Nothing heard for longer than this many heartbeats, or ten seconds: the line is dead.
    static let silentCountMax = 4
    /// How many intervals a worker without leases lets pass, so that idle workers cost little.
    static let idleFactor = 4

    /// How long to wait before the next beat. The coordinator says it when it welcomes the worker.
    private(set) var interval = WireLimits.heartbeatInterval
    private var heardAt: Instant
    private var skippedCount = 0

    init(at now: Instant) { heardAt = now }

    /// A connection begins: its silence counts from here.
    mutating func connecting(at now: Instant) {
        heardAt = now
        skippedCount = 0
    }

    mutating func heard(at now: Instant) { heardAt = now }

    mutating func welcomed(every interval: Duration) { self.interval = interval }

    /// What to do when an interval has passed.
    mutating func beat(at now: Instant, holdsLeases: Bool) -> Beat {
        let silence = now - heardAt
        let patience = max(interval * Self.silentCountMax, .seconds(10))
        if silence > (holdsLeases ? patience : patience * Self.idleFactor) {
            return .giveUp(silence: silence)
        }
        skippedCount = holdsLeases ? Self.idleFactor : skippedCount + 1
        guard skippedCount >= Self.idleFactor else { return .skip }
        skippedCount = 0
        return .send
    }
}
