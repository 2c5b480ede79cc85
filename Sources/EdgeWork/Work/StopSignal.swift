// Tells one attempt to stop: its thread asks between two steps, its waiting parts are woken.
import Concurrency

enum StopReason: String, Sendable, Equatable, CaseIterable {
    /// The lease is somebody else's by now, or the task has ended.
    case lost
    /// Somebody cancelled the task.
    case cancelled
    /// This worker is shutting down.
    case leaving
    /// It takes more memory than this machine's owner allows.
    case memory
    /// Nobody has renewed the lease for so long that nobody will.
    case abandoned
}

/// What an attempt throws when it was told to stop, which is not a failure.
struct AttemptStopped: Error, Equatable {
    let reason: StopReason
}

final class StopSignal: Sendable {
    private let reason = Locked<StopReason?>(nil)
    private let stream: AsyncStream<Void>
    private let end: AsyncStream<Void>.Continuation

    init() { (stream, end) = AsyncStream.makeStream() }

    /// The first reason counts.
    func stop(because reason: StopReason) {
        self.reason.withLock { $0 = $0 ?? reason }
        end.finish()
    }

    func check() throws(AttemptStopped) {
        if let reason = reason.withLock({ $0 }) { throw AttemptStopped(reason: reason) }
    }

    /// Returns when told to stop, or when the task that waits is cancelled. One task may wait.
    func wait() async { for await _ in stream {} }
}
