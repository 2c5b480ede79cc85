// A rerank by the worker that holds the ranker: what is asked of it, and how it can end.

/// One group of candidates, to be scored by a worker.
public struct EdgeRerank: Hashable, Sendable {
    /// The ranker's name, for the worker's log.
    public let rankerName: String
    /// The weights to score with. The worker keeps them, has them in its cache, or fetches them.
    public let weights: BlobReference
    /// The features: [K + 1, D] numbers of `dtype`, row-major, little-endian; row 0 is the
    /// instruction.
    public let features: [UInt8]
    /// The type of each number in `features`.
    public let dtype: FeatureType
    /// K, the number of candidates.
    public let candidateCount: Int
    /// D, the number of values in one feature.
    public let hiddenSize: Int
    /// What is known of the candidates beside their features, for a version with a combiner; nil:
    /// nothing. An lsworker of before would answer with the bare scores, and is not asked.
    public let signals: RerankSignals?
    /// The W3C trace context of the request, for the worker's log.
    public let traceParent: String?

    /// Does not check that `features` holds (K + 1) * D numbers; the scorer does.
    public init(
        rankerName: String, weights: BlobReference, features: [UInt8], dtype: FeatureType,
        candidateCount: Int, hiddenSize: Int, signals: RerankSignals? = nil,
        traceParent: String? = nil
    ) {
        self.rankerName = rankerName
        self.weights = weights
        self.features = features
        self.dtype = dtype
        self.candidateCount = candidateCount
        self.hiddenSize = hiddenSize
        self.signals = signals
        self.traceParent = traceParent
    }
}

/// A rerank as it is sent to a worker.
public struct EdgeRerankOrder: Hashable, Sendable {
    /// The number of the request in its session, which the answer repeats. It is unused between
    /// coordinators.
    public let number: UInt64
    /// The group to score, and the ranker to score it with.
    public let rerank: EdgeRerank
    /// The time that is left when the order is sent. It counts from the receipt; nobody waits for a
    /// later answer.
    public let deadline: Duration

    public init(number: UInt64, _ rerank: EdgeRerank, deadline: Duration) {
        self.number = number
        self.rerank = rerank
        self.deadline = deadline
    }
}

/// A rerank that one coordinator forwards to another, which has the worker's session.
public struct PeerRerank: Hashable, Sendable {
    /// The worker that is to score the group.
    public let worker: WorkerID
    public let order: EdgeRerankOrder

    public init(worker: WorkerID, order: EdgeRerankOrder) {
        self.worker = worker
        self.order = order
    }
}

/// How a rerank by a worker ended. No case is an error of the request: without scores, the next
/// ranker in the chain serves.
public enum EdgeRerankResult: Sendable {
    /// One score for each candidate, in their order, and one of the scores and the signals together
    /// where the version has a combiner for them. Dispatch checks that they are finite.
    case scored([Float], combined: CombinedScores? = nil, compute: Duration)
    /// The worker has no session here, its session ended meanwhile, it is draining, or it does no
    /// reranks. Only a coordinator gives this result.
    case unreachable
    /// The worker did not answer within the deadline.
    case late
    /// The bound on requests under way is reached.
    case busy
    /// The worker refused. The code `unavailable` means that it is fetching the weights.
    case refused(LanguageSystemError)

    /// What a worker gave that cannot be used for `candidateCount` candidates, in words; nil when
    /// all of it can.
    public static func fault(
        in scores: [Float], _ combined: CombinedScores?, candidateCount: Int
    ) -> String? {
        if scores.count != candidateCount { return "\(scores.count)" }
        if !scores.allSatisfy(\.isFinite) { return "one that is not finite" }
        guard let combined else { return nil }
        if combined.values.count != candidateCount {
            return "\(combined.values.count) combined ones"
        }
        return combined.values.allSatisfy(\.isFinite) ? nil : "a combined one that is not finite"
    }

    /// Maps `unknownWorker`, `deadlineExceeded` and `busy` to their own cases.
    public init(refusal: LanguageSystemError) {
        switch refusal.code {
        case .unknownWorker: self = .unreachable
        case .deadlineExceeded: self = .late
        case .busy: self = .busy
        default: self = .refused(refusal)
        }
    }

    /// Why there are no scores; nil when there are scores.
    public var refusal: LanguageSystemError? {
        switch self {
        case .scored: nil
        case .unreachable:
            LanguageSystemError(.unknownWorker, "cannot rerank: the worker is not connected here")
        case .late:
            LanguageSystemError(
                .deadlineExceeded, "cannot rerank: the worker did not answer in time")
        case .busy: LanguageSystemError(.busy, "cannot rerank: the worker has too much to do")
        case .refused(let error): error
        }
    }
}

/// The answer to the order with the same number.
public struct EdgeRerankReply: Hashable, Sendable {
    public let number: UInt64
    /// The scores, or why there are none.
    public let result: EdgeRerankResult

    public init(number: UInt64, _ result: EdgeRerankResult) {
        self.number = number
        self.result = result
    }

    /// Answers an order with a refusal.
    public init(number: UInt64, _ refusal: LanguageSystemError) {
        self.init(number: number, EdgeRerankResult(refusal: refusal))
    }
}

/// Scores are equal when their bits are, so that NaN equals itself. Refusals are equal without
/// their cause, which is not sent.
extension EdgeRerankResult: Hashable {
    public static func == (one: Self, other: Self) -> Bool {
        switch (one, other) {
        case (
            .scored(let one, let combined, let time), .scored(let other, let alike, let otherTime)
        ):
            time == otherTime && combined == alike
                && one.map(\.bitPattern) == other.map(\.bitPattern)
        case (.refused(let one), .refused(let other)):
            one.code == other.code && one.message == other.message
        case (.unreachable, .unreachable), (.late, .late), (.busy, .busy): true
        default: false
        }
    }

    public func hash(into hasher: inout Hasher) {
        switch self {
        case .scored(let scores, let combined, let compute):
            hasher.combine(scores.map(\.bitPattern))
            hasher.combine(combined)
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
