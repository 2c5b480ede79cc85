// Threads of ours, for what blocks: disk and arithmetic never hold one of Swift's shared threads.
import Foundation

/// Runs what it is given, one after the other; an actor can live on it.
final class OwnThread: SerialExecutor {
    /// Outlives the executor, so that its thread can end by itself.
    /// Unchecked: the condition guards all of it.
    private final class Queue: @unchecked Sendable {
        private let condition = NSCondition()
        private var jobs: [(UnownedJob, UnownedSerialExecutor)] = []
        private var isStopped = false

        func add(_ job: UnownedJob, _ executor: UnownedSerialExecutor) {
            condition.lock()
            jobs.append((job, executor))
            condition.signal()
            condition.unlock()
        }

        func stop() {
            condition.lock()
            isStopped = true
            condition.signal()
            condition.unlock()
        }

        /// Nil: nothing will come any more.
        func next() -> (UnownedJob, UnownedSerialExecutor)? {
            condition.lock()
            defer { condition.unlock() }
            while jobs.isEmpty {
                if isStopped { return nil }
                condition.wait()
            }
            return jobs.removeFirst()
        }
    }

    private let queue = Queue()
    // Only compared, never asked to do anything.
    private nonisolated(unsafe) let thread: Thread

    init(name: String) {
        let queue = queue
        thread = Thread {
            while let (job, executor) = queue.next() { job.runSynchronously(on: executor) }
        }
        thread.name = name
        thread.start()
    }

    deinit { queue.stop() }

    func enqueue(_ job: consuming ExecutorJob) {
        queue.add(UnownedJob(job), asUnownedSerialExecutor())
    }

    func checkIsolated() {
        precondition(Thread.current == thread, "not on the thread that this actor lives on")
    }
}

/// Runs `body` on a thread made for it, and waits without blocking.
///
/// - Parameter nice: By how much its priority, and that of the threads it starts, is lowered, 0
///   to 19.
func onOwnThread<Value: Sendable>(
    _ name: String, nice: Int = 0, _ body: @escaping @Sendable () throws -> Value
) async throws -> Value {
    try await withCheckedThrowingContinuation { continuation in
        let thread = Thread {
            ProcessLimits.lowerPriority(by: nice)
            continuation.resume(with: Result { try body() })
        }
        thread.name = name
        thread.stackSize = 8 << 20
        thread.start()
    }
}
