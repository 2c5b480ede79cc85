// Where a task stands. States.md draws which follows which. The raw values are what SQL stores,
// the wire carries and a person types.

public enum TaskState: String, Sendable, CaseIterable, Codable, Hashable {
    /// Waits for other tasks to be done.
    case blocked
    case waiting
    case leased
    case done
    /// Every attempt allowed was used up; `redrive` puts it back to waiting.
    case dead
    case cancelled

    public var isFinal: Bool { self == .done || self == .dead || self == .cancelled }
}
