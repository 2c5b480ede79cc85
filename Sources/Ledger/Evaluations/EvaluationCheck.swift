// An evaluation that a coordinator measures again, because one worker's word is not enough where
// others are served by it.
public import LanguageSystem

/// One evaluation to measure again, from `ls.claim_evaluation_check()`, with everything that this
/// needs.
public struct EvaluationCheck: Sendable {
    /// What a coordinator found when it measured again.
    public enum Verdict: String, Sendable, CaseIterable {
        case confirmed
        /// The worker's figures are wrong, and it is put into quarantine.
        case refuted
        /// The evaluation could not be measured again; no worker is blamed.
        case failed
    }

    public let id: EvaluationCheckID
    /// SHA-256 of the weights of the version.
    public let weights: Digest
    /// SHA-256 of the feature set.
    public let features: Digest
    /// The size of the feature set.
    public let featuresByteCount: Int64
    /// The EvaluationConfiguration as JSON.
    public let configuration: String
    /// The worker's EvaluationReport as JSON.
    public let report: String
    /// The measured version as `ranker@number`, for people.
    public let version: String
    /// The name of the worker that measured.
    public let worker: String
}
