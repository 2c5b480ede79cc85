// What a rerank asks, free of any wire.
public import LanguageSystem
public import Ledger
import RankerMath
public import Rankers

public struct RerankRequest: Sendable {
    public static let candidateCountMax = Bounds.requestCandidateCountMax

    /// The model asked for: a base model's name, or `ranker`, `ranker:alias`, `ranker@version`.
    public let model: String
    /// What serves, in this order, when `model` names a ranker that cannot.
    public let fallbacks: [String]
    public var user: String?
    public var domain: DomainName?
    /// The features: [K + 1, D] numbers of `dtype`, row-major, little-endian; row 0 is the
    /// instruction. Its first byte is aligned to the type.
    public let features: ArraySlice<UInt8>
    public let dtype: FeatureType
    /// K, the number of candidates.
    public let candidateCount: Int
    /// D, the width of a row.
    public let hiddenSize: Int
    /// What the caller says of how the features were taken.
    public let contract: FeatureContract
    /// What is known of the candidates beside their features; nil: nothing.
    public let signals: RerankSignals?
    /// What the first of the ordered candidates is.
    public let aggregate: Aggregate

    /// - Precondition: `features` holds (K + 1) * D numbers, each signal K values, and a weighted
    ///   vote has answers.
    public init(
        model: String, fallbacks: [String] = [], user: String?, domain: DomainName?,
        features: ArraySlice<UInt8>, dtype: FeatureType, candidateCount: Int, hiddenSize: Int,
        contract: FeatureContract = FeatureContract(), signals: RerankSignals? = nil,
        aggregate: Aggregate = .best
    ) {
        precondition(
            features.count == (candidateCount + 1) * hiddenSize * dtype.byteCount,
            "a rerank request holds one row for the instruction and one for each candidate")
        precondition(
            signals.map { $0.counts.allSatisfy { $0 == candidateCount } } ?? true,
            "a signal has one value for each candidate")
        precondition(
            aggregate != .weightedVote || signals?.answers != nil, "a vote is one on answers")
        self.model = model
        self.fallbacks = fallbacks
        self.user = user
        self.domain = domain
        self.features = features
        self.dtype = dtype
        self.candidateCount = candidateCount
        self.hiddenSize = hiddenSize
        self.contract = contract
        self.signals = signals
        self.aggregate = aggregate
    }
}
