// How long to pause between attempts to reach a server that does not answer: doubling, bounded,
// and jittered over half its length, so that many clients do not come back at the same moment.

package struct Backoff: Sendable {
    let first: Duration
    let most: Duration

    package init(first: Duration = .milliseconds(50), most: Duration = .seconds(5)) {
        self.first = first
        self.most = most
    }

    /// The pause after this many failures in a row, from 1.
    func pause(
        failureCount: Int, using generator: inout some RandomNumberGenerator
    ) -> Duration {
        let doublings = max(0, min(failureCount - 1, 30))
        let whole = min(most, first * (1 << doublings))
        return whole * Double.random(in: 0.5...1, using: &generator)
    }

    package func pause(failureCount: Int) -> Duration {
        var generator = SystemRandomNumberGenerator()
        return pause(failureCount: failureCount, using: &generator)
    }
}
