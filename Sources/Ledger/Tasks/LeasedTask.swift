// A task in a worker's hands, and how attempts end. Everything a worker needs to begin comes with the
// lease, so that one round trip to the database hands out one piece of work.
public import Foundation
public import LanguageSystem

/// A feature set or weights, by the digest under which `readBlob` gives its bytes.
public struct BlobReference: Sendable, Hashable {
    public let digest: Digest
    public let byteCount: Int64
    /// For people: "math/algebra train", "math/algebra.listwise@3".
    public let name: String
    /// Of a feature set.
    public let domain: DomainName?

    public init(digest: Digest, byteCount: Int64, name: String, domain: DomainName? = nil) {
        self.digest = digest
        self.byteCount = byteCount
        self.name = name
        self.domain = domain
    }
}

/// One attempt, leased.
public struct LeasedTask: Sendable, Hashable {
    public let token: LeaseToken
    public let taskID: TaskID
    /// From 1.
    public let attempt: Int
    /// By the database's clock.
    public let leasedUntil: Date
    public let kind: TaskKind
    public let rankerName: String
    /// RankerConfiguration as JSON.
    public let rankerConfiguration: String
    /// TrainingConfiguration (seed included) or EvaluationConfiguration as JSON.
    public let configuration: String
    /// In the order of the task.
    public let features: [BlobReference]
    /// Of a train task: where to start from, nil: from the seed. Of an evaluate task: what to measure.
    public let weights: BlobReference?
    /// Of an edge-only ranker: the worker keeps what it makes.
    public let weightsStay: Bool

    public init(
        token: LeaseToken, taskID: TaskID, attempt: Int, leasedUntil: Date, kind: TaskKind,
        rankerName: String, rankerConfiguration: String, configuration: String,
        features: [BlobReference], weights: BlobReference? = nil, weightsStay: Bool = false
    ) {
        self.token = token
        self.taskID = taskID
        self.attempt = attempt
        self.leasedUntil = leasedUntil
        self.kind = kind
        self.rankerName = rankerName
        self.rankerConfiguration = rankerConfiguration
        self.configuration = configuration
        self.features = features
        self.weights = weights
        self.weightsStay = weightsStay
    }
}

/// What a worker says of one lease in a heartbeat.
public struct LeaseProgress: Sendable, Hashable {
    public var token: LeaseToken
    /// 0 to 1.
    public var progress: Double
    public var note: String

    public init(token: LeaseToken, progress: Double = 0, note: String = "") {
        self.token = token
        self.progress = progress
        self.note = note
    }
}

/// The answer to a finished train task.
public struct TrainingCompletion: Sendable, Hashable {
    /// False: the lease was lost, and nothing was changed.
    public let counted: Bool
    /// Nil when it did not count.
    public let versionID: RankerVersionID?

    public init(counted: Bool, versionID: RankerVersionID? = nil) {
        self.counted = counted
        self.versionID = versionID
    }
}

/// An attempt whose lease ran out, and what became of its task.
public struct ExpiredLease: Sendable, Hashable {
    public let taskID: TaskID
    public let attempt: Int
    public let worker: String
    /// `waiting`, or `dead` after the last attempt.
    public let taskState: TaskState

    public init(taskID: TaskID, attempt: Int, worker: String, taskState: TaskState) {
        self.taskID = taskID
        self.attempt = attempt
        self.worker = worker
        self.taskState = taskState
    }
}

/// How far a task is.
public struct TaskProgress: Sendable, Hashable {
    public let id: TaskID
    public let kind: TaskKind
    public let state: TaskState
    public let ranker: String
    /// The version an evaluate task measures.
    public let versionNumber: Int?
    /// 0 to 1.
    public let progress: Double
    public let note: String
    public let worker: String?
    /// How many attempts there were, and how many there may be.
    public let attempt: Int
    public let attemptMax: Int
    /// Why it ended, or what went wrong last.
    public let error: String?
    /// The version a train task made.
    public let resultVersionID: RankerVersionID?

    public init(
        id: TaskID, kind: TaskKind, state: TaskState, ranker: String, versionNumber: Int? = nil,
        progress: Double, note: String, worker: String? = nil, attempt: Int, attemptMax: Int,
        error: String? = nil, resultVersionID: RankerVersionID? = nil
    ) {
        self.id = id
        self.kind = kind
        self.state = state
        self.ranker = ranker
        self.versionNumber = versionNumber
        self.progress = progress
        self.note = note
        self.worker = worker
        self.attempt = attempt
        self.attemptMax = attemptMax
        self.error = error
        self.resultVersionID = resultVersionID
    }
}
