// What becomes of a worker's leases, as values: events go in, actions come out.
import LanguageSystem
import RankerMath
import Testing

@testable import EdgeWork

private typealias Action = SupervisorState.Action

@Suite struct `Supervisor of attempts` {
    private static let start = ContinuousClock.now

    private static func work(_ number: Int64) -> TaskLease { `Lease book`.work(number) }

    private static func token(_ number: Int64) -> LeaseToken { work(number).token }

    /// One that runs the first task, while the second waits.
    private static func busy() -> SupervisorState {
        var state = SupervisorState(capacity: 1, memoryByteCountMax: 100)
        _ = state.offered(work(1), at: start)
        _ = state.offered(work(2), at: start)
        return state
    }

    @Test func `a lease begins at once where there is room, and waits where there is none`() {
        var state = SupervisorState(capacity: 1)
        #expect(
            state.offered(Self.work(1), at: Self.start) == [.begin(Self.work(1)), .sendHeartbeat])
        #expect(state.offered(Self.work(2), at: Self.start) == [.sendHeartbeat])
        #expect(
            state.offered(Self.work(3), at: Self.start) == [
                .refuse(Self.token(3), .full(capacity: 1), retryable: true)
            ])
        #expect(
            state.ended(Self.token(1), .completed(nil), at: Self.start) == [
                .begin(Self.work(2)), .sendHeartbeat,
            ])
    }

    @Test func `a lease that comes twice begins once, whether it runs or waits`() {
        var state = Self.busy()
        #expect(state.offered(Self.work(1), at: Self.start) == [])
        #expect(state.offered(Self.work(2), at: Self.start) == [])
        #expect(state.book.tokens == [Self.token(1), Self.token(2)])
    }

    @Test(arguments: StopReason.allCases)
    func `a running attempt is told to stop and keeps its place until it has`(reason: StopReason) {
        var state = Self.busy()
        let actions: [Action]
        switch reason {
        case .lost: actions = state.renewed(lost: [Self.token(1)], at: Self.start)
        case .cancelled: actions = state.renewed(cancelled: [Self.token(1)], at: Self.start)
        case .memory: actions = state.passed(at: Self.start, memory: 101)
        case .abandoned: actions = state.passed(at: Self.start + .seconds(610), memory: nil)
        case .leaving:
            _ = state.drain(for: .zero, at: Self.start)
            actions = state.passed(at: Self.start, memory: nil)
        }
        #expect(actions.first == .stop(Self.token(1), reason))
        #expect(state.book.contains(Self.token(1)))
    }

    @Test func `a waiting lease that is lost is forgotten, and one at a drain is given back`() {
        var state = Self.busy()
        #expect(state.renewed(lost: [Self.token(2)], at: Self.start) == [])
        #expect(state.book.tokens == [Self.token(1)])
        #expect(state.counts == .init(completed: 0, failed: 0, lost: 1))
        state = Self.busy()
        #expect(
            state.drain(for: .seconds(20), at: Self.start) == [
                .refuse(Self.token(2), .leaving(), retryable: true)
            ])
        #expect(state.book.tokens == [Self.token(1)])
    }

    @Test func `too much memory stops the newest attempt, then gives it time to become free`() {
        var state = SupervisorState(capacity: 2, memoryByteCountMax: 100)
        for number in [1, 2] { _ = state.offered(Self.work(Int64(number)), at: Self.start) }
        #expect(state.passed(at: Self.start, memory: 100) == [])
        #expect(state.passed(at: Self.start, memory: nil) == [])
        #expect(state.passed(at: Self.start, memory: 101) == [.stop(Self.token(2), .memory)])
        _ = state.ended(Self.token(2), .outOfMemory(.leaving()), at: Self.start)
        let free = Self.start + SupervisorState.memoryPause
        #expect(state.passed(at: free - .milliseconds(1), memory: 101) == [])
        #expect(state.passed(at: free, memory: 101) == [.stop(Self.token(1), .memory)])
    }

    @Test func `a worker that drains leaves when its attempts, refusals and reranks have ended`() {
        var state = Self.busy()
        _ = state.drain(for: .seconds(20), at: Self.start)
        #expect(state.isDraining)
        #expect(state.offered(Self.work(3), at: Self.start).count == 1)
        #expect(state.reranksEnded(at: Self.start) == [])
        #expect(state.ended(Self.token(1), .completed(nil), at: Self.start) == [.sendHeartbeat])
        #expect(state.refused(at: Self.start) == [])
        #expect(state.refused(at: Self.start) == [.leave])
    }

    @Test func `at the end of a drain attempts are stopped, and reranks waited for no longer`() {
        var state = Self.busy()
        _ = state.drain(for: .seconds(20), at: Self.start)
        _ = state.refused(at: Self.start)
        #expect(state.passed(at: Self.start + .seconds(19), memory: nil) == [])
        let deadline = Self.start + .seconds(20)
        #expect(state.passed(at: deadline, memory: nil) == [.stop(Self.token(1), .leaving)])
        #expect(state.ended(Self.token(1), .leaving, at: deadline) == [.sendHeartbeat, .leave])
    }

    @Test func `a worker without work leaves as soon as it drains`() {
        var state = SupervisorState(capacity: 1)
        #expect(state.drain(for: .seconds(20), at: Self.start) == [])
        #expect(state.drain(for: .zero, at: Self.start) == [])
        #expect(state.reranksEnded(at: Self.start) == [.leave])
    }

    @Test func `progress of a lease that waits or is gone changes nothing`() {
        var state = Self.busy()
        for number in [2, 3] as [Int64] {
            state.advanced(Self.token(number), to: .working, progress: 1, note: "late")
        }
        #expect(state.book.all.map(\.phase) == [.fetching, .waiting])
        state.advanced(Self.token(1), to: .working, progress: 0.5, note: "step")
        #expect(state.book.heartbeat.map(\.progress) == [0.5, 0])
    }

    @Test(arguments: [
        (AttemptEnd.completed(nil), SupervisorState.Counts(completed: 1, failed: 0, lost: 0)),
        (.uncounted, .init(completed: 0, failed: 0, lost: 1)),
        (.lost(.cancelled), .init(completed: 0, failed: 0, lost: 1)),
        (.leaving, .init(completed: 0, failed: 1, lost: 0)),
        (.outOfMemory(.leaving()), .init(completed: 0, failed: 1, lost: 0)),
        (.failed(.leaving()), .init(completed: 0, failed: 1, lost: 0)),
    ])
    func `every attempt is counted once, as what it came to`(
        end: AttemptEnd, counts: SupervisorState.Counts
    ) {
        var state = Self.busy()
        _ = state.ended(Self.token(1), end, at: Self.start)
        // Twice, and of one that never began.
        _ = state.ended(Self.token(1), end, at: Self.start)
        _ = state.ended(Self.token(9), end, at: Self.start)
        #expect(state.counts == counts)
    }
}

