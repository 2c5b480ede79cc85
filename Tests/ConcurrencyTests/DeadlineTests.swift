import Concurrency
import Testing

@Suite struct `Waiting until a deadline` {
    private struct Failure: Error {}

    @Test func `brings what was ready in time`() async throws {
        #expect(try await withDeadline(within: .seconds(600)) { 7 } == 7)
    }

    @Test func `says what went wrong in time`() async {
        await #expect(throws: Failure.self) {
            try await withDeadline(within: .seconds(600)) { throw Failure() }
        }
    }

    @Test func `cancels what takes longer, and brings nothing`() async throws {
        let wasCancelled = Locked(false)
        let found: Int? = try await withDeadline(within: .milliseconds(1)) {
            try? await Task.sleep(for: .seconds(600))
            wasCancelled.withLock { $0 = Task.isCancelled }
            return 7
        }
        #expect(found == nil)
        #expect(wasCancelled.withLock { $0 })
    }

    @Test func `is over at once when the deadline has passed`() async throws {
        let clock = ContinuousClock()
        let found: Int? = try await withDeadline(clock.now - .seconds(1), clock: clock) {
            try await Task.sleep(for: .seconds(600))
            return 7
        }
        #expect(found == nil)
    }

    @Test func `lets what it waits for say how a cancelled wait ends`() async {
        let waiting = Task {
            try await withDeadline(within: .seconds(600)) {
                try? await Task.sleep(for: .seconds(600))
                throw Failure()
            }
        }
        waiting.cancel()
        await #expect(throws: Failure.self) { try await waiting.value }
    }
}

@Suite struct `Waiting until an interruption` {
    private struct Failure: Error {}

    @Test func `what is ready before the interruption is brought`() async throws {
        let found = try await withInterruption {
            try await Task.sleep(for: .seconds(600))
        } _: {
            7
        }
        #expect(found == 7)
    }

    @Test func `what takes longer is cancelled, and nothing is brought`() async throws {
        let wasCancelled = Locked(false)
        let found: Int? = try await withInterruption {
        } _: {
            try? await Task.sleep(for: .seconds(600))
            wasCancelled.withLock { $0 = Task.isCancelled }
            return 7
        }
        #expect(found == nil)
        #expect(wasCancelled.withLock { $0 })
    }

    @Test func `an interruption that fails never comes`() async throws {
        let found = try await withInterruption {
            throw Failure()
        } _: {
            await Task.yield()
            return 7
        }
        #expect(found == 7)
    }
}
