// Many ask for the same thing at once: it is done once, for all of them. The flight belongs to
// nobody in particular, so it goes on when those who wait for it leave.

/// Work by key, under way at most once a key.
public final class SingleFlight<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    private typealias Waiter = CheckedContinuation<Value, any Error>

    private struct State {
        /// Who waits for each flight that is under way.
        var waiters: [Key: [UInt64: Waiter]] = [:]
        var lastWaiter: UInt64 = 0
    }

    private let state = Locked(State())

    public init() {}

    /// Begins `body` unless a flight for `key` is under way; waits for nothing.
    public func start(_ key: Key, _ body: @escaping @Sendable () async throws -> Value) {
        state.withLock { start(key, &$0, body) }
    }

    /// What the flight for `key` brings: the one under way, or else a new one that runs `body`.
    ///
    /// - Throws: What `body` throws; `CancellationError` when the caller is cancelled, which says
    ///   nothing of the flight.
    public func value(
        for key: Key, _ body: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        let id = state.withLock { state in
            state.lastWaiter += 1
            return state.lastWaiter
        }
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let isCancelled = state.withLock { state in
                    // The handler may have run before there was anybody to wake.
                    if Task.isCancelled { return true }
                    start(key, &state, body)
                    state.waiters[key]?[id] = continuation
                    return false
                }
                if isCancelled { continuation.resume(throwing: CancellationError()) }
            }
        } onCancel: {
            let waiter = state.withLock { $0.waiters[key]?.removeValue(forKey: id) }
            waiter?.resume(throwing: CancellationError())
        }
    }

    /// As `value(for:_:)`, waiting no longer than `patience`.
    ///
    /// - Returns: Nil when it takes longer.
    public func value(
        for key: Key, within patience: Duration,
        _ body: @escaping @Sendable () async throws -> Value
    ) async throws -> Value? {
        try await withDeadline(within: patience) { try await self.value(for: key, body) }
    }

    private func start(
        _ key: Key, _ state: inout State, _ body: @escaping @Sendable () async throws -> Value
    ) {
        guard state.waiters[key] == nil else { return }
        state.waiters[key] = [:]
        // Not structured: who asked first may leave, and must not end it for the others.
        Task {
            let result: Result<Value, any Error>
            do { result = .success(try await body()) } catch { result = .failure(error) }
            let waiters = self.state.withLock { $0.waiters.removeValue(forKey: key) }
            for waiter in (waiters ?? [:]).values { waiter.resume(with: result) }
        }
    }
}
