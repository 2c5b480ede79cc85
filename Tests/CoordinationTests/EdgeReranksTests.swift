// Reranks at the edge: the bounds and what an answer is worth, as values; then the hub, with real
// sessions.
import Foundation
import LanguageSystem
import Ledger
import PostgresAccess
import PostgresTesting
import RankerMath
import Testing

@testable import Coordination

private let start = ContinuousClock.now

/// A group of `candidateCount` candidates of width 4.
private func group(
    _ candidateCount: Int = 2, hiddenSize: Int = 4, signals: RerankSignals? = nil
) -> EdgeRerank {
    EdgeRerank(
        rankerName: "code.listwise",
        weights: BlobReference(
            digest: Digest(bytes: [UInt8](repeating: 9, count: 32))!, byteCount: 5,
            name: "code.listwise@1"),
        features: [UInt8](repeating: 0, count: (candidateCount + 1) * hiddenSize * 2),
        dtype: .float16, candidateCount: candidateCount, hiddenSize: hiddenSize, signals: signals)
}

private func session(_ number: UInt64) -> DispatchHub.SessionID { .init(number: number) }

extension EdgeReranks {
    /// Asked at the start, with a second of time.
    fileprivate mutating func ask(_ worker: UInt64, at offset: Duration = .zero) -> Asked {
        ask(group(), of: session(worker), until: start + offset + .seconds(1), at: start + offset)
    }

    /// Asked and sent.
    fileprivate mutating func send(_ worker: UInt64, at offset: Duration = .zero) throws -> Number {
        guard case .accepted(let number) = ask(worker, at: offset) else {
            throw LanguageSystemError(.internal, "not accepted")
        }
        guard take(number, for: session(worker), at: start + offset) != nil else {
            throw LanguageSystemError(.internal, "not sent")
        }
        return number
    }
}

@Suite struct `Edge reranks` {
    private static let scores = EdgeRerankResult.scored([0.5, -0.5], compute: .microseconds(300))

