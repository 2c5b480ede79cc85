// What dispatch wants said to a worker, free of any wire.
public import LanguageSystem
public import Ledger

/// One message to one worker.
public enum WorkerInstruction: Sendable {
    case welcome(workerName: String, heartbeatInterval: Duration)
    case lease(LeasedTask, lasting: Duration)
    /// The answer to a heartbeat, or an unasked cancellation: stop these.
    case stop(lost: [LeaseToken], cancelled: [LeaseToken], leaseDuration: Duration)
    /// The answer to an offer of local data: what is not taken.
    case localDataAnswer([RefusedFeatureSet])
    /// Features that waiting tasks need.
    case prefetch([BlobReference])
    /// Score a group now: `DispatchHub.takeRerank` says what, if anybody still waits when its turn comes.
    case rerank(EdgeReranks.Number)
}

/// Who a session belongs to, as its verified certificate says.
public struct Worker: Sendable, Hashable {
    public let id: WorkerID
    public let name: String
    /// Of the certificate; nil: there is none to ask about.
    public let serial: String?

    public init(id: WorkerID, name: String, serial: String? = nil) {
        self.id = id
        self.name = name
        self.serial = serial
    }
}

/// What a worker said when its session opened.
public struct WorkerHello: Sendable {
    public let programVersion: String
    public let capacity: Int
    public let taskKinds: [TaskKind]
    public let heldDigests: [Digest]
    public let heldLeases: [LeaseToken]
    /// Whose tasks its owner allows; nil: all.
    public let domains: [DomainPattern]?
    /// Features of one task that its owner allows; nil: any.
    public let taskByteCountMax: Int64?
    /// Its owner allows reranks.
    public let reranks: Bool
    /// Which process says it, made anew by each; nil: an lsworker of before.
    public let instance: String?
    /// That process's machine and state directory; nil: an lsworker of before.
    public let place: String?

    public init(
        programVersion: String, capacity: Int, taskKinds: [TaskKind], heldDigests: [Digest],
        heldLeases: [LeaseToken], domains: [DomainPattern]? = nil, taskByteCountMax: Int64? = nil,
        reranks: Bool = false, instance: String? = nil, place: String? = nil
    ) {
        self.programVersion = programVersion
        self.capacity = capacity
        self.taskKinds = taskKinds
        self.heldDigests = heldDigests
        self.heldLeases = heldLeases
        self.domains = domains
        self.taskByteCountMax = taskByteCountMax
        self.reranks = reranks
        self.instance = instance
        self.place = place
    }
}
