// How far tasks are, and what became of those whose lease ran out.
public import LanguageSystem

/// An attempt whose lease ran out, and the state of its task.
public struct ExpiredLease: Sendable, Hashable {
    public let taskID: TaskID
    public let attempt: Int
    public let worker: String
    /// The task's state: `waiting`, or `dead` after the last attempt.
    public let taskState: TaskState

    public init(taskID: TaskID, attempt: Int, worker: String, taskState: TaskState) {
        self.taskID = taskID
        self.attempt = attempt
        self.worker = worker
        self.taskState = taskState
    }
}

/// The progress of a task.
public struct TaskProgress: Sendable, Hashable {
    public let id: TaskID
    public let kind: TaskKind
    public let state: TaskState
    public let ranker: String
    /// The number of the version that an evaluation measures; nil for other kinds.
    public let versionNumber: Int?
    /// The part of the present attempt that is done, 0 to 1.
    public let progress: Double
    public let note: String
    public let worker: String?
    /// The number of attempts so far, and the most that are allowed.
    public let attempt: Int
    public let attemptMax: Int
    /// The error with which the task ended, or the last error.
    public let error: String?
    /// The version that a training made; nil for other kinds.
    public let resultVersionID: RankerVersionID?

    public init(
        id: TaskID, kind: TaskKind, state: TaskState, ranker: String, versionNumber: Int? = nil,
        progress: Double, note: String, worker: String? = nil, attempt: Int, attemptMax: Int,
        error: String? = nil, resultVersionID: RankerVersionID? = nil
    ) {
        self.id = id
        self.kind = kind
        self.state = state
        self.ranker = ranker
        self.versionNumber = versionNumber
        self.progress = progress
        self.note = note
        self.worker = worker
        self.attempt = attempt
        self.attemptMax = attemptMax
        self.error = error
        self.resultVersionID = resultVersionID
    }
}
