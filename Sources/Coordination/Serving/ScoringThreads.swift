// Scoring runs here, on threads of our own: it is pure arithmetic, and Swift's shared pool is for
// work that waits. The queue is bounded; past the bound a request is refused at once, which keeps
// the ones already accepted quick.
import Dispatch
import Foundation
import LanguageSystem

/// A fixed set of threads behind one bounded queue.
final class ScoringThreads: Sendable {
    private struct Job: Sendable {
        let run: @Sendable () -> Void
    }

    // Unchecked: NSCondition guards all of it. A class, so that the threads share one.
    private final class Queue: @unchecked Sendable {
        let condition = NSCondition()
        var jobs: [Job?] = []
        var head = 0
        var isStopped = false

        var count: Int { jobs.count - head }
    }

    private let queue = Queue()
    private let depthMax: Int

    init(threadCount: Int, depthMax: Int) {
        precondition(threadCount > 0 && depthMax > 0, "scoring needs a thread and a place to wait")
        self.depthMax = depthMax
        for index in 0..<threadCount {
            let queue = self.queue
            let thread = Thread { Self.serve(queue) }
            thread.name = "ls-score-\(index)"
            thread.start()
        }
    }

    deinit {
        queue.condition.withLock {
            queue.isStopped = true
            queue.condition.broadcast()
        }
    }

    /// How many wait for a thread.
    var depth: Int { queue.condition.withLock { queue.count } }

    /// Runs `body` on one of the threads.
    ///
    /// - Throws: `busy` when `depthMax` others wait already; otherwise what `body` throws.
    func run<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value
    {
        try await withCheckedThrowingContinuation { continuation in
            let job = Job { continuation.resume(with: Result { try body() }) }
            let accepted = queue.condition.withLock {
                guard queue.count < depthMax else { return false }
                queue.jobs.append(job)
                queue.condition.signal()
                return true
            }
            if !accepted {
                continuation.resume(throwing: CoordinatorError.scoringQueueFull(depthMax))
            }
        }
    }

    private static func serve(_ queue: Queue) {
        while true {
            let job: Job? = queue.condition.withLock {
                while queue.count == 0, !queue.isStopped { queue.condition.wait() }
                guard queue.count > 0 else { return nil }
                let job = queue.jobs[queue.head]
                // It holds its request's features: nothing of it stays here.
                queue.jobs[queue.head] = nil
                queue.head += 1
                // Compact now and then: amortised O(1) a job.
                if queue.head == queue.jobs.count || queue.head > 256 {
                    queue.jobs.removeFirst(queue.head)
                    queue.head = 0
                }
                return job
            }
            guard let job else { return }
            job.run()
        }
    }
}

extension CoordinatorError {
    static func scoringQueueFull(_ depth: Int) -> Self {
        Self(
            .busy, "cannot rerank now: \(depth) requests are waiting already",
            hint: "retry after a second, or start another lscoord")
    }
}
