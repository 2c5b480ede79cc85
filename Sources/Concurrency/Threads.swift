// Threads of our own, for what blocks: libpq, disks and arithmetic must never hold one of the few
// threads that Swift's tasks share.
import Foundation
import Glibc

/// Starts a thread that runs `body` once. Signals stay with the threads that handle them.
///
/// - Parameters:
///   - name: What debuggers and `top -H` show; the first 15 bytes count.
///   - stackByteCount: Nil: what the system gives.
public func startThread(
    name: String, stackByteCount: Int? = nil, _ body: @escaping @Sendable () -> Void
) {
    let thread = Thread {
        var signals = sigset_t()
        sigfillset(&signals)
        pthread_sigmask(SIG_BLOCK, &signals, nil)
        body()
    }
    thread.name = String(decoding: name.utf8.prefix(15), as: UTF8.self)
    if let stackByteCount { thread.stackSize = stackByteCount }
    thread.start()
}

/// Runs `body` on a thread made for it, and waits without blocking. It runs to its end: a caller
/// that is cancelled still waits for it.
public func onThread<Value: Sendable, Failure: Error>(
    named name: String, stackByteCount: Int = 8 << 20,
    _ body: @escaping @Sendable () throws(Failure) -> Value
) async throws(Failure) -> Value {
    let result: Result<Value, Failure> = await withCheckedContinuation { continuation in
        startThread(name: name, stackByteCount: stackByteCount) {
            continuation.resume(returning: Result { () throws(Failure) in try body() })
        }
    }
    return try result.get()
}

/// A fixed number of threads behind one queue. They end when the pool is released and the queue is
/// empty.
public final class ThreadPool: Sendable {
    private let queue = BlockingQueue<@Sendable () -> Void>()
    private let depthMax: Int

    /// - Parameters:
    ///   - name: Each thread's name is this and its number.
    ///   - threadCount: At least 1.
    ///   - depthMax: How many jobs may wait for a thread, at least 1.
    public init(
        name: String, threadCount: Int, depthMax: Int = .max, stackByteCount: Int = 8 << 20
    ) {
        precondition(threadCount > 0 && depthMax > 0, "a pool has a thread and a place to wait")
        self.depthMax = depthMax
        for index in 0..<threadCount {
            // The threads hold the queue only: holding the pool would keep both alive for ever.
            startThread(name: "\(name)-\(index)", stackByteCount: stackByteCount) { [queue] in
                while let job = queue.next() { job() }
            }
        }
    }

    deinit { queue.stop() }

    /// How many jobs wait for a thread.
    public var depth: Int { queue.count }

    /// Has one of the threads run `job`.
    ///
    /// - Returns: False, and `job` never runs, when `depthMax` others wait already.
    public func submit(_ job: @escaping @Sendable () -> Void) -> Bool {
        queue.append(job, countMax: depthMax)
    }

    /// Runs `body` on one of the threads, and waits without blocking. A caller that is cancelled
    /// waits, too: what `body` holds is held until it has run.
    ///
    /// - Returns: Nil, and `body` never runs, when `depthMax` others wait already.
    /// - Throws: What `body` throws.
    public func run<Value: Sendable>(
        _ body: @escaping @Sendable () throws -> Value
    ) async throws -> Value? {
        try await withCheckedThrowingContinuation { continuation in
            let isAccepted = submit { continuation.resume(with: Result { try body() }) }
            if !isAccepted { continuation.resume(returning: nil) }
        }
    }
}

/// Runs an actor's jobs one after another on one thread. The thread ends when the executor is
/// released.
public final class ThreadExecutor: SerialExecutor {
    private let queue = BlockingQueue<(UnownedJob, UnownedSerialExecutor)>()
    private let thread = Locked<pthread_t?>(nil)

    public init(name: String) {
        // The thread holds the queue only: holding the executor would keep both alive for ever.
        startThread(name: name) { [queue, thread] in
            thread.withLock { $0 = pthread_self() }
            while let (job, executor) = queue.next() { job.runSynchronously(on: executor) }
        }
    }

    deinit { queue.stop() }

    public func enqueue(_ job: consuming ExecutorJob) {
        queue.append((UnownedJob(job), asUnownedSerialExecutor()))
    }

    public func checkIsolated() {
        precondition(isCurrentThread, "called outside the thread that the actor lives on")
    }

    public func isIsolatingCurrentContext() -> Bool? { isCurrentThread }

    private var isCurrentThread: Bool {
        thread.withLock { $0.map { pthread_equal($0, pthread_self()) != 0 } ?? false }
    }
}
