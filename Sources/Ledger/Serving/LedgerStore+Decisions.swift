// A sample of what was served, so that a request can be explained and scored again.
public import Foundation
public import LanguageSystem
import PostgresAccess

/// The decision for one request: which version scored it, and how.
public struct Decision: Sendable {
    public var requestID: String
    /// The id of the request's API key; request ids are unique within a key.
    public var keyID: String?
    /// Whether the scores were served, or a shadow's.
    public var role: RoutePlan.Role
    /// The value of the request's field `model`.
    public var model: String
    public var user: String?
    public var domain: DomainName?
    public var versionID: RankerVersionID
    public var reason: RouteReason
    public var rule: String?
    public var isFallback: Bool
    /// The worker that scored it; nil for this coordinator.
    public var workerID: WorkerID?
    /// The precision of the projection: float32 or bfloat16.
    public var arithmetic: String
    /// D, the number of values in one feature.
    public var hiddenSize: Int
    /// The type of `features`: F16, BF16 or F32.
    public var dtype: String
    /// The features: [K + 1, D] numbers of `dtype`, row-major, little-endian; row 0 is the
    /// instruction.
    public var features: [UInt8]
    /// The K raw scores, in the order of the candidates.
    public var scores: [Float]
    /// What was known of the candidates beside their features; nil: nothing.
    public var signals: RerankSignals?
    /// What the first candidate was to be: `best` or `weighted_vote`.
    public var aggregate: String
    public var servedAt = ContinuousClock.now

    public init(
        requestID: String, keyID: String? = nil, role: RoutePlan.Role, model: String, user: String?,
        domain: DomainName?,
        versionID: RankerVersionID, reason: RouteReason, rule: String?, isFallback: Bool,
        workerID: WorkerID?, arithmetic: String, hiddenSize: Int, dtype: String, features: [UInt8],
        scores: [Float], signals: RerankSignals? = nil, aggregate: String = "best"
    ) {
        self.requestID = requestID
        self.keyID = keyID
        self.role = role
        self.model = model
        self.user = user
        self.domain = domain
        self.versionID = versionID
        self.reason = reason
        self.rule = rule
        self.isFallback = isFallback
        self.workerID = workerID
        self.arithmetic = arithmetic
        self.hiddenSize = hiddenSize
        self.dtype = dtype
        self.features = features
        self.scores = scores
        self.signals = signals
        self.aggregate = aggregate
    }

    /// What its large parts take in memory.
    public var byteCount: Int {
        features.count + 8 * (signals?.counts.reduce(0, +) ?? 0)
    }
}

/// A decision as the database keeps it.
public struct KeptDecision: Sendable {
    public let requestID: String
    /// The name of the request's API key.
    public let key: String?
    public let servedAt: Date
    public let role: RoutePlan.Role
    public let model: String
    public let user: String?
    public let domain: DomainName?
    public let rankerName: String
    public let versionNumber: Int
    public let digest: Digest
    public let reason: RouteReason
    public let rule: String?
    public let isFallback: Bool
    public let worker: String?
    /// Whether the version's weights are in the database.
    public let isCentral: Bool
    public let arithmetic: String
    public let candidateCount: Int
    public let hiddenSize: Int
    public let dtype: String
    public let features: [UInt8]
    public let scores: [Float]
    public let signals: RerankSignals?
    public let aggregate: String
}

extension LedgerStore {
    /// Records all of these decisions or none: when one cannot be kept, all are refused.
    ///
    /// - Returns: The number of kept decisions; those without space are left out.
    public func recordDecisions(_ decisions: [Decision]) async throws(LanguageSystemError) -> Int {
        let json = try jsonText(of: decisions.map(DecisionLine.init))
        return try await call(
            "select ls.record_decisions($1, $2)", json, decisions.map(\.features)
        ) { try $0.one().decode() }
    }

    /// The decisions of a request: the served one, then its shadows.
    ///
    /// - Parameter key: The name of the request's API key; nil accepts any key.
    /// - Throws: `unknownRequest` when nothing was kept of it, `invalidArgument` when several keys
    ///   used the id.
    public func decisions(of request: String, by key: String? = nil)
        async throws(LanguageSystemError) -> [KeptDecision]
    {
        try await call("select * from ls.read_decision($1, $2)", request, key) {
            try $0.map(KeptDecision.init(row:))
        }
    }
}

/// A decision in the JSON that `ls.record_decisions` reads.
private struct DecisionLine: Encodable {
    let request_id: String
    let api_key_id: String?
    let role: String
    let model: String
    let user: String?
    let domain: String?
    let version_id: Int64
    let reason: String
    let rule: String?
    let is_fallback: Bool
    let worker_id: Int64?
    let arithmetic: String
    let hidden_size: Int
    let dtype: String
    let scores: [Float]
    let signals: RerankSignals?
    let aggregate: String
    let age_seconds: Double

    init(_ decision: Decision) {
        age_seconds = (ContinuousClock.now - decision.servedAt) / .seconds(1)
        request_id = decision.requestID
        api_key_id = decision.keyID
        role = decision.role.rawValue
        model = decision.model
        user = decision.user
        domain = decision.domain?.description
        version_id = decision.versionID.rawValue
        reason = decision.reason.rawValue
        rule = decision.rule
        is_fallback = decision.isFallback
        worker_id = decision.workerID?.rawValue
        arithmetic = decision.arithmetic
        hidden_size = decision.hiddenSize
        dtype = decision.dtype
        scores = decision.scores
        signals = decision.signals
        aggregate = decision.aggregate
    }
}

extension KeptDecision {
    init(row: Row) throws {
        requestID = try row.decode("request_id")
        key = try row.decode("key")
        servedAt = try row.decode("served_at")
        role = try row.decode("role")
        model = try row.decode("model")
        user = try row.decode("user_name")
        domain = try row.decode("domain")
        rankerName = try row.decode("ranker_name")
        versionNumber = try row.decode("version_number")
        digest = try row.decode("digest")
        reason = try row.decode("reason")
        rule = try row.decode("rule")
        isFallback = try row.decode("is_fallback")
        worker = try row.decode("worker")
        isCentral = try row.decode("is_central")
        arithmetic = try row.decode("arithmetic")
        candidateCount = try row.decode("candidate_count")
        hiddenSize = try row.decode("hidden_size")
        dtype = try row.decode("dtype")
        features = try row.decode("features")
        scores = try row.decode("scores")
        signals = try (row.decode("signals") as String?).map { text in
            try JSONDecoder().decode(RerankSignals.self, from: Data(text.utf8))
        }
        aggregate = try row.decode("aggregate")
    }
}
