// The first signal only: the second ends the process, and this one runs the tests.
import Foundation
import ProgramSupport
import Testing

@Suite(.serialized) struct `Stop signals` {
    @Test(.timeLimit(.minutes(1)), arguments: [SIGTERM, SIGINT])
    func `start what the program asked for, while it goes on working`(number: Int32) async throws {
        let (stopped, continuation) = AsyncStream<Void>.makeStream()
        let result = try await StopSignals.during { signals in
            await signals.onFirst { continuation.finish() }
            kill(getpid(), number)
            // Ends when the action does.
            for await _ in stopped {}
            return "finished"
        }
        #expect(result == "finished")
    }

    @Test func `are no longer listened to once the work has ended`() async throws {
        struct Failure: Error {}
        await #expect(throws: Failure.self) {
            try await StopSignals.during { _ in throw Failure() }
        }
        #expect(try await StopSignals.during { _ in 7 } == 7)
    }
}
