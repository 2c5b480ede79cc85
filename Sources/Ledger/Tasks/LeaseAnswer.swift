// The answer to a renewal.

/// What became of a lease that a worker asked to keep. None of them is an error.
public enum LeaseAnswer: String, Sendable, Hashable, CaseIterable {
    case held
    /// It ran out, or the attempt has ended: stop, the task is somebody else's.
    case lost
    /// Somebody asked: stop.
    case cancelled
}
