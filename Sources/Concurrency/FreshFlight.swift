// Doing something again for those who need it as it is now. What is under way may have begun before
// the change that they heard of, so they share the next run. However many ask, one run is under way
// and one is to come, and two begin no closer together than `spacing`.

/// Work whose callers each wait for a run that begins after they asked.
public final class FreshFlight<Value: Sendable>: Sendable {
    private typealias Waiter = CheckedContinuation<Value, any Error>

    private struct State {
        /// The callers who wait for the run that has not begun.
        var next: [UInt64: Waiter] = [:]
        /// The callers who wait for the run that is under way.
        var present: [UInt64: Waiter] = [:]
        var lastWaiter: UInt64 = 0
        /// Whether somebody runs, or waits until the next run may begin.
        var isUnderWay = false
        var begunAt: ContinuousClock.Instant?
    }

    private let spacing: Duration
    private let clock = ContinuousClock()
    private let state = Locked(State())

    /// - Parameter spacing: The least time between the beginnings of two runs.
    public init(spacing: Duration) { self.spacing = spacing }

    /// What a run brings that begins after this call.
    ///
    /// - Parameter body: The work, the same at each call; no two of its runs overlap.
    /// - Throws: What `body` throws; `CancellationError` when the caller is cancelled, which ends
    ///   the run for nobody else.
    public func value(_ body: @escaping @Sendable () async throws -> Value) async throws -> Value {
        let id = state.withLock { state in
            state.lastWaiter += 1
            return state.lastWaiter
        }
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { waiter in
                let isCancelled = state.withLock { state in
                    // The handler may have run before there was anybody to wake.
                    if Task.isCancelled { return true }
                    state.next[id] = waiter
                    if !state.isUnderWay {
                        state.isUnderWay = true
                        // Not structured: it is shared by all who ask, and who leaves must not end
                        // it for the others.
                        Task { await run(body) }
                    }
                    return false
                }
                if isCancelled { waiter.resume(throwing: CancellationError()) }
            }
        } onCancel: {
            let waiter = state.withLock { state in
                state.next.removeValue(forKey: id) ?? state.present.removeValue(forKey: id)
            }
            waiter?.resume(throwing: CancellationError())
        }
    }

    /// As `value(_:)`, waiting no longer than `patience`.
    ///
    /// - Returns: Nil when it takes longer.
    public func value(
        within patience: Duration, _ body: @escaping @Sendable () async throws -> Value
    ) async throws -> Value? {
        try await withDeadline(within: patience) { try await self.value(body) }
    }

    /// Runs `body` as long as somebody waits for a run that has not begun.
    private func run(_ body: @Sendable () async throws -> Value) async {
        repeat {
            let pause = state.withLock { state in
                state.begunAt.map { $0 + spacing - clock.now } ?? .zero
            }
            // This task is never cancelled.
            if pause > .zero { try? await clock.sleep(for: pause) }
        } while await runOnce(body)
    }

    /// - Returns: Whether somebody may wait for another run.
    private func runOnce(_ body: @Sendable () async throws -> Value) async -> Bool {
        let isWanted = state.withLock { state in
            // All of them may have left.
            state.isUnderWay = !state.next.isEmpty
            guard state.isUnderWay else { return false }
            state.present = state.next
            state.next = [:]
            state.begunAt = clock.now
            return true
        }
        guard isWanted else { return false }
        let result: Result<Value, any Error>
        do { result = .success(try await body()) } catch { result = .failure(error) }
        let waiters = state.withLock { state in
            let waiters = state.present
            state.present = [:]
            return waiters
        }
        for waiter in waiters.values { waiter.resume(with: result) }
        return true
    }
}
