// TaskLease to and from its message.
public import LanguageSystem

extension TaskLease {
    public init(_ message: Languagesystem_V1_TaskLease) throws(LanguageSystemError) {
        let work: Work
        switch message.work {
        case .train(let train): work = .train(try TrainWork(train))
        case .evaluate(let evaluate): work = .evaluate(try EvaluateWork(evaluate))
        case nil: throw .malformedOnTheWire("task", "its kind is not known here")
        }
        guard (1...UInt32(Int32.max)).contains(message.attempt) else {
            throw .malformedOnTheWire(
                "task", "found attempt \(message.attempt), expected 1 or more")
        }
        self.init(
            token: try LeaseToken(wire: message.leaseToken), taskID: TaskID(message.taskID),
            attempt: Int(message.attempt),
            duration: min(
                .milliseconds(message.leaseMilliseconds), WireLimits.leaseDurationMax),
            work: work)
    }
}

extension TrainWork {
    init(_ message: Languagesystem_V1_TrainWork) throws(LanguageSystemError) {
        self.init(
            rankerName: WireLimits.line(message.rankerName),
            rankerConfiguration: try WireLimits.json(
                message.rankerConfiguration, what: "ranker configuration"),
            trainingConfiguration: try WireLimits.json(
                message.trainingConfiguration, what: "training configuration"),
            features: try [BlobReference](features: message.features),
            initialWeights: message.hasInitialWeights
                ? try BlobReference(
                    message.initialWeights, byteCountMax: WireLimits.weightsByteCountMax)
                : nil,
            weightsStay: message.weightsStay)
    }
}

extension EvaluateWork {
    init(_ message: Languagesystem_V1_EvaluateWork) throws(LanguageSystemError) {
        guard message.hasWeights else { throw .malformedOnTheWire("task", "it names no weights") }
        self.init(
            rankerName: WireLimits.line(message.rankerName),
            weights: try BlobReference(
                message.weights, byteCountMax: WireLimits.weightsByteCountMax),
            features: try [BlobReference](features: message.features),
            evaluationConfiguration: try WireLimits.json(
                message.evaluationConfiguration, what: "evaluation configuration"))
    }
}

extension Languagesystem_V1_TaskLease {
    public init(_ lease: TaskLease) {
        self.init()
        leaseToken = lease.token.description
        taskID = lease.taskID.rawValue
        attempt = UInt32(lease.attempt)
        leaseMilliseconds = lease.duration.wireMilliseconds
        switch lease.work {
        case .train(let work):
            train.rankerName = work.rankerName
            train.rankerConfiguration = work.rankerConfiguration
            train.trainingConfiguration = work.trainingConfiguration
            train.features = work.features.map(Languagesystem_V1_BlobReference.init)
            if let weights = work.initialWeights { train.initialWeights = .init(weights) }
            train.weightsStay = work.weightsStay
        case .evaluate(let work):
            evaluate.rankerName = work.rankerName
            evaluate.weights = .init(work.weights)
            evaluate.features = work.features.map(Languagesystem_V1_BlobReference.init)
            evaluate.evaluationConfiguration = work.evaluationConfiguration
        }
    }
}
