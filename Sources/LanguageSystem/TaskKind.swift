// What can be asked of workers, and of the coordinator itself. The raw values are what SQL stores,
// the wire carries and a person types.

/// What a task does; SQL, the wire and people use the raw value.
public enum TaskKind: String, Sendable, CaseIterable, Codable, Hashable {
    /// Fit a ranker on feature sets; the result is a new version.
    case train
    /// Measure a version on feature sets; the results are evaluations.
    case evaluate
    /// Measure a transfer matrix after its trainings. No worker gets this task: the coordinator
    /// requests the missing evaluations, and the task is done when they are.
    case matrix

    /// The kinds that are leased to workers.
    public static let leased: [TaskKind] = [.train, .evaluate]
}
