// Tells one attempt to stop: its thread asks between two steps, its waiting parts are woken.
import Foundation

enum StopReason: String, Sendable, Equatable {
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

/// Not a failure: what an attempt throws when it was told to stop.
struct AttemptStopped: Error, Equatable {
    let reason: StopReason
}

// Unchecked: what changes is behind the lock.
final class StopSignal: @unchecked Sendable {
    private let lock = NSLock()
    private var reason: StopReason?
    private let stream: AsyncStream<StopReason>
    private let continuation: AsyncStream<StopReason>.Continuation

    init() { (stream, continuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingOldest(1)) }

    /// The first reason counts.
    func stop(because reason: StopReason) {
        lock.withLock { if self.reason == nil { self.reason = reason } }
        continuation.yield(reason)
        continuation.finish()
    }

    func check() throws(AttemptStopped) {
        if let reason = lock.withLock({ self.reason }) { throw AttemptStopped(reason: reason) }
    }

    /// Returns when told to stop, or when the task that waits is cancelled. One waiter only.
    func wait() async { for await _ in stream {} }
}
