// A rerank by the worker that holds the ranker: what is asked of it, and how it can end.

/// One group of candidates for a ranker that a worker holds.
public struct EdgeRerank: Hashable, Sendable {
    public let rankerName: String
    /// What to score with: kept by the worker, in its cache, or to be fetched by it.
    public let weights: BlobReference
    /// [K + 1, D] numbers of `dtype`, row-major, little-endian; row 0 is the instruction.
    public let features: [UInt8]
    public let dtype: FeatureType
    /// K
    public let candidateCount: Int
    /// D
    public let hiddenSize: Int
    /// W3C trace context of the request, for the worker's log.
    public let traceParent: String?

    /// Whether `features` holds (K + 1) * D numbers, whoever scores them looks.
    public init(
        rankerName: String, weights: BlobReference, features: [UInt8], dtype: FeatureType,
        candidateCount: Int, hiddenSize: Int, traceParent: String? = nil
    ) {
        self.rankerName = rankerName
        self.weights = weights
        self.features = features
        self.dtype = dtype
        self.candidateCount = candidateCount
        self.hiddenSize = hiddenSize
        self.traceParent = traceParent
    }
}

/// A rerank whose turn to be sent has come.
public struct EdgeRerankOrder: Hashable, Sendable {
    /// Of the session; the answer carries it. Between coordinators it means nothing.
    public let number: UInt64
    public let rerank: EdgeRerank
    /// What is left of it when it is sent; from when it is received. Later nobody waits for the
    /// answer.
    public let deadline: Duration

    public init(number: UInt64, _ rerank: EdgeRerank, deadline: Duration) {
        self.number = number
        self.rerank = rerank
        self.deadline = deadline
    }
}

/// A rerank that one coordinator hands to another, because the worker's session is there.
public struct PeerRerank: Hashable, Sendable {
    public let worker: WorkerID
    public let order: EdgeRerankOrder

    public init(worker: WorkerID, order: EdgeRerankOrder) {
        self.worker = worker
        self.order = order
    }
}

/// How a rerank by a worker ended. None of them is an error of the request: whoever asked goes on
/// to the next ranker in the chain.
public enum EdgeRerankResult: Sendable {
    /// One for each candidate, in their order; finite once dispatch has looked at them.
    case scored([Float], compute: Duration)
    /// No session of this worker is here, or it ended meanwhile; it is draining, or does no
    /// reranks. Only a coordinator can say so.
    case unreachable
    /// No answer within the deadline.
    case late
    /// As many as may be are under way already.
    case busy
    /// `unavailable`: the worker is fetching the weights.
    case refused(CoordinatorError)

    /// What has a case of its own gets it.
    public init(refusal: CoordinatorError) {
        switch refusal.code {
        case .unknownWorker: self = .unreachable
        case .deadlineExceeded: self = .late
        case .busy: self = .busy
        default: self = .refused(refusal)
        }
    }

    /// Why there are no scores; nil: there are.
    public var refusal: CoordinatorError? {
        switch self {
        case .scored: nil
        case .unreachable:
            CoordinatorError(.unknownWorker, "cannot rerank: the worker is not connected here")
        case .late:
            CoordinatorError(.deadlineExceeded, "cannot rerank: the worker did not answer in time")
        case .busy: CoordinatorError(.busy, "cannot rerank: the worker has too much to do")
        case .refused(let error): error
        }
    }
}

/// The answer to the order of this number.
public struct EdgeRerankReply: Hashable, Sendable {
    public let number: UInt64
    public let result: EdgeRerankResult

    public init(number: UInt64, _ result: EdgeRerankResult) {
        self.number = number
        self.result = result
    }

    public init(number: UInt64, _ refusal: CoordinatorError) {
        self.init(number: number, EdgeRerankResult(refusal: refusal))
    }
}

/// Scores are the same when their bits are: one that is not a number must equal itself. Of refusals
/// the cause, which does not travel, is not looked at.
extension EdgeRerankResult: Hashable {
    public static func == (one: Self, other: Self) -> Bool {
        switch (one, other) {
        case (.scored(let one, let time), .scored(let other, let otherTime)):
            time == otherTime && one.map(\.bitPattern) == other.map(\.bitPattern)
        case (.refused(let one), .refused(let other)):
            one.code == other.code && one.message == other.message
        case (.unreachable, .unreachable), (.late, .late), (.busy, .busy): true
        default: false
        }
    }

    public func hash(into hasher: inout Hasher) {
        switch self {
        case .scored(let scores, let compute):
            hasher.combine(scores.map(\.bitPattern))
            hasher.combine(compute)
        case .unreachable: hasher.combine(0)
        case .late: hasher.combine(1)
        case .busy: hasher.combine(2)
        case .refused(let error):
            hasher.combine(error.code)
            hasher.combine(error.message)
        }
    }
}
