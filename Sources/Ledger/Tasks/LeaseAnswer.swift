// The answer to a renewal.

/// The answer to a lease that a worker wants to renew. No answer is an error.
public enum LeaseAnswer: String, Sendable, Hashable, CaseIterable {
    case held
    /// The lease ran out or the attempt has ended, so the worker must stop.
    case lost
    /// The task was cancelled, so the worker must stop.
    case cancelled
}
