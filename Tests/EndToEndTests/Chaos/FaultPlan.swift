// Which faults come in which order: a value made from a seed, so that a failure can be repeated. It
// comes in rounds: each kind once, in an order of its own, until whoever follows it has enough.

/// One way to hurt an installation that is at work.
enum Fault: String, CaseIterable, Sendable {
    // An installation on PostgreSQL servers of its own, with a standby, two lscoord and three
    // workers.
    case workerKilled = "worker killed"
    case workerStalled = "worker stalled past its lease"
    case clockAhead = "worker's clock set an hour ahead"
    case clockBehind = "worker's clock set an hour back"
    case coordinatorKilled = "lscoord killed"
    case everyCoordinatorKilled = "every lscoord killed at once"
    case serverCrashed = "PostgreSQL stopped at once and started again"
    case backendsTerminated = "storm of pg_terminate_backend"
    case diskFull = "disk of PostgreSQL full"
    case connectionsExhausted = "all connections of PostgreSQL taken"
    case rowsLocked = "rows of all tasks locked"
    case movedAcross = "cancellation and alias moves across coordinators"
    case failover = "primary killed, standby promoted"
    case identityCopied = "second machine with a worker's identity"
    case identityReplaced = "worker's name joined on another machine, the old one back"
    // An installation on the embedded cluster, with one lscoord and two workers.
    case embeddedServerKilled = "embedded PostgreSQL killed"
    case embeddedCoordinatorKilled = "lscoord killed, its PostgreSQL left behind"
    case embeddedBothKilled = "lscoord and its PostgreSQL killed at once"
    case idleWorkerStalled = "idle worker stalled, then given work"

    static let ofServers: [Fault] = allCases.filter { !ofEmbedded.contains($0) }
    /// While the promotion gate decides.
    static let ofDecisions: [Fault] = [
        .workerKilled, .coordinatorKilled, .everyCoordinatorKilled, .backendsTerminated,
        .rowsLocked,
    ]
    static let ofEmbedded: [Fault] = [
        .embeddedServerKilled, .embeddedCoordinatorKilled, .embeddedBothKilled, .idleWorkerStalled,
    ]
}

/// One fault and what is left to chance about it.
struct FaultStep: Sendable, Equatable {
    let number: Int
    let fault: Fault
    /// Picks the victim among those there are.
    let victim: Int
    /// From the moment work is under way to the fault.
    let pauseMs: Int
    /// How long it lasts, between its least and its most: 0 to 1.
    let length: Double

    func pick<T>(_ candidates: [T]) -> T { candidates[victim % candidates.count] }

    func seconds(_ range: ClosedRange<Double>) -> Double {
        range.lowerBound + (range.upperBound - range.lowerBound) * length
    }
}

/// The endless sequence of steps of one seed.
struct FaultPlan: Sequence, IteratorProtocol {
    let faults: [Fault]
    private var generator: SplitMix
    private var round: [Fault] = []
    private var number = 0

    init(seed: UInt64, of faults: [Fault]) {
        precondition(!faults.isEmpty, "a plan has something to do")
        self.faults = faults
        generator = SplitMix(state: seed)
    }

    mutating func next() -> FaultStep? {
        if round.isEmpty { round = faults.shuffled(using: &generator) }
        number += 1
        return FaultStep(
            number: number, fault: round.removeFirst(),
            victim: Int.random(in: 0..<1_000, using: &generator),
            pauseMs: Int.random(in: 0...900, using: &generator),
            length: Double.random(in: 0...1, using: &generator))
    }
}

/// A seeded generator: the same numbers for the same seed, on every machine.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
