// An evaluation that a coordinator measures again, because one worker's word is not enough where
// others are served by it.
public import LanguageSystem

/// What `ls.claim_evaluation_check()` hands out: one evaluation, with all that measuring it again
/// needs.
public struct EvaluationCheck: Sendable {
    public enum Verdict: String, Sendable, CaseIterable {
        case confirmed
        /// The worker's figures are wrong: it goes into quarantine.
        case refuted
        /// It could not be measured again: nothing is known, and nobody is blamed.
        case failed
    }

    public let id: EvaluationCheckID
    public let weights: Digest
    public let features: Digest
    public let featuresByteCount: Int64
    /// EvaluationConfiguration as JSON.
    public let configuration: String
    /// What the worker reported, as JSON.
    public let report: String
    /// `ranker@version`
    public let version: String
    public let worker: String
}
