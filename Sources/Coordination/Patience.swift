// Waiting no longer than one wants to, for something that goes on all the same.

/// - Returns: Nil when it takes longer.
/// - Throws: What the task throws; `CancellationError` when whoever waits is cancelled, which says
///   nothing of the task.
func value<Value: Sendable>(
    of task: Task<Value, any Error>, within patience: Duration
) async throws -> Value? {
    let (answers, answer) = AsyncStream.makeStream(of: Result<Value, any Error>?.self)
    let waiting = Task { answer.yield(await task.result) }
    let timer = Task {
        try? await Task.sleep(for: patience)
        answer.yield(nil)
    }
    defer {
        waiting.cancel()
        timer.cancel()
    }
    for await first in answers { return try first?.get() }
    throw CancellationError()
}
