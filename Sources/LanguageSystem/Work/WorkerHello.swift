// How a worker's session opens: what it can do, what it has, and which process says so.

/// The first message of a session: what a worker can do, and what it holds.
public struct WorkerHello: Hashable, Sendable {
    /// The version of lsworker, for people.
    public var programVersion: String
    /// How many tasks the worker runs at once, 1 to 64.
    public var capacity: Int
    /// The kinds of tasks that the worker's owner allows.
    public var taskKinds: [TaskKind]
    /// The digests of feature sets in the worker's cache.
    public var heldDigests: [Digest]
    /// The leases of attempts that are running or have a result to hand in.
    public var heldLeases: [LeaseToken]
    /// The domains whose tasks the owner allows; nil allows all.
    public var domains: [DomainPattern]?
    /// The most bytes of features that the owner allows for one task; nil allows any size.
    public var taskByteCountMax: Int64?
    /// Whether the owner allows reranks.
    public var reranks: Bool
    /// Whether the program combines a version's score with signals. An earlier lsworker does not,
    /// and is given no version that has a combiner.
    public var combinesSignals: Bool
    /// The process that opened the session; nil for an earlier lsworker.
    public var process: WorkerProcess?

    public init(
        programVersion: String, capacity: Int, taskKinds: [TaskKind], heldDigests: [Digest] = [],
        heldLeases: [LeaseToken] = [], domains: [DomainPattern]? = nil,
        taskByteCountMax: Int64? = nil, reranks: Bool = false, combinesSignals: Bool = false,
        process: WorkerProcess? = nil
    ) {
        self.programVersion = programVersion
        self.capacity = capacity
        self.taskKinds = taskKinds
        self.heldDigests = heldDigests
        self.heldLeases = heldLeases
        self.domains = domains
        self.taskByteCountMax = taskByteCountMax
        self.reranks = reranks
        self.combinesSignals = combinesSignals
        self.process = process
    }
}

/// The process that opens a session, and where it runs. With it a coordinator distinguishes a
/// worker that reconnects from a second machine with a copy of its state directory.
public struct WorkerProcess: Hashable, Sendable {
    /// A random identifier that each process makes at its start.
    public let instance: String
    /// A digest of the machine and the state directory. The directory is locked, so of two
    /// processes with the same place the older is dead.
    public let place: String

    private static let byteCounts = 1...64

    /// Returns nil unless both are 1 to 64 letters, digits, `-` or `_`.
    public init?(instance: String, place: String) {
        guard Self.isName(instance), Self.isName(place) else { return nil }
        self.instance = instance
        self.place = place
    }

    private static func isName(_ text: String) -> Bool {
        byteCounts.contains(text.utf8.count)
            && text.unicodeScalars.allSatisfy { scalar in
                switch scalar {
                case "a"..."z", "A"..."Z", "0"..."9", "-", "_": true
                default: false
                }
            }
    }
}
