// What one connected worker may still be given, decided from what it said and what we pushed.
// A lease counts against the worker's capacity from the moment it is pushed until the worker,
// having once reported it, reports it no longer, or hands in its end. A lease that is pushed but
// never reported (the message was lost on its way) stops counting when its time is over and the
// worker has spoken since: one that is silent gets nothing more, or it would draw task after task
// into its sleep.
public import LanguageSystem
import Ledger

/// One worker's open session, as a value: events go in, `freeSlotCount` comes out.
public struct SessionState: Sendable, Equatable {
    enum Phase: Sendable, Equatable {
        /// It was pushed and not yet seen in a heartbeat. Once there was a heartbeat, even one
        /// without it, it stops counting at this time.
        case pushed(until: ContinuousClock.Instant, hasSpoken: Bool)
        /// The worker has reported it.
        case reported
    }

    public static let capacityMax = Bounds.capacityMax

    public let capacity: Int
    public private(set) var isDraining = false
    /// Whether the worker takes tasks: not outside its owner's hours.
    public var takesTasks = true
    public var heldDigests: Set<Digest>
    private var phases: [LeaseToken: Phase]

    /// - Parameters:
    ///   - capacity: tasks at once; clamped to 1...64.
    ///   - heldLeases: attempts the worker still works on from an earlier session.
    public init(capacity: Int, heldDigests: Set<Digest> = [], heldLeases: [LeaseToken] = []) {
        self.capacity = min(max(capacity, 1), Self.capacityMax)
        self.heldDigests = heldDigests
        self.phases = Dictionary(heldLeases.map { ($0, .reported) }) { first, _ in first }
    }

    public var leaseTokens: Set<LeaseToken> { Set(phases.keys) }

    /// How many more tasks the worker may be given at `now`; never negative.
    public func freeSlotCount(at now: ContinuousClock.Instant) -> Int {
        if isDraining || !takesTasks { return 0 }
        let busy = phases.values.count {
            switch $0 {
            case .reported: true
            case .pushed(let until, let hasSpoken): !hasSpoken || now < until
            }
        }
        return max(0, capacity - busy)
    }

    /// Notes that a lease was pushed to the worker; it counts until `expiry` unless the worker
    /// reports it.
    public mutating func push(_ token: LeaseToken, until expiry: ContinuousClock.Instant) {
        phases[token] = .pushed(until: expiry, hasSpoken: false)
    }

    /// A heartbeat lists every lease the worker holds: what it once reported and lists no longer
    /// has ended; what it has not seen yet stays.
    public mutating func heartbeat(listing tokens: some Sequence<LeaseToken>) {
        let listed = Set(tokens)
        phases = phases.compactMapValues { phase in
            switch phase {
            case .reported: nil
            case .pushed(let until, _): .pushed(until: until, hasSpoken: true)
            }
        }
        for token in listed { phases[token] = .reported }
    }

    /// Notes that the attempt was handed in, failed, or lost.
    public mutating func end(_ token: LeaseToken) { phases[token] = nil }

    public mutating func drain() { isDraining = true }
}
