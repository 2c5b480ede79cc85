// Which versions may answer a request, and why; and what the transfer matrix says.
public import LanguageSystem

/// One version that may serve a request, from `ls.route_plan` or `ls.resolve`.
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
    /// The user and the domain of the ranker; nil for every user or every domain.
    public let user: String?
    public let domain: DomainName?
    public let kind: RankerKind
    /// The RankerConfiguration as JSON.
    public let configuration: String
    public let versionID: RankerVersionID
    public let versionNumber: Int
    /// SHA-256 of the weights, the key of caches.
    public let digest: Digest
    /// The size of the weights in bytes.
    public let byteCount: Int64
    /// Why this version may serve.
    public let reason: RouteReason
    /// The name of the rule that chose it; nil when the chain did.
    public let rule: String?
    public let worker: Placement?
    /// Whether its weights are in the database, so that it can be scored here.
    public let isCentral: Bool
    /// Whether it is its ranker's champion; not when it is what somebody keeps whom the champion
    /// was proven worse for.
    public let isChampion: Bool
    /// Whether it orders candidates by its score combined with signals.
    public let hasCombiner: Bool

    public init(
        rankerID: RankerID, rankerName: String, baseModel: String, user: String? = nil,
        domain: DomainName? = nil, kind: RankerKind, configuration: String,
        versionID: RankerVersionID, versionNumber: Int, digest: Digest, byteCount: Int64 = 0,
        reason: RouteReason, rule: String? = nil, worker: Placement? = nil, isCentral: Bool = true,
        isChampion: Bool = false, hasCombiner: Bool = false
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
        self.isChampion = isChampion
        self.hasCombiner = hasCombiner
    }
}

/// One cell of the transfer matrix; figures are 0 to 1 for binary labels.
public struct TransferCell: Sendable, Hashable {
    public let baseModel: String
    public let kind: RankerKind
    public let sourceRanker: String
    /// The domain that the ranker was trained on.
    public let sourceDomain: DomainName
    public let sourceVersionID: RankerVersionID
    /// The domain that it was measured on.
    public let targetDomain: DomainName
    public let accuracy: Double
    /// The standard error of `accuracy`, bootstrapped by query.
    public let standardError: Double
    /// The baselines that need no ranker, on the same groups; nil where unknown.
    public let firstSample: Double
    public let majority: Double?
    public let highestLogProbability: Double?
    public let oracle: Double
    /// The difference from the accuracy of the target's own ranker of the same kind; nil when there
    /// is none.
    public let difference: Double?
    public let queryCount: Int
    public let groupCount: Int64
    /// K, the number of candidates in a group.
    public let candidateCount: Int
    public let seed: Int64
    /// The EvaluationConfiguration as JSON; cells with different ones belong to different matrices.
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
