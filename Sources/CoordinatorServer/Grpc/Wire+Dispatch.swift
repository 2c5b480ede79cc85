// Between the wire's values and those of dispatch and ledger: the same things, seen from two sides.
import Coordination
import Foundation
import LanguageSystem
import Ledger
import RankerMath
import WorkerWire

extension LeaseToken {
    /// - Throws: `invalidArgument`: a token we never gave out.
    init(_ token: WireLeaseToken) throws(CoordinatorError) {
        guard let known = LeaseToken(token.description) else {
            throw CoordinatorError(
                .invalidArgument,
                "cannot find the lease '\(token)': it is not a token of this coordinator")
        }
        self = known
    }

    init(wire text: String) throws(CoordinatorError) {
        try self.init(try WireLeaseToken(wire: text))
    }

    fileprivate var wire: WireLeaseToken { WireLeaseToken(rawValue) }
}

extension WorkerHello {
    init(_ introduction: WorkerIntroduction, _ process: WorkerProcess?) throws(CoordinatorError) {
        var leases: [LeaseToken] = []
        for token in introduction.heldLeases { leases.append(try LeaseToken(token)) }
        self.init(
            programVersion: introduction.programVersion, capacity: introduction.capacity,
            taskKinds: introduction.taskKinds, heldDigests: introduction.heldDigests,
            heldLeases: leases, domains: introduction.domains,
            taskByteCountMax: introduction.taskByteCountMax, reranks: introduction.reranks,
            instance: process?.instance, place: process?.place)
    }
}

extension LeaseProgress {
    init(_ progress: WireLeaseProgress) throws(CoordinatorError) {
        self.init(
            token: try LeaseToken(progress.token), progress: progress.progress, note: progress.note)
    }
}

extension CoordinatorNotice {
    /// Nil for a rerank: dispatch keeps what is to be scored until its turn comes.
    init?(_ instruction: WorkerInstruction) {
        switch instruction {
        case .rerank: return nil
        case .welcome(let workerName, let heartbeatInterval):
            self = .welcome(
                workerName: workerName, coordinatorVersion: ProductVersion.current,
                heartbeatInterval: heartbeatInterval)
        case .lease(let task, let duration):
            self = .task(LeasedWork(task, lasting: duration))
        case .stop(let lost, let cancelled, let duration):
            self = .heartbeatReply(
                lost: lost.map(\.wire), cancelled: cancelled.map(\.wire), leaseDuration: duration)
        case .localDataAnswer(let refused):
            self = .localDataReply(
                refused.compactMap { set in
                    set.digest.map {
                        LocalDataRefusal(digest: $0, message: set.message, hint: set.hint)
                    }
                })
        case .prefetch(let blobs): self = .prefetch(blobs.map(NamedBlob.init))
        }
    }
}

extension RerankWork {
    init(_ order: EdgeRerankOrder) {
        self.init(order.work, number: order.number, within: order.deadline)
    }

    fileprivate init(_ work: EdgeRerank, number: UInt64, within deadline: Duration) {
        self.init(
            number: number, rankerName: work.rankerName, weights: NamedBlob(work.weights),
            features: work.features, dtype: WireFeatureType(work.dtype),
            candidateCount: work.candidateCount, hiddenSize: work.hiddenSize,
            deadline: deadline, traceParent: work.traceParent)
    }
}

extension EdgeRerank {
    /// What another coordinator asks for.
    init(_ work: RerankWork) {
        self.init(
            rankerName: work.rankerName,
            weights: Ledger.BlobReference(
                digest: work.weights.digest, byteCount: work.weights.byteCount,
                name: work.weights.name),
            features: work.features, dtype: FeatureType(work.dtype),
            candidateCount: work.candidateCount, hiddenSize: work.hiddenSize,
            traceParent: work.traceParent)
    }
}

extension PeerRerank {
    init(_ worker: WorkerID, _ work: EdgeRerank, within deadline: Duration) {
        self.init(worker: worker, work: RerankWork(work, number: 0, within: deadline))
    }
}

// Between coordinators an answer travels as a worker's does; what only a coordinator can say has a code.
extension EdgeRerankAnswer {
    init(_ outcome: RerankScores.Outcome) {
        switch outcome {
        case .scored(let scores, let compute): self = .scored(scores, compute: compute)
        case .refused(.unknownWorker, _): self = .unreachable
        case .refused(.deadlineExceeded, _): self = .late
        case .refused(.busy, _): self = .busy
        case .refused(let code, let message): self = .refused(CoordinatorError(code, message))
        }
    }

    var outcome: RerankScores.Outcome {
        switch self {
        case .scored(let scores, let compute): .scored(scores, compute: compute)
        case .unreachable: .refused(.unknownWorker, message: "the worker is not connected here")
        case .late: .refused(.deadlineExceeded, message: "the worker did not answer in time")
        case .busy: .refused(.busy, message: "the worker has too much to do")
        case .refused(let error): .refused(error.code, message: error.message)
        }
    }
}

extension FeatureType {
    fileprivate init(_ type: WireFeatureType) {
        switch type {
        case .float16: self = .float16
        case .bfloat16: self = .bfloat16
        case .float32: self = .float32
        }
    }
}

extension WireFeatureType {
    fileprivate init(_ type: FeatureType) {
        switch type {
        case .float16: self = .float16
        case .bfloat16: self = .bfloat16
        case .float32: self = .float32
        }
    }
}

extension EdgeRerankReport {
    init(_ outcome: RerankScores.Outcome) {
        switch outcome {
        case .scored(let scores, let compute): self = .scored(scores, compute: compute)
        case .refused(let code, let message): self = .refused(CoordinatorError(code, message))
        }
    }
}

extension LeasedWork {
    init(_ task: LeasedTask, lasting duration: Duration) {
        let work: Work
        switch task.kind {
        case .train:
            work = .train(
                TrainWork(
                    rankerName: task.rankerName, rankerConfiguration: task.rankerConfiguration,
                    trainingConfiguration: task.configuration,
                    features: task.features.map(NamedBlob.init),
                    initialWeights: task.weights.map(NamedBlob.init),
                    weightsStay: task.weightsStay))
        case .evaluate:
            guard let weights = task.weights else {
                preconditionFailure(
                    "an evaluate task was leased without a version: the schema forbids it")
            }
            work = .evaluate(
                EvaluateWork(
                    rankerName: task.rankerName, weights: NamedBlob(weights),
                    features: task.features.map(NamedBlob.init),
                    evaluationConfiguration: task.configuration))
        case .matrix:
            preconditionFailure("a matrix was leased to a worker: it is never waiting")
        }
        self.init(
            token: task.token.wire, taskID: task.taskID, attempt: task.attempt,
            leaseDuration: duration, work: work)
    }
}

extension NamedBlob {
    fileprivate init(_ blob: Ledger.BlobReference) {
        self.init(
            digest: blob.digest, byteCount: blob.byteCount, name: blob.name, domain: blob.domain)
    }
}
