// How a worker's session opens: what it can do, what it has, and which process says so.

public struct WorkerHello: Hashable, Sendable {
    public var programVersion: String
    /// Tasks at once, 1 to 64.
    public var capacity: Int
    public var taskKinds: [TaskKind]
    public var heldDigests: [Digest]
    /// Attempts still in work, or with a result to hand in.
    public var heldLeases: [LeaseToken]
    /// Whose tasks its owner allows; nil: all.
    public var domains: [DomainPattern]?
    /// Features of one task that its owner allows; nil: any.
    public var taskByteCountMax: Int64?
    /// Its owner allows reranks.
    public var reranks: Bool
    /// Which process says it; nil: an lsworker of before.
    public var process: WorkerProcess?

    public init(
        programVersion: String, capacity: Int, taskKinds: [TaskKind], heldDigests: [Digest] = [],
        heldLeases: [LeaseToken] = [], domains: [DomainPattern]? = nil,
        taskByteCountMax: Int64? = nil, reranks: Bool = false, process: WorkerProcess? = nil
    ) {
        self.programVersion = programVersion
        self.capacity = capacity
        self.taskKinds = taskKinds
        self.heldDigests = heldDigests
        self.heldLeases = heldLeases
        self.domains = domains
        self.taskByteCountMax = taskByteCountMax
        self.reranks = reranks
        self.process = process
    }
}

/// The process that opens a session, and where it runs: so that a coordinator can tell a worker
/// that comes back from a second machine with a copy of its state directory.
public struct WorkerProcess: Hashable, Sendable {
    /// Made anew by each process.
    public let instance: String
    /// Its machine and state directory, as a digest: the directory is locked, so of two processes
    /// of one place the older is dead.
    public let place: String

    private static let byteCounts = 1...64

    /// - Returns: Nil unless both are 1 to 64 letters, digits, `-` or `_`.
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
