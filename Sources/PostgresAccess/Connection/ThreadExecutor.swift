// A thread of our own as an actor's executor: libpq blocks, and Swift's shared threads must not.
// The thread ends when the executor is released; until then it sleeps while there is no job.
import CLibPQ
import Foundation
import Glibc

/// Runs an actor's jobs one after another on one thread.
final class ThreadExecutor: SerialExecutor {
    private let queue = JobQueue()

    init(name: String) {
        // The thread holds the queue only: holding the executor would keep both alive for ever.
        startThread(name: name) { [queue] in queue.runUntilStopped() }
    }

    deinit { queue.stop() }

    func enqueue(_ job: consuming ExecutorJob) {
        queue.append(UnownedJob(job), for: asUnownedSerialExecutor())
    }

    func checkIsolated() {
        precondition(queue.isCurrentThread, "called outside the connection's own thread")
    }

    func isIsolatingCurrentContext() -> Bool? { queue.isCurrentThread }
}

// Unchecked: the condition guards all of it.
private final class JobQueue: @unchecked Sendable {
    private let condition = NSCondition()
    private var jobs: [(UnownedJob, UnownedSerialExecutor)] = []
    private var isStopped = false
    private var thread: pthread_t?

    var isCurrentThread: Bool {
        condition.lock()
        defer { condition.unlock() }
        return thread.map { pthread_equal($0, pthread_self()) != 0 } ?? false
    }

    func append(_ job: UnownedJob, for executor: UnownedSerialExecutor) {
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

    func runUntilStopped() {
        condition.lock()
        thread = pthread_self()
        while true {
            while jobs.isEmpty && !isStopped { condition.wait() }
            if jobs.isEmpty { break }
            let batch = jobs
            jobs.removeAll(keepingCapacity: true)
            condition.unlock()
            for (job, executor) in batch { job.runSynchronously(on: executor) }
            condition.lock()
        }
        condition.unlock()
    }
}

/// Starts a detached thread that runs `body` once. It blocks all signals, so that other threads
/// handle them.
package func startThread(name: String, _ body: @escaping @Sendable () -> Void) {
    final class Start {
        let name: String
        let body: @Sendable () -> Void
        init(name: String, body: @escaping @Sendable () -> Void) {
            self.name = name
            self.body = body
        }
    }
    let start = Unmanaged.passRetained(Start(name: name, body: body))
    var attributes = pthread_attr_t()
    pthread_attr_init(&attributes)
    pthread_attr_setdetachstate(&attributes, CInt(PTHREAD_CREATE_DETACHED))
    var thread: pthread_t = 0
    let status = pthread_create(
        &thread, &attributes,
        { argument in
            // It is handed over three lines down.
            let start = Unmanaged<Start>.fromOpaque(argument!).takeRetainedValue()
            var signals = sigset_t()
            sigfillset(&signals)
            pthread_sigmask(SIG_BLOCK, &signals, nil)
            pthread_setname_np(pthread_self(), String(start.name.prefix(15)))
            start.body()
            return nil
        }, start.toOpaque())
    pthread_attr_destroy(&attributes)
    precondition(status == 0, "no thread could be started: \(String(cString: strerror(status)))")
}
