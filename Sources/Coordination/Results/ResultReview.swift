// What a bad result is, and what we see for ourselves when a worker says that its task cannot be
// done. Pure: it is given a result or a refusal, and what the ledger says of the lease. Whose fault
// a refused result was, and which worker is put in quarantine for it, ls.refuse_result() says from
// the history; what a failure does to the task, ls.fail_attempt().
public import LanguageSystem
public import Ledger
public import Rankers

/// What the coordinator makes of a worker's word.
public enum ResultReview {
    /// Whether a refusal is one that only the sender can be to blame for: not late, not cut off,
    /// not our trouble. Such a result fails its attempt and is kept in the audit log.
    public static func isOfContent(_ refusal: LanguageSystemError) -> Bool {
        switch refusal.code {
        case .invalidArgument, .invalidWeights, .invalidFeatures, .contractMismatch: true
        default: false
        }
    }

    /// Looks at weights that were trained.
    ///
    /// - Parameter configuration: The configuration of the ranker that the lease is for, as JSON;
    ///   nil when there is no such lease: nothing will count then, and the ledger says so.
    /// - Throws: `invalidWeights` for a number that no training brings, and for another ranker's
    ///   weights.
    public static func check(
        _ weights: RankerWeights, leasedFor configuration: String?
    ) throws(LanguageSystemError) {
        guard weights.largestMagnitude <= RankerWeights.magnitudeMax else {
            throw .absurdWeights(weights.largestMagnitude)
        }
        guard let configuration else { return }
        let expected = try RankerConfiguration(json: configuration)
        guard weights.configuration == expected else {
            throw .weightsOfAnotherRanker(
                found: weights.configuration.json, expected: expected.json)
        }
    }

    /// What we see for ourselves of a failure that the worker calls final. A configuration that we
    /// cannot read either is the task's fault. One that we can read, and the worker cannot, is for
    /// a worker whose program is newer: an older one refuses a key, a value or a kind that it has
    /// never heard of in words that we know, and always has.
    ///
    /// - Returns: Nil: we know no more than the worker says.
    public static func judgement(
        code: String, message: String, of work: LeasedConfigurations
    ) -> FailureJudgement? {
        guard canRead(work) else { return .confirmed }
        guard code == ErrorCode.invalidArgument.rawValue else { return nil }
        return isOfUnknownWords(message) ? .unknownHere : nil
    }

    private static func canRead(_ work: LeasedConfigurations) -> Bool {
        do throws(LanguageSystemError) {
            _ = try RankerConfiguration(json: work.ranker)
            switch work.kind {
            case .train: _ = try TrainingConfiguration(json: work.work)
            case .evaluate: _ = try EvaluationConfiguration(json: work.work)
            default: break
            }
            return true
        } catch {
            return false
        }
    }

    /// `cannot read the training configuration: found the unknown key 'x'`, `… found an unknown
    /// value at 'x'`, `cannot read this task: its kind is not known here`.
    private static func isOfUnknownWords(_ message: String) -> Bool {
        message.hasPrefix("cannot read this task: ")
            || ["ranker", "training", "evaluation"].contains {
                message.hasPrefix("cannot read the \($0) configuration: ")
            }
    }
}

extension LanguageSystemError {
    static func absurdWeights(_ magnitude: Float) -> Self {
        Self(
            .invalidWeights,
            """
            cannot take these weights: found a number of size \(magnitude), expected at most \
            \(RankerWeights.magnitudeMax)
            """
        )
    }

    static func weightsOfAnotherRanker(found: String, expected: String) -> Self {
        Self(
            .invalidWeights,
            """
            cannot take these weights: found those of \(found.printable(500)), expected \
            \(expected)
            """
        )
    }
}
