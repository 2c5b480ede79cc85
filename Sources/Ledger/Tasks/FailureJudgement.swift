// That a task cannot be done is one worker's word until somebody else says so. The coordinator may
// be that somebody: it can read what the worker was to do.
public import LanguageSystem

/// The coordinator's own judgment of a failure that the worker calls final.
public enum FailureJudgement: String, Sendable, Hashable, CaseIterable {
    /// No worker can do the task.
    case confirmed
    /// The worker's program does not know a key, value or kind that this coordinator knows.
    case unknownHere = "unknown here"
}

/// The configurations of an attempt, as JSON.
public struct LeasedConfigurations: Sendable, Hashable {
    public let kind: TaskKind
    /// The RankerConfiguration as JSON.
    public let ranker: String
    /// The TrainingConfiguration or EvaluationConfiguration as JSON, by the kind of the task.
    public let work: String

    public init(kind: TaskKind, ranker: String, work: String) {
        self.kind = kind
        self.ranker = ranker
        self.work = work
    }
}
