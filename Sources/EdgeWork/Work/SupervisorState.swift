// What becomes of the leases of a worker: which begin, which stop, what is given back, and when a
// worker that drains may leave. A value: events go in, actions come out, AttemptSupervisor does
// them in their order. No event is wrong: one about a lease that is gone changes nothing.
import LanguageSystem

struct SupervisorState: Sendable {
    typealias Instant = ContinuousClock.Instant

    enum Action: Sendable, Equatable {
        /// Run the attempt; its end comes back as `ended`.
        case begin(TaskLease)
        /// Tell the attempt that runs to stop; its end comes back as `ended`, too.
        case stop(LeaseToken, StopReason)
        /// Tell the coordinator that nothing comes of the lease; comes back as `refused`.
        case refuse(LeaseToken, LanguageSystemError, retryable: Bool)
        /// Tell the coordinator which leases are held.
        case sendHeartbeat
        /// The worker has nothing left to do.
        case leave
    }

    struct Counts: Sendable, Equatable {
        var completed = 0
        var failed = 0
        /// Attempts whose result nobody wanted any more.
        var lost = 0
    }

    /// After a task was stopped for its memory, until that is free again.
    static let memoryPause: Duration = .seconds(10)

    private(set) var book: LeaseBook
    private(set) var counts = Counts()
    private let memoryByteCountMax: Int64?
    private var memoryFreeAt: Instant?
    /// Refusals that are still to be said.
    private var refusalCount = 0
    private var drainDeadline: Instant?
    /// Whether all reranks have been answered; asked of a worker that drains.
    private var reranksHaveEnded = false

    /// - Parameters:
    ///   - capacity: How many attempts run at once, at least 1.
    ///   - memoryByteCountMax: What the process may take; nil: any.
    init(capacity: Int, memoryByteCountMax: Int64? = nil) {
        book = LeaseBook(capacity: capacity)
        self.memoryByteCountMax = memoryByteCountMax
    }

    var isDraining: Bool { drainDeadline != nil }

    // MARK: Leases

    /// The coordinator has leased `work` to this worker.
    mutating func offered(_ work: TaskLease, at now: Instant) -> [Action] {
        switch book.admit(work, at: now) {
        case .known: []
        case .accepted: begin() + [.sendHeartbeat]
        case .refused:
            refuse(
                work.token, book.isDraining ? .leaving() : .full(capacity: book.capacity),
                retryable: true)
        }
    }

    /// Gives back a lease that the worker does not take.
    mutating func refuse(
        _ token: LeaseToken, _ error: LanguageSystemError, retryable: Bool
    ) -> [Action] {
        refusalCount += 1
        return [.refuse(token, error, retryable: retryable)]
    }

    /// A refusal was said, or could not be.
    mutating func refused(at now: Instant) -> [Action] {
        precondition(refusalCount > 0, "more was said than refused")
        refusalCount -= 1
        return leave(at: now)
    }

    /// The coordinator has answered to a heartbeat.
    ///
    /// - Parameter leaseDuration: For how long it has renewed what it did not take away.
    mutating func renewed(
        lost: [LeaseToken], cancelled: [LeaseToken], for leaseDuration: Duration, at now: Instant
    ) -> [Action] {
        let actions = stop(lost, .lost, at: now) + stop(cancelled, .cancelled, at: now)
        book.renew(for: leaseDuration, at: now)
        return actions
    }

    mutating func advanced(
        _ token: LeaseToken, to phase: LeaseBook.Phase, progress: Double, note: String
    ) {
        // Said by a thread, which may be late: what waits has not begun, and what is gone is gone.
        guard book.contains(token), !book.isWaiting(token) else { return }
        book.advance(token, to: phase)
        book.report(token, progress: progress, note: note)
    }

    /// An attempt that was begun has ended, and the coordinator was told what it has to know.
    mutating func ended(_ token: LeaseToken, _ end: AttemptEnd, at now: Instant) -> [Action] {
        guard book.contains(token), !book.isWaiting(token) else { return [] }
        switch end {
        case .completed: counts.completed += 1
        case .uncounted, .lost: counts.lost += 1
        case .leaving, .outOfMemory, .failed: counts.failed += 1
        }
        book.end(token)
        return begin() + [.sendHeartbeat] + leave(at: now)
    }

    // MARK: Time and memory

    /// Some time has passed.
    ///
    /// - Parameter memory: What the process takes now, in bytes; nil where that is not known.
    mutating func passed(at now: Instant, memory: Int64?) -> [Action] {
        var actions = stop(book.overdue(at: now), .abandoned, at: now)
        if let memory, let max = memoryByteCountMax, memory > max,
            memoryFreeAt.map({ now >= $0 }) ?? true,
            let newest = book.tokens.last(where: { !book.isWaiting($0) })
        {
            memoryFreeAt = now + Self.memoryPause
            actions.append(.stop(newest, .memory))
        }
        if let drainDeadline, now >= drainDeadline {
            actions += stop(book.tokens, .leaving, at: now)
        }
        return actions
    }

    // MARK: Leaving

    /// The worker takes no more tasks; what runs may go on for `duration`.
    mutating func drain(for duration: Duration, at now: Instant) -> [Action] {
        guard !isDraining else { return [] }
        drainDeadline = now + duration
        book.drain()
        return stop(book.tokens.filter { book.isWaiting($0) }, .leaving, at: now)
    }

    /// All reranks that were taken before the worker drained have been answered.
    mutating func reranksEnded(at now: Instant) -> [Action] {
        reranksHaveEnded = true
        return leave(at: now)
    }

    // MARK: Parts

    private mutating func begin() -> [Action] { book.begin().map { .begin($0) } }

    private mutating func stop(
        _ tokens: [LeaseToken], _ reason: StopReason, at now: Instant
    ) -> [Action] {
        var actions: [Action] = []
        for token in tokens where book.contains(token) {
            guard book.isWaiting(token) else {
                actions.append(.stop(token, reason))
                continue
            }
            book.end(token)
            if reason == .leaving {
                // Another worker need not wait until the lease runs out.
                actions += refuse(token, .leaving(), retryable: true)
            } else {
                counts.lost += 1
            }
        }
        return actions + leave(at: now)
    }

    /// Asked whenever something ends: nobody waits for a clock when there is nothing to wait for.
    private func leave(at now: Instant) -> [Action] {
        guard let drainDeadline, book.isEmpty, refusalCount == 0,
            reranksHaveEnded || now >= drainDeadline
        else { return [] }
        return [.leave]
    }
}
