// Many training configurations of one ranker, compared on the same test sets: one row a sweep, one
// row a configuration, as the views show them.
public import Foundation
public import LanguageSystem

/// One row of `ls.sweep_status`.
public struct SweepStatus: Sendable, Hashable {
    public let id: SweepID
    public let ranker: String
    /// `paper`, or what the person called it.
    public let name: String
    public let configurationCount: Int
    public let measuredCount: Int
    /// Not trained or not measured, for good.
    public let failedCount: Int
    /// From 1; nil while it is open, and when nothing was measured.
    public let bestPosition: Int?
    public let bestVersionID: RankerVersionID?
    public let bestVersionNumber: Int?
    /// Best accuracy minus worst, 0 to 1.
    public let spread: Double?
    /// The promotion gate's last words on the best version; nil when it had none.
    public let decision: String?
    /// It has ended, and the gate waits for no figure.
    public let isDecided: Bool
    /// Whether the best version is the ranker's champion now.
    public let isChampion: Bool
    /// Names and short digests of the test sets the best was chosen on.
    public let selectedOn: String
    /// EvaluationConfiguration as JSON.
    public let evaluation: String
    public let endedAt: Date?
}

/// One row of `ls.sweep_result`: a configuration, how far it is and how it did.
public struct SweepResult: Sendable, Hashable {
    public enum State: String, Sendable, Hashable, CaseIterable {
        case waiting, training, measuring, measured
        /// The training is dead.
        case failed
        /// The training was cancelled.
        case cancelled
        /// Trained, but its evaluation was cancelled or is dead.
        case notMeasured = "not measured"

        public var isFinal: Bool {
            switch self {
            case .waiting, .training, .measuring: false
            case .measured, .failed, .cancelled, .notMeasured: true
            }
        }
    }

    /// From 1, in the order asked.
    public let position: Int
    public let state: State
    /// Over all groups of the test sets, 0 to 1; nil unless measured.
    public let accuracy: Double?
    public let standardError: Double?
    public let firstSample: Double?
    public let versionID: RankerVersionID?
    public let versionNumber: Int?
    public let isBest: Bool
    public let taskID: TaskID
    public let worker: String?
    /// Of the training, 0 to 1.
    public let progress: Double
    /// Why it failed, or what went wrong last.
    public let error: String?
    /// TrainingConfiguration as JSON.
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
