// Workers as the database knows them.
public import Foundation
public import LanguageSystem

/// A worker that has joined: its database key and its name.
public struct EnrolledWorker: Sendable, Hashable {
    public let id: WorkerID
    public let name: String

    public init(id: WorkerID, name: String) {
        self.id = id
        self.name = name
    }
}

/// One row of `ls.authority_status`: the authority's key, and what still depends on the previous
/// one.
public struct AuthorityStatus: Sendable, Hashable {
    /// SHA-256 of the present key's SubjectPublicKeyInfo in DER.
    public let publicKeySHA256: Digest
    /// The time since which this key signs.
    public let since: Date
    /// SHA-256 of the previous key, during a rotation; nil at other times.
    public let previousPublicKeySHA256: Digest?
    /// The number of workers that are not revoked.
    public let workerCount: Int
    /// The names of workers whose newest certificate was signed by the previous key.
    public let previousWorkers: [String]
    /// The number of unused join tokens that pin the previous key.
    public let previousTokenCount: Int
}

/// A worker's session as the database knows it. Only the newest session of a worker counts, at any
/// coordinator.
public struct OpenedConnection: Sendable, Hashable {
    public let id: UUID
    /// Of two connections of a worker, the one with the larger number is the newer.
    public let number: Int64
    /// Whether another machine was connected with the same identity.
    public let tookOver: Bool
    /// The number of leases that went back to the queue.
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
    /// The id of the connection, from `workerConnected`.
    public let connection: UUID
    /// The process of the session (`WorkerProcess.instance`); nil for an earlier lsworker.
    public let instance: String?
    /// The serial of the certificate that opened the session; nil skips the check.
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
    /// The error that the worker gets; nil when the same process has a newer session.
    public let reason: LanguageSystemError?
}

/// One row of `ls.worker_status`.
public struct WorkerStatus: Sendable, Hashable {
    public let id: WorkerID
    public let name: String
    /// The state: `connected`, `away`, `never connected` or `revoked`.
    public let state: String
    /// The version of lsworker; nil before the first session.
    public let programVersion: String?
    /// How many tasks it runs at once; nil before the first session.
    public let capacity: Int?
    /// The time of its last sign of life.
    public let seenAt: Date?
    /// The number of leases that it holds now.
    public let leaseCount: Int
    /// The number of its attempts that succeeded.
    public let succeededCount: Int
    /// The number of its attempts that failed.
    public let failedCount: Int
    /// The end of its newest certificate.
    public let certificateUntil: Date?
}
