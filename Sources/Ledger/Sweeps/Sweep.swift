// Many training configurations of one ranker, compared on the same test sets: one row a sweep, one
// row a configuration, as the views show them.
public import Foundation
public import LanguageSystem

/// One row of `ls.sweep_status`.
public struct SweepStatus: Sendable, Hashable {
    public let id: SweepID
    public let ranker: String
    /// The name: `paper`, or the one that was given.
    public let name: String
    public let configurationCount: Int
    public let measuredCount: Int
    /// The number of configurations that could not be trained or measured.
    public let failedCount: Int
    /// The position of the best configuration, from 1; nil while the sweep is open, and when
    /// nothing was measured.
    public let bestPosition: Int?
    public let bestVersionID: RankerVersionID?
    public let bestVersionNumber: Int?
    /// The best accuracy minus the worst, 0 to 1.
    public let spread: Double?
    /// The promotion gate's last decision on the best version, as a sentence; nil when there is
    /// none.
    public let decision: String?
    /// Whether the sweep has ended and the gate needs no more figures.
    public let isDecided: Bool
    /// Whether the best version is the ranker's champion now.
    public let isChampion: Bool
    /// The names and short digests of the test sets on which the best was chosen.
    public let selectedOn: String
    /// The EvaluationConfiguration as JSON.
    public let evaluation: String
    public let endedAt: Date?
}

/// One row of `ls.sweep_result`: a configuration, its progress and its result.
public struct SweepResult: Sendable, Hashable {
    /// The state of a configuration, derived from its tasks.
    public enum State: String, Sendable, Hashable, CaseIterable {
        case waiting, training, measuring, measured
        /// The training is dead.
        case failed
        /// The training was cancelled.
        case cancelled
        /// The version was trained, but its evaluation was cancelled or is dead.
        case notMeasured = "not measured"

        public var isFinal: Bool {
            switch self {
            case .waiting, .training, .measuring: false
            case .measured, .failed, .cancelled, .notMeasured: true
            }
        }
    }

    /// The position in the sweep, from 1.
    public let position: Int
    public let state: State
    /// The accuracy over all groups of the test sets, 0 to 1; nil until it is measured.
    public let accuracy: Double?
    /// The standard error of `accuracy`, bootstrapped by query.
    public let standardError: Double?
    /// The accuracy of the first candidate on the same groups, 0 to 1.
    public let firstSample: Double?
    public let versionID: RankerVersionID?
    public let versionNumber: Int?
    public let isBest: Bool
    public let taskID: TaskID
    public let worker: String?
    /// The progress of the training, 0 to 1.
    public let progress: Double
    /// The error with which it failed, or the last error.
    public let error: String?
    /// The TrainingConfiguration as JSON.
    public let configuration: String

    public init(
        position: Int, state: State, accuracy: Double? = nil, standardError: Double? = nil,
        firstSample: Double? = nil, versionID: RankerVersionID? = nil, versionNumber: Int? = nil,
        isBest: Bool = false, taskID: TaskID, worker: String? = nil, progress: Double = 0,
        error: String? = nil, configuration: String
    ) {
        self.position = position
        self.state = state
        self.accuracy = accuracy
        self.standardError = standardError
        self.firstSample = firstSample
        self.versionID = versionID
        self.versionNumber = versionNumber
        self.isBest = isBest
        self.taskID = taskID
        self.worker = worker
        self.progress = progress
        self.error = error
        self.configuration = configuration
    }
}
