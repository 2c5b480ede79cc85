// A task in a worker's hands, and what both sides say of it until it ends. Everything that a worker
// needs to begin comes with the lease: one question to the database and one message hand out one
// piece of work.

/// One attempt of a task, leased to a worker.
public struct TaskLease: Hashable, Sendable {
    /// The work of the attempt, by the kind of its task.
    public enum Work: Hashable, Sendable {
        case train(TrainWork)
        case evaluate(EvaluateWork)
    }

    /// The fencing token, which every message about the attempt carries.
    public let token: LeaseToken
    public let taskID: TaskID
    /// The number of the attempt, from 1.
    public let attempt: Int
    /// How long the lease lasts without a heartbeat, counted from the moment it was given or
    /// received.
    public let duration: Duration
    /// What the worker has to do.
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

    /// The TrainingConfiguration or EvaluationConfiguration as JSON.
    public var configuration: String {
        switch work {
        case .train(let work): work.trainingConfiguration
        case .evaluate(let work): work.evaluationConfiguration
        }
    }

    /// The feature sets of the work, in the order of the task.
    public var features: [BlobReference] {
        switch work {
        case .train(let work): work.features
        case .evaluate(let work): work.features
        }
    }

    /// The weights that a training starts from or that an evaluation measures; nil for a training
    /// that starts from its seed.
    public var weights: BlobReference? {
        switch work {
        case .train(let work): work.initialWeights
        case .evaluate(let work): work.weights
        }
    }

    /// All blobs that must be on disk before the work can begin.
    public var blobs: [BlobReference] {
        switch work {
        case .train(let work): work.features + (work.initialWeights.map { [$0] } ?? [])
        case .evaluate(let work): [work.weights] + work.features
        }
    }
}

/// The work of a training: fit a ranker to feature sets.
public struct TrainWork: Hashable, Sendable {
    public let rankerName: String
    /// The RankerConfiguration as JSON.
    public let rankerConfiguration: String
    /// The TrainingConfiguration as JSON, with the seed.
    public let trainingConfiguration: String
    /// The train sets, in the order that decides the result.
    public let features: [BlobReference]
    /// The weights to start from; nil starts from the seed.
    public let initialWeights: BlobReference?
    /// Whether the ranker is edge-only: then the worker keeps the weights and hands in only digest
    /// and size.
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

/// The work of an evaluation: measure a version on feature sets.
public struct EvaluateWork: Hashable, Sendable {
    public let rankerName: String
    /// The weights of the version to measure.
    public let weights: BlobReference
    public let features: [BlobReference]
    /// The EvaluationConfiguration as JSON.
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

/// The progress of one lease, as a heartbeat reports it.
public struct LeaseProgress: Hashable, Sendable {
    public var token: LeaseToken
    /// The part of the work that is done, 0 to 1.
    public var progress: Double
    /// A line for people, such as `epoch 1, step 40 of 120`.
    public var note: String

    public init(token: LeaseToken, progress: Double = 0, note: String = "") {
        self.token = token
        self.progress = progress
        self.note = note
    }
}

/// The answer to a result that was handed in.
public struct Completion: Hashable, Sendable {
    /// Whether the result counts. False means that the lease was lost and nothing was changed.
    public let counted: Bool
    /// The new version, for a training that counts.
    public let versionID: RankerVersionID?

    public init(counted: Bool, versionID: RankerVersionID? = nil) {
        self.counted = counted
        self.versionID = versionID
    }
}
