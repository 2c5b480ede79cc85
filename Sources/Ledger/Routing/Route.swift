// Which versions may answer a request, and why; and what the transfer matrix says.
public import LanguageSystem

/// One version that may answer, as a request needs it: of `ls.route_plan` and `ls.resolve`.
public struct Route: Sendable, Hashable {
    /// The worker a ranker is scored on, as far as it answers in time.
    public struct Placement: Sendable, Hashable {
        public let id: WorkerID
        public let name: String

        public init(id: WorkerID, name: String) {
            self.id = id
            self.name = name
        }
    }

    public let rankerID: RankerID
    public let rankerName: String
    public let baseModel: String
    /// Whose the ranker is, and of which domain; nil: everybody's, every domain's.
    public let user: String?
    public let domain: DomainName?
    public let kind: RankerKind
    /// RankerConfiguration as JSON.
    public let configuration: String
    public let versionID: RankerVersionID
    public let versionNumber: Int
    /// Of the weights: what caches are keyed by.
    public let digest: Digest
    /// Of the weights.
    public let byteCount: Int64
    public let reason: RouteReason
    /// The rule that chose it.
    public let rule: String?
    public let worker: Placement?
    /// Whether its weights are in the database, so that it can be scored here.
    public let isCentral: Bool

    public init(
        rankerID: RankerID, rankerName: String, baseModel: String, user: String? = nil,
        domain: DomainName? = nil, kind: RankerKind, configuration: String,
        versionID: RankerVersionID, versionNumber: Int, digest: Digest, byteCount: Int64 = 0,
        reason: RouteReason, rule: String? = nil, worker: Placement? = nil, isCentral: Bool = true
    ) {
        self.rankerID = rankerID
        self.rankerName = rankerName
        self.baseModel = baseModel
        self.user = user
        self.domain = domain
        self.kind = kind
        self.configuration = configuration
        self.versionID = versionID
        self.versionNumber = versionNumber
        self.digest = digest
        self.byteCount = byteCount
        self.reason = reason
        self.rule = rule
        self.worker = worker
        self.isCentral = isCentral
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