extension SupervisorState {
    fileprivate mutating func renewed(
        lost: [LeaseToken] = [], cancelled: [LeaseToken] = [], at now: Instant
    ) -> [Action] {
        renewed(lost: lost, cancelled: cancelled, for: .seconds(10), at: now)
    }
}

/// Events in any order, checked against what a coordinator may expect of a worker.
@Suite struct `Supervisor of attempts under any events` {
    /// A worker that does what the state says, and all that a coordinator could find out about it.
    private struct Worker {
        var state: SupervisorState
        var now = ContinuousClock.now
        /// Attempts that run, and whether they were told to stop.
        var running: [LeaseToken: Bool] = [:]
        /// Leases that were offered and neither ended, given back, nor taken away.
        var open: Set<LeaseToken> = []
        var refusing: [LeaseToken] = []
        var beganCount = 0
        var endedCount = 0
        var refusedCount = 0
        var hasLeft = false

        mutating func perform(_ actions: [SupervisorState.Action]) {
            for action in actions {
                switch action {
                case .begin(let work):
                    #expect(running[work.token] == nil, "two attempts of one lease")
                    #expect(open.contains(work.token), "an attempt of no lease")
                    running[work.token] = false
                    beganCount += 1
                case .stop(let token, _):
                    #expect(running[token] != nil, "an attempt is stopped that does not run")
                    running[token] = true
                case .refuse(let token, _, _):
                    #expect(running[token] == nil, "a lease is given back while it is worked on")
                    open.remove(token)
                    refusing.append(token)
                case .sendHeartbeat: break
                case .leave:
                    #expect(running.isEmpty && refusing.isEmpty, "it leaves with work to do")
                    #expect(state.isDraining)
                    hasLeft = true
                }
            }
            #expect(running.count <= state.book.capacity)
            #expect(Set(state.book.tokens).isSuperset(of: running.keys), "a result is lost")
            #expect(Set(state.book.tokens) == open, "a lease is forgotten")
        }

        mutating func end(_ token: LeaseToken, _ end: AttemptEnd) {
            running[token] = nil
            open.remove(token)
            endedCount += 1
            perform(state.ended(token, end, at: now))
        }

        mutating func say() {
            refusing.removeFirst()
            refusedCount += 1
            perform(state.refused(at: now))
        }
    }

