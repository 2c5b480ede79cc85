// Evaluations that are measured again: claimed by one coordinator at a time, and decided once.
public import LanguageSystem
import PostgresAccess

extension LedgerStore {
    /// - Parameter duration: How long no other coordinator can claim the check.
    /// - Returns: The check; nil when none waits.
    public func claimEvaluationCheck(for duration: Duration) async throws(LanguageSystemError)
        -> EvaluationCheck?
    {
        try await call(
            "select * from ls.claim_evaluation_check($1)", duration / .seconds(1)
        ) { rows in
            try rows.oneOrNone().map { row in
                EvaluationCheck(
                    id: try row.decode("evaluation_check_id"),
                    weights: try row.decode("weights_digest"),
                    features: try row.decode("features_digest"),
                    featuresByteCount: try row.decode("features_byte_count"),
                    configuration: try row.decode("configuration"),
                    report: try row.decode("report"), version: try row.decode("ranker"),
                    worker: try row.decode("worker"))
            }
        }
    }

    /// - Parameters:
    ///   - reason: What was found, in a sentence.
    ///   - found: The coordinator's EvaluationReport as JSON; nil when it could not measure.
    /// - Returns: Whether this decided the check; false when it was decided before.
    @discardableResult
    public func decideEvaluationCheck(
        _ id: EvaluationCheckID, _ verdict: EvaluationCheck.Verdict, because reason: String,
        found: String? = nil
    ) async throws(LanguageSystemError) -> Bool {
        try await call(
            "select ls.decide_evaluation_check($1, $2, $3, $4)", id, verdict.rawValue, reason, found
        ) { try $0.one().decode() }
    }
}
