import Concurrency
import Testing

@Suite struct `Single flight` {
    private struct Failure: Error {}

    /// Lets a flight end when the test says so, and counts how often it began.
    private final class Gate: Sendable {
        private let (opened, opening) = AsyncStream.makeStream(of: Void.self)
        private let begun = Locked(0)

        var beginCount: Int { begun.withLock { $0 } }

        func pass() async {
            begun.withLock { $0 += 1 }
            for await _ in opened {}
        }

        func open() { opening.finish() }
    }

    @Test func `does once what many ask for, and tells all of them`() async throws {
        let flight = SingleFlight<String, Int>(), gate = Gate()
        let asked = AsyncStream.makeStream(of: Void.self)
        try await withThrowingTaskGroup(of: Int.self) { group in
            for _ in 0..<100 {
                group.addTask {
                    asked.continuation.yield()
                    return try await flight.value(for: "a") {
                        await gate.pass()
                        return 7
                    }
                }
            }
            var count = 0
            for await _ in asked.stream {
                count += 1
                if count == 100 { break }
            }
            gate.open()
            for try await value in group { #expect(value == 7) }
        }
        // Those that asked after the first flight had ended began another.
        #expect((1...100).contains(gate.beginCount))
    }

    @Test func `is one flight for all who ask while it is under way`() async throws {
        let flight = SingleFlight<String, Int>(), gate = Gate()
        flight.start("a") {
            await gate.pass()
            return 7
        }
        async let first = flight.value(for: "a") { 8 }
        async let second = flight.value(for: "a") { 9 }
        // Whoever waits no longer than nothing at all joins the flight, too.
        #expect(try await flight.value(for: "a", within: .zero) { 10 } == nil)
        flight.start("a") { 11 }
        gate.open()
        let found = try await [first, second]
        // A caller that came after the end had its own.
        #expect(found.allSatisfy { [7, 8, 9].contains($0) })
        #expect(gate.beginCount == 1)
    }

    @Test func `tells its failure to those who wait, and remembers nothing`() async throws {
        let flight = SingleFlight<String, Int>()
        await #expect(throws: Failure.self) {
            try await flight.value(for: "a") { throw Failure() }
        }
        #expect(try await flight.value(for: "a") { 7 } == 7)
    }

    @Test func `goes on when the one that began it leaves`() async throws {
        let flight = SingleFlight<String, Int>(), gate = Gate()
        let began = AsyncStream.makeStream(of: Void.self)
        let first = Task {
            try await flight.value(for: "a") {
                began.continuation.finish()
                await gate.pass()
                return Task.isCancelled ? 0 : 7
            }
        }
        for await _ in began.stream {}
        first.cancel()
        await #expect(throws: CancellationError.self) { try await first.value }
        async let second = flight.value(for: "a") { 8 }
        gate.open()
        #expect([7, 8].contains(try await second))
        #expect(gate.beginCount == 1)
    }

    @Test func `keeps what is asked for apart by key`() async throws {
        let flight = SingleFlight<String, String>()
        async let a = flight.value(for: "a") { "of a" }
        async let b = flight.value(for: "b") { "of b" }
        #expect(try await [a, b] == ["of a", "of b"])
    }

    @Test func `begins nothing for a caller that is cancelled already`() async {
        let flight = SingleFlight<String, Int>(), count = Locked(0)
        let caller = Task {
            while !Task.isCancelled { await Task.yield() }
            return try await flight.value(for: "a") {
                count.withLock {
                    $0 += 1; return $0
                }
            }
        }
        caller.cancel()
        await #expect(throws: CancellationError.self) { try await caller.value }
        #expect(count.withLock { $0 } == 0)
    }

    @Test func `loses nobody among thousands that come and leave`() async {
        let flight = SingleFlight<Int, Int>()
        await withTaskGroup(of: Void.self) { group in
            for index in 0..<4_000 {
                group.addTask {
                    let caller = Task {
                        try await flight.value(for: index % 7) {
                            await Task.yield()
                            return index % 7
                        }
                    }
                    if index % 3 == 0 { caller.cancel() }
                    if let found = try? await caller.value { #expect(found == index % 7) }
                }
            }
        }
    }
}