    private static let ends: [AttemptEnd] = [
        .completed(nil), .uncounted, .lost(.lost), .leaving, .failed(.leaving()),
    ]

    @Test(arguments: 1...200 as ClosedRange<UInt64>)
    func `no lease is worked on twice, and none is forgotten`(seed: UInt64) {
        var generator = Generator(seed: seed)
        var worker = Worker(
            state: SupervisorState(
                capacity: Int.random(in: 1...4, using: &generator), memoryByteCountMax: 100))
        for _ in 0..<400 {
            worker.now += .milliseconds(Int.random(in: 0...2_000, using: &generator))
            let number = Int64.random(in: 0..<12, using: &generator)
            let work = `Lease book`.work(number)
            switch Int.random(in: 0..<100, using: &generator) {
            case 0..<35:
                let isHeld = worker.state.book.contains(work.token)
                let actions = worker.state.offered(work, at: worker.now)
                if isHeld { #expect(actions == []) }
                worker.open.insert(work.token)
                worker.perform(actions)
            case 35..<60:
                if let token = worker.running.keys.randomElement(using: &generator),
                    let end = Self.ends.randomElement(using: &generator)
                {
                    worker.end(token, end)
                }
            case 60..<75: if !worker.refusing.isEmpty { worker.say() }
            case 75..<85:
                let isLost = Bool.random(using: &generator)
                if worker.state.book.isWaiting(work.token) { worker.open.remove(work.token) }
                worker.perform(
                    worker.state.renewed(
                        lost: isLost ? [work.token] : [], cancelled: isLost ? [] : [work.token],
                        for: .seconds(10), at: worker.now))
            case 85..<90:
                worker.state.advanced(work.token, to: .working, progress: 0.5, note: "n")
            case 90..<98:
                for token in worker.state.book.overdue(at: worker.now)
                where worker.state.book.isWaiting(token) {
                    worker.open.remove(token)
                }
                worker.perform(
                    worker.state.passed(
                        at: worker.now, memory: Int64.random(in: 0...200, using: &generator)))
            default:
                guard seed.isMultiple(of: 2) else { break }
                worker.perform(worker.state.drain(for: .seconds(20), at: worker.now))
            }
        }
        // However it went, a worker that drains gets to its end.
        worker.perform(worker.state.drain(for: .seconds(20), at: worker.now))
        worker.perform(worker.state.reranksEnded(at: worker.now))
        while let token = worker.running.keys.first { worker.end(token, .leaving) }
        while !worker.refusing.isEmpty { worker.say() }
        #expect(worker.hasLeft)
        #expect(worker.state.book.isEmpty)
        #expect(worker.beganCount == worker.endedCount)
        let counts = worker.state.counts
        #expect(counts.completed + counts.failed + counts.lost >= worker.endedCount)
    }
}

@Suite struct `End of an attempt` {
    private static func unavailable() -> LanguageSystemError {
        LanguageSystemError(.unavailable, "x")
    }
    private struct Unforeseen: Error {}

    @Test(arguments: [
        (StopReason.lost, AttemptEnd.lost(.lost)), (.cancelled, .lost(.cancelled)),
        (.abandoned, .lost(.abandoned)), (.leaving, .leaving),
        (.memory, .outOfMemory(.tooMuchMemory(200 << 20, max: 100 << 20))),
    ])
    func `a stopped attempt ends as the reason to stop says`(reason: StopReason, end: AttemptEnd) {
        #expect(
            AttemptEnd(
                AttemptStopped(reason: reason), memory: 200 << 20, memoryMax: 100 << 20) == end)
    }

    @Test func `a failed attempt says why, foreseen or not`() {
        func end(_ error: any Error) -> AttemptEnd {
            AttemptEnd(error, memory: nil, memoryMax: nil)
        }
        #expect(end(CancellationError()) == .leaving)
        #expect(end(Self.unavailable()) == .failed(Self.unavailable()))
        #expect(end(Unforeseen()).failure?.error.code == .internal)
    }

    @Test func `no failure is told of a lost lease or of a result`() {
        for end in [AttemptEnd.completed(nil), .uncounted, .lost(.lost)] {
            #expect(end.failure == nil)
        }
    }

    @Test(arguments: [
        (ErrorCode.unavailable, true), (.busy, true), (.internal, true), (.tooLarge, true),
        (.deadlineExceeded, true), (.invalidFeatures, false), (.unknownFeatureSet, false),
        (.invalidWeights, false),
    ])
    func `a failure is worth another attempt where another worker or time may do better`(
        code: ErrorCode, isRetryable: Bool
    ) {
        #expect(
            AttemptEnd.failed(LanguageSystemError(code, "x")).failure?.isRetryable == isRetryable)
    }
}
