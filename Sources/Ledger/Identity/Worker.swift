// Workers as the database knows them.
public import Foundation
public import LanguageSystem

/// A worker that joined: its key and the name it got.
public struct EnrolledWorker: Sendable, Hashable {
    public let id: WorkerID
    public let name: String

    public init(id: WorkerID, name: String) {
        self.id = id
        self.name = name
    }
}

/// What `ls.authority_status` says: the authority's key, and what still hangs on the one before it.
public struct AuthorityStatus: Sendable, Hashable {
    public let publicKeySHA256: Digest
    /// Since when this key signs.
    public let since: Date
    /// While a rotation is under way.
    public let previousPublicKeySHA256: Digest?
    /// All that are not revoked.
    public let workerCount: Int
    /// Those whose newest certificate is of the previous key.
    public let previousWorkers: [String]
    /// Unused join tokens that name the previous key.
    public let previousTokenCount: Int
}

/// What a worker says of itself when it connects.
public struct WorkerConnection: Sendable, Hashable {
    /// Which coordinator it is connected to.
    public var coordinator: String
    public var programVersion: String
    /// Tasks it runs at once.
    public var capacity: Int
    public var taskKinds: [TaskKind]
    /// Whose tasks its owner allows; nil: all.
    public var domains: [DomainPattern]?
    /// Features of one task that its owner allows; nil: any.
    public var taskByteCountMax: Int64?

    public init(
        coordinator: String, programVersion: String, capacity: Int, taskKinds: [TaskKind],
        domains: [DomainPattern]? = nil, taskByteCountMax: Int64? = nil
    ) {
        self.coordinator = coordinator
        self.programVersion = programVersion
        self.capacity = capacity
        self.taskKinds = taskKinds
        self.domains = domains
        self.taskByteCountMax = taskByteCountMax
    }
}

/// One row of `ls.worker_status`.
public struct WorkerStatus: Sendable, Hashable {
    public let id: WorkerID
    public let name: String
    /// `connected`, `away`, `never connected` or `revoked`.
    public let state: String
    public let programVersion: String?
    public let capacity: Int?
    public let seenAt: Date?
    public let leaseCount: Int
    public let succeededCount: Int
    public let failedCount: Int
    public let certificateUntil: Date?
}
