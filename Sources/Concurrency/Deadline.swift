// Waiting no longer than one wants to.

/// Runs `body`, and waits for it until `deadline`; then, and when the caller is cancelled, `body`
/// is cancelled. It has to heed that: this function returns when `body` has ended.
///
/// - Returns: Nil when the deadline came first.
/// - Throws: What `body` throws.
public func withDeadline<Time: Clock, Value: Sendable>(
    _ deadline: Time.Instant, clock: Time,
    _ body: @escaping @Sendable () async throws -> Value
) async throws -> Value? {
    try await withCancellation(
        when: { try? await clock.sleep(until: deadline, tolerance: nil) }, body)
}

/// As `withDeadline(_:clock:_:)`, `patience` from now.
public func withDeadline<Value: Sendable>(
    within patience: Duration, _ body: @escaping @Sendable () async throws -> Value
) async throws -> Value? {
    let clock = ContinuousClock()
    return try await withDeadline(clock.now + patience, clock: clock, body)
}

/// Runs `body`, and waits for it until `isOver` returns; then, and when the caller is cancelled,
/// `body` is cancelled. It has to heed that: this function returns when `body` has ended.
///
/// - Parameter isOver: Returns when `body` is not worth waiting for, and when it is cancelled.
/// - Returns: Nil when `isOver` returned first.
/// - Throws: What `body` throws.
public func withCancellation<Value: Sendable>(
    when isOver: @escaping @Sendable () async -> Void,
    _ body: @escaping @Sendable () async throws -> Value
) async throws -> Value? {
    try await withThrowingTaskGroup(of: Race<Value>.self) { group in
        group.addTask { .ended(try await body()) }
        group.addTask {
            await isOver()
            return Task.isCancelled ? .cancelled : .over
        }
        defer { group.cancelAll() }
        while let first = try await group.next() {
            switch first {
            case .ended(let value): return value
            case .over: return nil
            // Then `body` is cancelled, too, and says how it ends.
            case .cancelled: continue
            }
        }
        preconditionFailure("what was waited for neither ended nor failed")
    }
}

private enum Race<Value: Sendable>: Sendable {
    case ended(Value)
    case over
    case cancelled
}
