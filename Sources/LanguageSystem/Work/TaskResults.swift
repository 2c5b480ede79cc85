// How attempts are handed in: a training's result with its weights behind it, an evaluation's
// figures.

/// What comes before the weights.
public struct TrainingResultHeader: Sendable, Hashable {
    public let token: LeaseToken
    public let digest: Digest
    public let byteCount: Int64
    /// TrainingReport as JSON.
    public let report: String
    /// Of an edge-only ranker: no weights follow.
    public let weightsStay: Bool

    public init(
        token: LeaseToken, digest: Digest, byteCount: Int64, report: String,
        weightsStay: Bool = false
    ) {
        self.token = token
        self.digest = digest
        self.byteCount = byteCount
        self.report = report
        self.weightsStay = weightsStay
    }
}

/// The figures of a version on one feature set.
public struct EvaluationResultReport: Sendable, Hashable {
    public let featureSet: Digest
    /// EvaluationReport as JSON.
    public let report: String

    public init(featureSet: Digest, report: String) {
        self.featureSet = featureSet
        self.report = report
    }
}
