// What a run that is shared promises: it begins after whoever waits for it asked, and there are
// few.
import Concurrency
import Testing

@Suite(.timeLimit(.minutes(1))) struct `Fresh flight` {
    private struct Failure: Error {}

    /// Notes how many runs began; each waits to be let on, until it is open to all.
    private actor Source {
        private(set) var begunCount = 0
        private var isOpen = false
        private var waiting: [CheckedContinuation<Void, Never>] = []

        func read() async -> Int {
            begunCount += 1
            let number = begunCount
            if !isOpen { await withCheckedContinuation { waiting.append($0) } }
            return number
        }

        func letOn() {
            for one in waiting { one.resume() }
            waiting = []
        }

        func open() {
            isOpen = true
            letOn()
        }
    }

    private func begun(_ count: Int, _ source: Source) async {
        while await source.begunCount < count { await Task.yield() }
    }

    @Test func `who asks while one run is under way shares the next with all others`() async throws
    {
        let source = Source(), flight = FreshFlight<Int>(spacing: .zero)
        let first = Task { try await flight.value { await source.read() } }
        await begun(1, source)
        let (asked, asking) = AsyncStream.makeStream(of: Void.self)
        try await withThrowingTaskGroup(of: Int.self) { group in
            for _ in 0..<1_000 {
                group.addTask {
                    asking.yield()
                    return try await flight.value { await source.read() }
                }
            }
            var askedCount = 0
            for await _ in asked {
                askedCount += 1
                if askedCount == 1_000 { break }
            }
            #expect(await source.begunCount == 1)
            await source.open()
            #expect(try await first.value == 1)
            for try await number in group { #expect(number >= 2) }
        }
        // A few that were about to ask may have come after the second began.
        #expect(await source.begunCount < 100)
    }

    @Test func `a run soon after another waits for its time, and is shared meanwhile`() async throws
    {
        let source = Source(), flight = FreshFlight<Int>(spacing: .milliseconds(300))
        let clock = ContinuousClock(), began = clock.now
        async let first = flight.value { await source.read() }
        await begun(1, source)
        await source.letOn()
        let number = try await first
        #expect(number == 1)
        async let second = flight.value { await source.read() }
        async let third = flight.value { await source.read() }
        await begun(2, source)
        #expect(clock.now - began >= .milliseconds(300))
        await source.open()
        let found = try await [second, third]
        // On a full machine one of them may have asked when the second had begun.
        #expect(found.allSatisfy { (2...3).contains($0) })
    }

    @Test func `a failure is told to those who asked, and the next run is tried`() async throws {
        let flight = FreshFlight<Int>(spacing: .zero)
        await #expect(throws: Failure.self) { try await flight.value { throw Failure() } }
        #expect(try await flight.value { 7 } == 7)
    }

    @Test func `who leaves ends the run for nobody else, before it begins and after`() async throws
    {
        let source = Source(), flight = FreshFlight<Int>(spacing: .zero)
        let first = Task { try await flight.value { await source.read() } }
        await begun(1, source)
        let second = Task { try await flight.value { await source.read() } }
        second.cancel()
        first.cancel()
        for one in [first, second] {
            await #expect(throws: CancellationError.self) { try await one.value }
        }
        async let third = flight.value { await source.read() }
        await source.open()
        let number = try await third
        #expect(number == 2)
    }

    @Test func `who waits no longer than the patience leaves without a value`() async throws {
        let source = Source(), flight = FreshFlight<Int>(spacing: .zero)
        // While one run is under way, the next cannot begin.
        let first = Task { try await flight.value { await source.read() } }
        await begun(1, source)
        #expect(try await flight.value(within: .milliseconds(20)) { await source.read() } == nil)
        await source.letOn()
        #expect(try await first.value == 1)
        #expect(try await flight.value(within: .seconds(600)) { 7 } == 7)
    }
}
