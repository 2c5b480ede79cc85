import Concurrency
import Foundation
import Testing

@Suite struct `Threads of our own` {
    private struct Failure: Error {}

    private actor OnThread {
        private nonisolated let executor = ThreadExecutor(name: "test")
        nonisolated var unownedExecutor: UnownedSerialExecutor {
            executor.asUnownedSerialExecutor()
        }
        private var values: [Int] = []

        func add(_ value: Int) -> String {
            values.append(value)
            return Thread.current.name ?? ""
        }

        var sum: Int { values.reduce(0, +) }
        nonisolated func assumed() { preconditionIsolated() }
        func checked() { assumed() }
    }

    @Test func `give an actor one thread, and run its jobs one after another`() async {
        let actor = OnThread()
        await withTaskGroup(of: Void.self) { group in
            for value in 1...1_000 { group.addTask { _ = await actor.add(value) } }
        }
        #expect(await actor.sum == 500_500)
        await actor.checked()
    }

    @Test func `bring what a job brings, and what it throws`() async throws {
        let pool = ThreadPool(name: "test", threadCount: 2)
        #expect(try await pool.run { 7 } == 7)
        await #expect(throws: Failure.self) { try await pool.run { throw Failure() } }
        #expect(await onThread(named: "test") { 8 } == 8)
        await #expect(throws: Failure.self) {
            try await onThread(named: "test") { throw Failure() }
        }
    }

    @Test func `refuse a job when as many wait as may`() async throws {
        let pool = ThreadPool(name: "test", threadCount: 1, depthMax: 1)
        let isFree = DispatchSemaphore(value: 0), isBusy = DispatchSemaphore(value: 0)
        #expect(
            pool.submit {
                isBusy.signal()
                isFree.wait()
            })
        await onThread(named: "test") { isBusy.wait() }
        async let waiting = pool.run { 7 }
        while pool.depth == 0 { await Task.yield() }
        #expect(!pool.submit {})
        #expect(try await pool.run { 8 } == nil)
        isFree.signal()
        #expect(try await waiting == 7)
        #expect(pool.depth == 0)
    }

    @Test func `do what waits before they end`() async {
        let (done, doing) = AsyncStream.makeStream(of: Int.self)
        do {
            let pool = ThreadPool(name: "test", threadCount: 1)
            for index in 0..<500 { #expect(pool.submit { doing.yield(index) }) }
            _ = pool.submit { doing.finish() }
        }
        var seen: [Int] = []
        for await index in done { seen.append(index) }
        #expect(seen == Array(0..<500))
    }

    @Test func `keep nothing of a job that has ended`() async throws {
        final class Payload: Sendable {}
        let pool = ThreadPool(name: "test", threadCount: 1)
        weak var seen: Payload?
        do {
            let payload = Payload()
            seen = payload
            _ = try await pool.run { [payload] in withExtendedLifetime(payload) {} }
        }
        // The thread lets go a moment after it has answered.
        while seen != nil { try await Task.sleep(for: .milliseconds(1)) }
    }
}