    @Test func `edge reranks are sent with what is left of their time, and answered once`() throws {
        var reranks = EdgeReranks()
        #expect(reranks.ask(1) == .accepted(1))
        let taken = reranks.take(1, for: session(1), at: start + .milliseconds(300))
        let order = try #require(taken)
        #expect(order.deadline == .milliseconds(700))
        #expect(order.rerank.features == group().features)
        #expect(
            reranks.answer(1, by: session(1), Self.scores)
                == .scored([0.5, -0.5], compute: .microseconds(300)))
        #expect(reranks.waitingCount == 0)
        #expect(reranks.answer(1, by: session(1), Self.scores) == nil)
        #expect(reranks.lateAnswerCount == 1)
    }

    @Test func `edge reranks of another session, or not sent yet, are nobody's to answer`() throws {
        var reranks = EdgeReranks()
        let number = try reranks.send(1)
        #expect(reranks.answer(number, by: session(2), Self.scores) == nil)
        #expect(reranks.ask(1) == .accepted(2))
        #expect(reranks.answer(2, by: session(1), Self.scores) == nil)
        #expect(reranks.answer(999, by: session(1), Self.scores) == nil)
        #expect(reranks.waitingCount == 2)
        #expect(reranks.answer(number, by: session(1), Self.scores) != nil)
    }

    @Test(arguments: [[], [0.5], [0.5, 0.5, 0.5], [0.5, .nan], [.infinity, 0]] as [[Float]])
    func `a worker's scores of a wrong count, or not finite, are refused`(scores: [Float]) throws {
        var reranks = EdgeReranks()
        let number = try reranks.send(1)
        guard
            case .refused(let error)? = reranks.answer(
                number, by: session(1), .scored(scores, compute: .zero))
        else {
            Issue.record("taken")
            return
        }
        #expect(error.message.contains("expected 2 finite numbers"))
        #expect(reranks.waitingCount == 0)
    }

    @Test(arguments: [[], [0.5], [0.5, .nan], [1, 2, 3]] as [[Double]])
    func `a worker's combined scores of a wrong count, or not finite, are refused`(
        values: [Double]
    ) throws {
        var reranks = EdgeReranks()
        let number = try reranks.send(1)
        let combined = CombinedScores(values, signals: ["answers"])
        let answer = reranks.answer(
            number, by: session(1), .scored([1, 0], combined: combined, compute: .zero))
        guard case .refused(let error)? = answer else {
            Issue.record("taken")
            return
        }
        #expect(error.message.contains("combined") && error.message.contains("expected 2 finite"))
        let whole = EdgeRerankResult.scored(
            [1, 0], combined: CombinedScores([0, 1], signals: ["answers"]), compute: .zero)
        #expect(reranks.answer(try reranks.send(1), by: session(1), whole) == whole)
    }

    @Test func `what a worker says of its own trouble is passed on`() throws {
        var reranks = EdgeReranks()
        let fetching = LanguageSystemError(.unavailable, "fetching")
        for (error, answer) in [
            (fetching, EdgeRerankResult.refused(fetching)),
            (LanguageSystemError(.busy, "busy"), .busy),
            (LanguageSystemError(.deadlineExceeded, "late"), .late),
        ] {
            let number = try reranks.send(1)
            #expect(
                reranks.answer(number, by: session(1), EdgeRerankResult(refusal: error)) == answer)
        }
    }

    @Test func `edge reranks that are too large, or have no time left, are not sent`() {
        var reranks = EdgeReranks()
        // 4 MiB and one row.
        let large = group(512, hiddenSize: 4_096)
        guard
            case .ended(.refused(let error)) = reranks.ask(
                large, of: session(1), until: start + .seconds(1), at: start)
        else {
            Issue.record("accepted")
            return
        }
        #expect(error.code == .tooLarge)
        let largest = group(511, hiddenSize: 4_096)
        #expect(
            reranks.ask(largest, of: session(1), until: start + .seconds(1), at: start)
                == .accepted(1))
        #expect(reranks.ask(group(), of: session(1), until: start, at: start) == .ended(.late))
    }

    @Test func `edge reranks are bounded for each worker, and over all`() throws {
        var reranks = EdgeReranks()
        for worker in 1...4 as ClosedRange<UInt64> {
            for _ in 0..<EdgeReranks.workerCountMax { _ = try reranks.send(worker) }
        }
        #expect(reranks.ask(1) == .ended(.busy))
        #expect(reranks.ask(5) == .ended(.busy))
        // Numbers are given in order: the first 64 are worker 1's.
        _ = reranks.answer(7, by: session(1), Self.scores)
        #expect(reranks.ask(2) == .ended(.busy))
        #expect(reranks.ask(5) == .accepted(257))
        #expect(reranks.ask(1) == .ended(.busy))
    }

    @Test
    func
        `edge reranks that are late keep their worker's place until it answers, and nobody else's`()
        throws
    {
        var reranks = EdgeReranks()
        var numbers: [EdgeReranks.Number] = []
        for _ in 0..<EdgeReranks.workerCountMax { numbers.append(try reranks.send(1)) }
        for number in numbers { reranks.expire(number) }
        #expect(reranks.waitingCount == 0)
        #expect(reranks.ask(1, at: .seconds(2)) == .ended(.busy))
        #expect(try reranks.send(2, at: .seconds(2)) == 65)
        #expect(reranks.answer(numbers[3], by: session(1), Self.scores) == nil)
        #expect(reranks.lateAnswerCount == 1)
        #expect(reranks.ask(1, at: .seconds(2)) == .accepted(66))
        // One that never answers is tried again after a while.
        #expect(reranks.ask(1, at: .milliseconds(10_999)) == .ended(.busy))
        #expect(reranks.ask(1, at: .seconds(11)) == .accepted(67))
    }

    @Test func `edge reranks that nobody waits for are not sent, and fill no queue`() throws {
        var reranks = EdgeReranks()
        var queue: [EdgeReranks.Number] = []
        for _ in 0..<EdgeReranks.workerCountMax {
            guard case .accepted(let number) = reranks.ask(1) else { break }
            queue.append(number)
            if queue.count.isMultiple(of: 2) {
                reranks.expire(number)
            } else {
                reranks.cancel(number)
            }
        }
        #expect(queue.count == EdgeReranks.workerCountMax)
        #expect(reranks.waitingCount == 0)
        // The worker reads nothing: its queue must not grow.
        #expect(reranks.ask(1) == .ended(.busy))
        for number in queue { #expect(reranks.take(number, for: session(1), at: start) == nil) }
        #expect(reranks.ask(1) == .accepted(65))
        // Its time is over, and nobody has said so yet.
        #expect(reranks.take(65, for: session(1), at: start + .seconds(1)) == nil)
    }

    @Test
    func
        `edge reranks give their place back when cancelled, or when there was no room for them`()
        throws
    {
        var reranks = EdgeReranks()
        for _ in 0..<EdgeReranks.workerCountMax { _ = try reranks.send(1) }
        #expect(reranks.ask(1) == .ended(.busy))
        reranks.cancel(5)
        #expect(reranks.ask(1) == .accepted(65))
        reranks.withdraw(65)
        #expect(reranks.waitingCount == 63)
        #expect(reranks.ask(1) == .accepted(66))
        // The cancelled one's answer comes all the same.
        #expect(reranks.answer(5, by: session(1), Self.scores) == nil)
        #expect(reranks.lateAnswerCount == 1)
    }

    @Test func `edge reranks end with their session: those that are waited for are told`() throws {
        var reranks = EdgeReranks()
        let late = try reranks.send(1)
        reranks.expire(late)
        let sent = try reranks.send(1)
        #expect(reranks.ask(1) == .accepted(3))
        let other = try reranks.send(2)
        #expect(reranks.endSession(session(1)) == [sent, 3])
        #expect(reranks.waitingCount == 1)
        #expect(reranks.answer(sent, by: session(1), Self.scores) == nil)
        #expect(reranks.take(3, for: session(1), at: start) == nil)
        #expect(reranks.answer(other, by: session(2), Self.scores) != nil)
        #expect(reranks.endSession(session(1)).isEmpty)
    }
}

