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

/// A worker's session as the database knows it. The newest of a worker counts, at whichever
/// coordinator.
public struct OpenedConnection: Sendable, Hashable {
    public let id: UUID
    /// Of two connections of a worker the one with the larger number is the newer.
    public let number: Int64
    /// Another machine was connected with the same identity.
    public let tookOver: Bool
    /// Leases that went back to the queue.
    public let releasedCount: Int

    public init(id: UUID, number: Int64, tookOver: Bool, releasedCount: Int) {
        self.id = id
        self.number = number
        self.tookOver = tookOver
        self.releasedCount = releasedCount
    }
}

/// A session that a coordinator has.
public struct WorkerSession: Sendable, Hashable {
    public let worker: WorkerID
    public let connection: UUID
    /// Which process it is of; nil: an lsworker of before.
    public let instance: String?
    /// Of the certificate it was opened with; nil: not asked.
    public let serial: String?

    public init(worker: WorkerID, connection: UUID, instance: String?, serial: String?) {
        self.worker = worker
        self.connection = connection
        self.instance = instance
        self.serial = serial
    }
}

/// A session that is over.
public struct RefusedSession: Sendable, Equatable {
    public let worker: WorkerID
    public let connection: UUID
    /// What its worker is told; nil: the same process has a newer session.
    public let reason: CoordinatorError?
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
