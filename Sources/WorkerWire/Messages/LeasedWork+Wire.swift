// TaskLease to and from `LeasedWork`.
public import LanguageSystem

extension LeasedWork {
    public init(_ message: Languagesystem_V1_TaskLease) throws(CoordinatorError) {
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
            token: try WireLeaseToken(wire: message.leaseToken), taskID: TaskID(message.taskID),
            attempt: Int(message.attempt),
            leaseDuration: min(
                .milliseconds(message.leaseMilliseconds), WireLimits.leaseDurationMax),
            work: work)
    }
}

extension TrainWork {
    init(_ message: Languagesystem_V1_TrainWork) throws(CoordinatorError) {
        self.init(
            rankerName: WireLimits.line(message.rankerName),
            rankerConfiguration: try WireLimits.json(
                message.rankerConfiguration, what: "ranker configuration"),
            trainingConfiguration: try WireLimits.json(
                message.trainingConfiguration, what: "training configuration"),
            features: try [NamedBlob](features: message.features),
            initialWeights: message.hasInitialWeights
                ? try NamedBlob(
                    message.initialWeights, byteCountMax: WireLimits.weightsByteCountMax)
                : nil,
            weightsStay: message.weightsStay)
    }
}

extension EvaluateWork {
    init(_ message: Languagesystem_V1_EvaluateWork) throws(CoordinatorError) {
        guard message.hasWeights else { throw .malformedOnTheWire("task", "it names no weights") }
        self.init(
            rankerName: WireLimits.line(message.rankerName),
            weights: try NamedBlob(message.weights, byteCountMax: WireLimits.weightsByteCountMax),
            features: try [NamedBlob](features: message.features),
            evaluationConfiguration: try WireLimits.json(
                message.evaluationConfiguration, what: "evaluation configuration"))
    }
}

extension NamedBlob {
    init(_ message: Languagesystem_V1_BlobReference, byteCountMax: Int) throws(CoordinatorError) {
        guard (1...UInt64(byteCountMax)).contains(message.byteCount) else {
            throw .malformedOnTheWire(
                "task", "found a blob of \(message.byteCount) bytes, expected 1 to \(byteCountMax)")
        }
        self.init(
            digest: try Digest(wire: message.digest), byteCount: Int64(message.byteCount),
            name: WireLimits.line(message.name),
            domain: message.domain.isEmpty ? nil : try DomainName(message.domain))
    }
}

extension [NamedBlob] {
    init(features: [Languagesystem_V1_BlobReference]) throws(CoordinatorError) {
        guard (1...WireLimits.featureSetCountMax).contains(features.count) else {
            throw .malformedOnTheWire(
                "task",
                "found \(features.count) feature sets, expected 1 to \(WireLimits.featureSetCountMax)"
            )
        }
        self = []
        for feature in features {
            append(try NamedBlob(feature, byteCountMax: WireLimits.featuresByteCountMax))
        }
    }
}

extension Languagesystem_V1_TaskLease {
    public init(_ work: LeasedWork) {
        self.init()
        leaseToken = work.token.description
        taskID = work.taskID.rawValue
        attempt = UInt32(work.attempt)
        leaseMilliseconds = work.leaseDuration.wireMilliseconds
        switch work.work {
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

extension Languagesystem_V1_BlobReference {
    public init(_ blob: NamedBlob) {
        self.init()
        digest = blob.digest.wire
        byteCount = UInt64(blob.byteCount)
        name = blob.name
        domain = blob.domain?.description ?? ""
    }
}
