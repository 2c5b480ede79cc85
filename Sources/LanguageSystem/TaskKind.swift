// What can be asked of workers, and of the coordinator itself. The raw values are what SQL stores,
// the wire carries and a person types.

public enum TaskKind: String, Sendable, CaseIterable, Codable, Hashable {
    /// Fit a ranker on feature sets; the result is a new version.
    case train
    /// Measure a version on feature sets; the results are evaluations.
    case evaluate
    /// A transfer matrix to be measured after its trainings. The coordinator's own: it asks for the
    /// evaluations that are missing, and is done when they are.
    case matrix

    /// What is handed to workers.
    public static let leased: [TaskKind] = [.train, .evaluate]
}
