// Waiting no longer than one wants to.

/// Runs `body`, and waits for it until `interruption` returns; then, and when the caller is
/// cancelled, `body` is cancelled. It has to heed that: this function returns when `body` has
/// ended.
///
/// - Parameter interruption: One that throws does not come: `body` alone is waited for. It is
///   cancelled when `body` has ended, and has to heed that, too.
/// - Returns: Nil when the interruption came first; what `body` brings then is thrown away.
/// - Throws: What `body` throws.
public func withInterruption<Value: Sendable>(
    by interruption: @escaping @Sendable () async throws -> Void,
    _ body: @escaping @Sendable () async throws -> Value
) async throws -> Value? {
    try await withThrowingTaskGroup(of: Race<Value>.self) { group in
        group.addTask { .ended(try await body()) }
        group.addTask {
            do {
                try await interruption()
                // It may also return because it was cancelled.
                return Task.isCancelled ? .goesOn : .interrupted
            } catch {
                return .goesOn
            }
        }
        defer { group.cancelAll() }
        while let first = try await group.next() {
            switch first {
            case .ended(let value): return value
            case .interrupted: return nil
            // Where the caller was cancelled, `body` is, too, and says how it ends.
            case .goesOn: continue
            }
        }
        preconditionFailure("what was waited for neither ended nor failed")
    }
}

/// Runs `body`, and waits for it until `deadline`; then, and when the caller is cancelled, `body`
/// is cancelled. It has to heed that: this function returns when `body` has ended.
///
/// - Returns: Nil when the deadline came first.
/// - Throws: What `body` throws.
public func withDeadline<Time: Clock, Value: Sendable>(
    _ deadline: Time.Instant, clock: Time,
    _ body: @escaping @Sendable () async throws -> Value
) async throws -> Value? {
    try await withInterruption {
        try await clock.sleep(until: deadline, tolerance: nil)
    } _: {
        try await body()
    }
}

/// As `withDeadline(_:clock:_:)`, `patience` from now.
public func withDeadline<Value: Sendable>(
    within patience: Duration, _ body: @escaping @Sendable () async throws -> Value
) async throws -> Value? {
    let clock = ContinuousClock()
    return try await withDeadline(clock.now + patience, clock: clock, body)
}

private enum Race<Value: Sendable>: Sendable {
    case ended(Value)
    case interrupted
    case goesOn
}
