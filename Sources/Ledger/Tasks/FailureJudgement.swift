// That a task cannot be done is one worker's word until somebody else says so. The coordinator may
// be that somebody: it can read what the worker was to do.
public import LanguageSystem

/// What the coordinator says of a failure that its worker calls final.
public enum FailureJudgement: String, Sendable, Hashable, CaseIterable {
    /// The task cannot be done by anybody.
    case confirmed
    /// The worker's program does not know how to do what others know.
    case unknownHere = "unknown here"
}

/// What an attempt is to do, as JSON.
public struct LeasedConfigurations: Sendable, Hashable {
    public let kind: TaskKind
    /// RankerConfiguration
    public let ranker: String
    /// TrainingConfiguration or EvaluationConfiguration, by the kind.
    public let work: String

    public init(kind: TaskKind, ranker: String, work: String) {
        self.kind = kind
        self.ranker = ranker
        self.work = work
    }
}
