// A few threads that do the same phase together and wait for each other. Which thread does which
// share is fixed, so that results depend on the thread count and on nothing else.
internal import Foundation

/// A team of `count` threads. The caller is number 0, and the others live as long as the team.
public final class ThreadTeam {
    public let count: Int
    private let board = Board()

    /// - Precondition: count is 1 to 256.
    public init(count: Int) {
        precondition((1...256).contains(count), "a team has 1 to 256 threads")
        self.count = count
        keepProductsOnThisThread()
        let board = board
        for index in 1..<max(count, 1) {
            let thread = Thread { board.serve(index) }
            thread.name = "ranker \(index)"
            thread.stackSize = 4 << 20
            thread.start()
        }
    }

    deinit { board.stop() }

    /// Runs `work(thread)` for each thread of the team and returns when all are done.
    public func run(_ work: (Int) -> Void) {
        guard count > 1 else { return work(0) }
        withoutActuallyEscaping(work) { work in
            board.begin(Board.Work(body: work), helpers: count - 1)
            work(0)
            board.finish()
        }
    }

    /// The share of `total` that belongs to `thread`; shares differ by one `step` at most.
    public func share(of total: Int, for thread: Int, step: Int = 1) -> Range<Int> {
        let pieces = (total + step - 1) / step
        let low = pieces * thread / count * step
        let high = pieces * (thread + 1) / count * step
        return min(low, total)..<min(high, total)
    }
}

/// The barrier of the team's threads.
/// Unchecked: what changes is behind the condition.
private final class Board: @unchecked Sendable {
    // Unchecked: who gives the work waits until every thread has finished it.
    struct Work: @unchecked Sendable { let body: (Int) -> Void }

    private let condition = NSCondition()
    private var work: Work?
    private var round = 0
    private var busy = 0
    private var isStopped = false

    func begin(_ work: Work, helpers: Int) {
        condition.lock()
        self.work = work
        round += 1
        busy = helpers
        condition.broadcast()
        condition.unlock()
    }

    func finish() {
        condition.lock()
        while busy > 0 { condition.wait() }
        work = nil
        condition.unlock()
    }

    func stop() {
        condition.lock()
        isStopped = true
        condition.broadcast()
        condition.unlock()
    }

    func serve(_ index: Int) {
        keepProductsOnThisThread()
        var seen = 0
        while true {
            condition.lock()
            while round == seen, !isStopped { condition.wait() }
            guard !isStopped else { return condition.unlock() }
            seen = round
            var work = work
            condition.unlock()
            work?.body(index)
            // The closure must be let go before the caller hears that we are done.
            work = nil
            condition.lock()
            busy -= 1
            if busy == 0 { condition.broadcast() }
            condition.unlock()
        }
    }
}
