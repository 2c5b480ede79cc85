// A task in a worker's hands, and what both sides say of it until it ends. Everything that a worker
// needs to begin comes with the lease: one question to the database and one message hand out one
// piece of work.

/// One attempt of a task, leased to a worker.
public struct TaskLease: Hashable, Sendable {
    public enum Work: Hashable, Sendable {
        case train(TrainWork)
        case evaluate(EvaluateWork)
    }

    public let token: LeaseToken
    public let taskID: TaskID
    /// From 1.
    public let attempt: Int
    /// How long it is good for without a heartbeat, from when it was given or received.
    public let duration: Duration
    public let work: Work

    public init(token: LeaseToken, taskID: TaskID, attempt: Int, duration: Duration, work: Work) {
        self.token = token
        self.taskID = taskID
        self.attempt = attempt
        self.duration = duration
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

    /// TrainingConfiguration or EvaluationConfiguration as JSON.
    public var configuration: String {
        switch work {
        case .train(let work): work.trainingConfiguration
        case .evaluate(let work): work.evaluationConfiguration
        }
    }

    /// The feature sets it works on, in the order of the task.
    public var features: [BlobReference] {
        switch work {
        case .train(let work): work.features
        case .evaluate(let work): work.features
        }
    }

    /// What it starts from, or what it measures; nil: it starts from the seed.
    public var weights: BlobReference? {
        switch work {
        case .train(let work): work.initialWeights
        case .evaluate(let work): work.weights
        }
    }

    /// All that must be on disk before the work can begin.
    public var blobs: [BlobReference] {
        switch work {
        case .train(let work): work.features + (work.initialWeights.map { [$0] } ?? [])
        case .evaluate(let work): [work.weights] + work.features
        }
    }
}

/// Fit a ranker on feature sets.
public struct TrainWork: Hashable, Sendable {
    public let rankerName: String
    /// RankerConfiguration as JSON.
    public let rankerConfiguration: String
    /// TrainingConfiguration as JSON, the seed included.
    public let trainingConfiguration: String
    public let features: [BlobReference]
    /// Nil: start from the seed.
    public let initialWeights: BlobReference?
    /// Of an edge-only ranker: digest and size are handed in, the weights are kept by the worker.
    public let weightsStay: Bool

    public init(
        rankerName: String, rankerConfiguration: String, trainingConfiguration: String,
        features: [BlobReference], initialWeights: BlobReference?, weightsStay: Bool = false
    ) {
        self.rankerName = rankerName
        self.rankerConfiguration = rankerConfiguration
        self.trainingConfiguration = trainingConfiguration
        self.features = features
        self.initialWeights = initialWeights
        self.weightsStay = weightsStay
    }
}

/// Measure a version on feature sets.
public struct EvaluateWork: Hashable, Sendable {
    public let rankerName: String
    public let weights: BlobReference
    public let features: [BlobReference]
    /// EvaluationConfiguration as JSON.
    public let evaluationConfiguration: String

    public init(
        rankerName: String, weights: BlobReference, features: [BlobReference],
        evaluationConfiguration: String
    ) {
        self.rankerName = rankerName
        self.weights = weights
        self.features = features
        self.evaluationConfiguration = evaluationConfiguration
    }
}

/// What a heartbeat says of one lease.
public struct LeaseProgress: Hashable, Sendable {
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

/// The answer to a result.
public struct Completion: Hashable, Sendable {
    /// False: the lease was lost, and nothing was changed.
    public let counted: Bool
    /// Of a train task that counted.
    public let versionID: RankerVersionID?

    public init(counted: Bool, versionID: RankerVersionID? = nil) {
        self.counted = counted
        self.versionID = versionID
    }
}
