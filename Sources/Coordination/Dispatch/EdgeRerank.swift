// What a rerank at the edge asks of a worker and how it can end, free of any wire.
public import LanguageSystem
public import Ledger
public import RankerMath

/// One group of candidates for the ranker that a worker holds.
public struct EdgeRerank: Sendable {
    public let rankerName: String
    /// What to score with: at home with the worker, in its cache, or to be fetched by it.
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

    /// - Precondition: `features` holds (K + 1) * D numbers.
    public init(
        rankerName: String, weights: BlobReference, features: [UInt8], dtype: FeatureType,
        candidateCount: Int, hiddenSize: Int, traceParent: String? = nil
    ) {
        precondition(
            features.count == (candidateCount + 1) * hiddenSize * dtype.byteCount,
            "a rerank holds one row for the instruction and one for each candidate")
        self.rankerName = rankerName
        self.weights = weights
        self.features = features
        self.dtype = dtype
        self.candidateCount = candidateCount
        self.hiddenSize = hiddenSize
        self.traceParent = traceParent
    }
}

/// How a rerank at the edge ended. None of them is an error of the request: whoever asked goes on to the next
/// ranker in the chain.
public enum EdgeRerankAnswer: Sendable, Equatable {
    /// One finite score for each candidate, in their order.
    case scored([Float], compute: Duration)
    /// No session of this worker is here, or it ended meanwhile; it is draining, or does no reranks.
    case unreachable
    /// No answer within the deadline.
    case late
    /// As many as may be are under way already.
    case busy
    /// `unavailable`: the worker is fetching the weights.
    case refused(CoordinatorError)
}

/// What a worker said of a rerank.
public enum EdgeRerankReport: Sendable, Equatable {
    case scored([Float], compute: Duration)
    case refused(CoordinatorError)
}

/// A rerank whose turn to be sent has come.
public struct EdgeRerankOrder: Sendable {
    public let number: EdgeReranks.Number
    public let work: EdgeRerank
    /// What is left of it.
    public let deadline: Duration
}
