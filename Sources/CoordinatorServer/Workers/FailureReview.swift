// Looks for itself when a worker says that a task cannot be done. A configuration that we cannot
// read either is the task's fault. One that we can read, and the worker cannot, is for a worker
// whose program is newer: an older one refuses a key, a value or a kind that it has never heard of
// in the words below, and always has.
import LanguageSystem
import Ledger
import Rankers

enum FailureReview {
    /// - Returns: Nil: we know no more than the worker says.
    static func judgement(
        code: String, message: String, of work: LeasedConfigurations
    ) -> FailureJudgement? {
        guard canRead(work) else { return .confirmed }
        guard code == ErrorCode.invalidArgument.rawValue else { return nil }
        return isOfUnknownWords(message) ? .unknownHere : nil
    }

    private static func canRead(_ work: LeasedConfigurations) -> Bool {
        do throws(CoordinatorError) {
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
