// What crosses the wire, as values that can be trusted: built from messages only through checks.
public import Foundation
public import LanguageSystem

/// A lease token as it travels: opaque to the worker, shown again with everything said of the lease.
public struct WireLeaseToken: Hashable, Sendable, CustomStringConvertible {
    public let description: String

    /// - Throws: `invalidArgument` unless it is 1 to 64 letters, digits, `-` or `_`.
    public init(wire text: String) throws(CoordinatorError) {
        guard (1...WireLimits.tokenByteCountMax).contains(text.utf8.count),
            text.utf8.allSatisfy({ byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
                    true
                default: false
                }
            })
        else { throw .malformedOnTheWire("lease token", "expected 1 to 64 letters and digits") }
        description = text
    }

    /// A coordinator's own.
    public init(_ uuid: UUID) { description = uuid.uuidString.lowercased() }
}

/// A feature set or weights: fetched, cached and checked by digest.
public struct NamedBlob: Hashable, Sendable {
    public let digest: Digest
    public let byteCount: Int64
    /// For people: "math/algebra train".
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

/// A task in the worker's hands.
public struct LeasedWork: Hashable, Sendable {
    public enum Work: Hashable, Sendable {
        case train(TrainWork)
        case evaluate(EvaluateWork)
    }

    public let token: WireLeaseToken
    public let taskID: TaskID
    /// From 1.
    public let attempt: Int
    /// From when it was received.
    public let leaseDuration: Duration
    public let work: Work

    public init(
        token: WireLeaseToken, taskID: TaskID, attempt: Int, leaseDuration: Duration, work: Work
    ) {
        self.token = token
        self.taskID = taskID
        self.attempt = attempt
        self.leaseDuration = leaseDuration
        self.work = work
    }

    public var kind: TaskKind {
        switch work {
        case .train: .train
        case .evaluate: .evaluate
        }
    }

    public var rankerName: String {
        switch work {
        case .train(let work): work.rankerName
        case .evaluate(let work): work.rankerName
        }
    }

    /// The feature sets it works on.
    public var features: [NamedBlob] {
        switch work {
        case .train(let work): work.features
        case .evaluate(let work): work.features
        }
    }

    /// All that must be on disk before the work can begin.
    public var blobs: [NamedBlob] {
        switch work {
        case .train(let work): work.features + (work.initialWeights.map { [$0] } ?? [])
        case .evaluate(let work): [work.weights] + work.features
        }
    }
}

public struct TrainWork: Hashable, Sendable {
    public let rankerName: String
    /// RankerConfiguration as JSON.
    public let rankerConfiguration: String
    /// TrainingConfiguration as JSON, the seed included.
    public let trainingConfiguration: String
    public let features: [NamedBlob]
    /// Nil: start from the seed.
    public let initialWeights: NamedBlob?
    /// Of an edge-only ranker: digest and size are handed in, the weights are kept here.
    public let weightsStay: Bool

    public init(
        rankerName: String, rankerConfiguration: String, trainingConfiguration: String,
        features: [NamedBlob], initialWeights: NamedBlob?, weightsStay: Bool = false
    ) {
        self.rankerName = rankerName
        self.rankerConfiguration = rankerConfiguration
        self.trainingConfiguration = trainingConfiguration
        self.features = features
        self.initialWeights = initialWeights
        self.weightsStay = weightsStay
    }
}

public struct EvaluateWork: Hashable, Sendable {
    public let rankerName: String
    public let weights: NamedBlob
    public let features: [NamedBlob]
    /// EvaluationConfiguration as JSON.
    public let evaluationConfiguration: String

    public init(
        rankerName: String, weights: NamedBlob, features: [NamedBlob],
        evaluationConfiguration: String
    ) {
        self.rankerName = rankerName
        self.weights = weights
        self.features = features
        self.evaluationConfiguration = evaluationConfiguration
    }
}

/// How a session opens.
public struct WorkerIntroduction: Hashable, Sendable {
    public let programVersion: String
    /// Tasks at once, 1 to 64.
    public let capacity: Int
    public let taskKinds: [TaskKind]
    public let heldDigests: [Digest]
    /// Attempts still in work, or with a result to hand in.
    public let heldLeases: [WireLeaseToken]
    /// Whose tasks its owner allows; nil: all.
    public let domains: [DomainPattern]?
    /// Features of one task that its owner allows; nil: any.
    public let taskByteCountMax: Int64?
    /// Its owner allows reranks.
    public let reranks: Bool

    public init(
        programVersion: String, capacity: Int, taskKinds: [TaskKind], heldDigests: [Digest],
        heldLeases: [WireLeaseToken], domains: [DomainPattern]? = nil,
        taskByteCountMax: Int64? = nil, reranks: Bool = false
    ) {
        self.programVersion = programVersion
        self.capacity = capacity
        self.taskKinds = taskKinds
        self.heldDigests = heldDigests
        self.heldLeases = heldLeases
        self.domains = domains
        self.taskByteCountMax = taskByteCountMax
        self.reranks = reranks
    }
}

/// What a heartbeat says of one lease.
public struct WireLeaseProgress: Hashable, Sendable {
    public let token: WireLeaseToken
    /// 0 to 1.
    public let progress: Double
    public let note: String

    public init(token: WireLeaseToken, progress: Double, note: String) {
        self.token = token
        self.progress = progress
        self.note = note
    }
}

/// All that a worker says on its session.
public enum WorkerReport: Hashable, Sendable {
    case hello(WorkerIntroduction)
    case heartbeat([WireLeaseProgress])
    case inventory([Digest])
    case draining
    case localData(LocalData)
    /// Outside its owner's hours it takes no tasks.
    case availability(takesTasks: Bool)
    case rerankScores(RerankScores)
}

/// All that a coordinator says on a session.
public enum CoordinatorNotice: Hashable, Sendable {
    case welcome(workerName: String, coordinatorVersion: String, heartbeatInterval: Duration)
    case task(LeasedWork)
    /// Stop these; the others are good for `leaseDuration` from now.
    case heartbeatReply(
        lost: [WireLeaseToken], cancelled: [WireLeaseToken], leaseDuration: Duration)
    /// Of the feature sets offered those that are not taken.
    case localDataReply([LocalDataRefusal])
    /// What tasks that wait will need.
    case prefetch([NamedBlob])
    case rerank(RerankWork)
}

/// The answer to a result.
public struct Completion: Hashable, Sendable {
    /// False: the lease was lost; nothing was changed.
    public let counted: Bool
    /// Of a train task that counted.
    public let versionID: RankerVersionID?

    public init(counted: Bool, versionID: RankerVersionID?) {
        self.counted = counted
        self.versionID = versionID
    }
}
