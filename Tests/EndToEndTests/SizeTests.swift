// What must not grow with the registry: no operation reads a big table from one end to the other.
import Foundation
import Testing

@Suite(.timeLimit(.minutes(20))) struct `The ledger at size` {
    @Test func `a large ledger is read by index, whatever is asked`() async throws {
        let ending = try await run(
            Programs.path("lsbench"),
            [
                "ledger", "--rankers", "30000", "--tasks", "60000", "--versions", "20", "--calls",
                "10", "--strict", "--directory", Programs.temporaryDirectory.path,
            ], within: 240)
        #expect(ending.status == 0, "\(ending)")
        #expect(ending.output.contains(/route: user and domain +\d+ +\d+ +\d/), "\(ending)")
    }
}
