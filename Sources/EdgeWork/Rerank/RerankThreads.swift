// The threads that rerank: of their own, so that a request waits behind no task, and at the
// priority of the process, whatever `--nice` says of tasks. How many may wait is for
// EdgeRerankServer to say.
import Foundation

final class RerankThreads: Sendable {
    // Outlives the threads' owner, so that they can end by themselves.
    // Unchecked: the condition guards all of it.
    private final class Queue: @unchecked Sendable {
        private let condition = NSCondition()
        private var jobs: [@Sendable () -> Void] = []
        private var isStopped = false

        func add(_ job: @escaping @Sendable () -> Void) {
            condition.withLock {
                jobs.append(job)
                condition.signal()
            }
        }

        func stop() {
            condition.withLock {
                isStopped = true
                condition.broadcast()
            }
        }

        /// Nil: nothing will come any more.
        func next() -> (@Sendable () -> Void)? {
            condition.withLock {
                while jobs.isEmpty, !isStopped { condition.wait() }
                return jobs.isEmpty ? nil : jobs.removeFirst()
            }
        }
    }

    private let queue = Queue()

    init(count: Int) {
        for index in 0..<count {
            let queue = queue
            let thread = Thread { while let job = queue.next() { job() } }
            thread.name = "ls-rerank-\(index)"
            thread.stackSize = 8 << 20
            thread.start()
        }
    }

    deinit { queue.stop() }

    func run(_ job: @escaping @Sendable () -> Void) { queue.add(job) }
}
