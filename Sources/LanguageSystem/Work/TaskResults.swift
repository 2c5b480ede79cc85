// How attempts are handed in: a training's result with its weights behind it, an evaluation's
// figures.

/// The first message of a training's result; the weights follow it.
public struct TrainingResultHeader: Sendable, Hashable {
    /// The fencing token of the attempt.
    public let token: LeaseToken
    /// SHA-256 of the weights.
    public let digest: Digest
    /// The size of the weights in bytes.
    public let byteCount: Int64
    /// The TrainingReport as JSON.
    public let report: String
    /// Whether the ranker is edge-only: then no weights follow.
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
    /// SHA-256 of the feature set's file.
    public let featureSet: Digest
    /// The EvaluationReport as JSON.
    public let report: String

    public init(featureSet: Digest, report: String) {
        self.featureSet = featureSet
        self.report = report
    }
}
