// Where a task stands. States.md draws which follows which. The raw values are what SQL stores,
// the wire carries and a person types.

/// The state of a task; SQL, the wire and people use the raw value.
public enum TaskState: String, Sendable, CaseIterable, Codable, Hashable {
    /// The task waits until the tasks that it needs are done.
    case blocked
    case waiting
    case leased
    case done
    /// All allowed attempts were used up; `redrive` sets the task back to waiting.
    case dead
    case cancelled

    /// Whether the task has ended: done, dead or cancelled.
    public var isFinal: Bool { self == .done || self == .dead || self == .cancelled }
}