@Suite(.timeLimit(.minutes(20))) struct `Dispatch of edge reranks` {
    private static let long: Duration = .seconds(180)

    private func next(_ inbox: Inbox) async throws -> EdgeReranks.Number {
        while let instruction = await inbox.next() {
            if case .rerank(let number) = instruction { return number }
        }
        throw LanguageSystemError(.internal, "the session ended")
    }

    @Test func `dispatch asks the worker and passes its scores on`() async throws {
        try await TestDispatch.with { dispatch in
            let (hub, worker) = (dispatch.hub, try await dispatch.worker("edge-1"))
            let (id, stream) = try await hub.open(worker, dispatch.hello(reranks: true))
            let inbox = Inbox(stream)
            async let answer = hub.rerank(on: worker.id, group(), within: Self.long)
            let number = try await next(inbox)
            let order = try #require(await hub.takeRerank(number, for: id))
            #expect(order.rerank.rankerName == "code.listwise")
            #expect(order.deadline <= Self.long)
            await hub.rerankAnswered(
                EdgeRerankReply(number: number, .scored([1, 0], compute: .microseconds(9))), by: id)
            #expect(await answer == .scored([1, 0], compute: .microseconds(9)))
        }
    }

    @Test func `dispatch does not ask a worker that is away, leaving, or not allowed to`()
        async throws
    {
        try await TestDispatch.with { dispatch in
            let hub = dispatch.hub
            #expect(
                await hub.rerank(on: WorkerID(99), group(), within: Self.long) == .unreachable)
            let silent = try await dispatch.worker("silent")
            let (_, silentStream) = try await hub.open(silent, dispatch.hello())
            #expect(await hub.rerank(on: silent.id, group(), within: Self.long) == .unreachable)
            let leaving = try await dispatch.worker("leaving")
            let (id, stream) = try await hub.open(leaving, dispatch.hello(reranks: true))
            await hub.drain(id)
            #expect(await hub.rerank(on: leaving.id, group(), within: Self.long) == .unreachable)
            withExtendedLifetime((silentStream, stream)) {}
        }
    }

    @Test func `dispatch does not ask a worker of before to combine signals`() async throws {
        try await TestDispatch.with { dispatch in
            let (hub, worker) = (dispatch.hub, try await dispatch.worker("edge-1"))
            let (id, stream) = try await hub.open(
                worker, dispatch.hello(reranks: true, combinesSignals: false))
            let inbox = Inbox(stream)
            let signals = RerankSignals(numbers: ["reward": [1, 2]])
            #expect(
                await hub.rerank(on: worker.id, group(signals: signals), within: Self.long)
                    == .refused(.cannotCombineSignals()))
            // Without signals it scores what it always did.
            async let answer = hub.rerank(on: worker.id, group(), within: Self.long)
            let number = try await next(inbox)
            _ = await hub.takeRerank(number, for: id)
            await hub.rerankAnswered(
                EdgeRerankReply(number: number, .scored([1, 0], compute: .zero)), by: id)
            #expect(await answer == .scored([1, 0], compute: .zero))
        }
    }

    @Test func `whoever waits for a rerank hears at once that the session has ended`() async throws
    {
        try await TestDispatch.with { dispatch in
            let (hub, worker) = (dispatch.hub, try await dispatch.worker("edge-1"))
            let (id, stream) = try await hub.open(worker, dispatch.hello(reranks: true))
            let inbox = Inbox(stream)
            async let sent = hub.rerank(on: worker.id, group(), within: Self.long)
            _ = await hub.takeRerank(try await next(inbox), for: id)
            async let unsent = hub.rerank(on: worker.id, group(), within: Self.long)
            _ = try await next(inbox)
            await hub.close(id)
            #expect(await sent == .unreachable)
            #expect(await unsent == .unreachable)
        }
    }

    @Test func `nobody waits for a worker beyond the deadline, and what comes after is dropped`()
        async throws
    {
        try await TestDispatch.with { dispatch in
            let (hub, worker) = (dispatch.hub, try await dispatch.worker("edge-1"))
            let (id, stream) = try await hub.open(worker, dispatch.hello(reranks: true))
            let inbox = Inbox(stream)
            // On a busy machine it may be late before the worker has taken it: once more, then,
            // with more time.
            var taken: EdgeReranks.Number?
            var deadline: Duration = .milliseconds(250)
            while taken == nil {
                let limit = deadline
                async let answer = hub.rerank(on: worker.id, group(), within: limit)
                let number = try await next(inbox)
                if await hub.takeRerank(number, for: id) != nil { taken = number }
                #expect(await answer == .late)
                deadline *= 2
            }
            await hub.rerankAnswered(
                EdgeRerankReply(number: try #require(taken), .scored([1, 0], compute: .zero)),
                by: id)
            #expect(await hub.lateRerankAnswerCount == 1)
            // The session is none the worse for it.
            async let other = hub.rerank(on: worker.id, group(), within: Self.long)
            let again = try await next(inbox)
            _ = await hub.takeRerank(again, for: id)
            await hub.rerankAnswered(
                EdgeRerankReply(number: again, .scored([0, 1], compute: .zero)), by: id)
            #expect(await other == .scored([0, 1], compute: .zero))
        }
    }

    @Test func `a worker is busy past its bound; a caller who leaves makes room`() async throws {
        try await TestDispatch.with { dispatch in
            let (hub, worker) = (dispatch.hub, try await dispatch.worker("edge-1"))
            let (id, stream) = try await hub.open(worker, dispatch.hello(reranks: true))
            let inbox = Inbox(stream)
            let ask: @Sendable () async -> EdgeRerankResult = {
                await hub.rerank(on: worker.id, group(), within: Self.long)
            }
            await withTaskGroup(of: EdgeRerankResult.self) { group in
                for _ in 0..<EdgeReranks.workerCountMax - 1 { group.addTask { await ask() } }
                let leaver = Task { await ask() }
                for _ in 0..<EdgeReranks.workerCountMax {
                    if let number = try? await next(inbox) {
                        _ = await hub.takeRerank(number, for: id)
                    }
                }
                #expect(await ask() == .busy)
                leaver.cancel()
                guard case .refused(let error) = await leaver.value else {
                    Issue.record("it was answered")
                    return
                }
                #expect(error.code == .cancelled)
                group.addTask { await ask() }
                _ = try? await next(inbox)
                await hub.close(id)
                var count = 0
                for await answer in group {
                    #expect(answer == .unreachable)
                    count += 1
                }
                #expect(count == EdgeReranks.workerCountMax)
            }
        }
    }

    @Test func `reranks go on while the database keeps the hub waiting`() async throws {
        try await TestDispatch.with { dispatch in
            let (hub, worker) = (dispatch.hub, try await dispatch.worker("edge-1"))
            let (id, stream) = try await hub.open(worker, dispatch.hello(reranks: true))
            let inbox = Inbox(stream)
            let other = try await dispatch.worker("edge-2")
            let locks =
                """
                from pg_locks where relation = 'ls.worker_presence'::regclass and mode = \
                'AccessExclusiveLock'
                """
            let blocking = Task {
                try await dispatch.pool.execute(
                    """
                    do $$ begin lock table ls.worker_presence in access exclusive mode;
                        perform pg_sleep(120); end $$
                    """)
            }
            func isThere(_ query: String) async throws -> Bool {
                try await dispatch.pool.execute("select exists (\(query))").one()
                    .decode(Bool.self)
            }
            while try await !isThere("select \(locks) and granted") { await Task.yield() }
            let opening = Task { try await hub.open(other, dispatch.hello(reranks: true)) }
            while try await !isThere(
                """
                select from pg_locks where relation = 'ls.worker_presence'::regclass and not granted
                """
            ) {
                await Task.yield()
            }

            async let answer = hub.rerank(on: worker.id, group(), within: Self.long)
            let number = try await next(inbox)
            #expect(await hub.takeRerank(number, for: id) != nil)
            await hub.rerankAnswered(
                EdgeRerankReply(number: number, .scored([1, 0], compute: .zero)), by: id)
            #expect(await answer == .scored([1, 0], compute: .zero))
            #expect(await hub.rerank(on: other.id, group(), within: Self.long) == .unreachable)

            _ = try await dispatch.pool.execute(
                "select pg_cancel_backend(pid) \(locks) and granted")
            _ = await blocking.result
            _ = try await opening.value
        }
    }
}
