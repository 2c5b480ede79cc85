// Which version answers a request, and why; and what the transfer matrix says.
public import LanguageSystem

/// The answer of `ls.route` and `ls.resolve`. No route at all: the candidates keep their order.
public struct Route: Sendable, Hashable {
    public let rankerID: RankerID
    public let rankerName: String
    public let kind: RankerKind
    /// RankerConfiguration as JSON.
    public let configuration: String
    public let versionID: RankerVersionID
    public let versionNumber: Int
    /// Of the weights: what caches are keyed by.
    public let digest: Digest
    public let reason: RouteReason

    public init(
        rankerID: RankerID, rankerName: String, kind: RankerKind, configuration: String,
        versionID: RankerVersionID, versionNumber: Int, digest: Digest, reason: RouteReason
    ) {
        self.rankerID = rankerID
        self.rankerName = rankerName
        self.kind = kind
        self.configuration = configuration
        self.versionID = versionID
        self.versionNumber = versionNumber
        self.digest = digest
        self.reason = reason
    }
}

/// One cell of the transfer matrix. Figures are 0 to 1 for binary labels.
public struct TransferCell: Sendable, Hashable {
    public let baseModel: String
    public let kind: RankerKind
    public let sourceRanker: String
    public let sourceDomain: DomainName
    public let sourceVersionID: RankerVersionID
    public let targetDomain: DomainName
    public let accuracy: Double
    public let standardError: Double
    /// What needs no ranker, on the same groups; nil where not known.
    public let firstSample: Double
    public let majority: Double?
    public let highestLogProbability: Double?
    public let oracle: Double
    /// From the target's own ranker of the same kind; nil when there is none.
    public let difference: Double?
    public let queryCount: Int
    public let groupCount: Int64
    public let candidateCount: Int
    public let seed: Int64
    /// EvaluationConfiguration as JSON; cells of different ones are different matrices.
    public let configuration: String

    public init(
        baseModel: String, kind: RankerKind, sourceRanker: String, sourceDomain: DomainName,
        sourceVersionID: RankerVersionID, targetDomain: DomainName, accuracy: Double,
        standardError: Double, firstSample: Double, majority: Double? = nil,
        highestLogProbability: Double? = nil, oracle: Double, difference: Double? = nil,
        queryCount: Int, groupCount: Int64, candidateCount: Int, seed: Int64, configuration: String
    ) {
        self.baseModel = baseModel
        self.kind = kind
        self.sourceRanker = sourceRanker
        self.sourceDomain = sourceDomain
        self.sourceVersionID = sourceVersionID
        self.targetDomain = targetDomain
        self.accuracy = accuracy
        self.standardError = standardError
        self.firstSample = firstSample
        self.majority = majority
        self.highestLogProbability = highestLogProbability
        self.oracle = oracle
        self.difference = difference
        self.queryCount = queryCount
        self.groupCount = groupCount
        self.candidateCount = candidateCount
        self.seed = seed
        self.configuration = configuration
    }
}
