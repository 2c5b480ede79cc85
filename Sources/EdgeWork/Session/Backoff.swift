// How long to wait before trying again. A value: chance comes in from outside.

/// 0.25 s, 0.5 s, 1 s … up to `maximum`, each shortened by chance to between half and all of it, so
/// that many workers do not return to a restarted coordinator at the same moment.
public struct Backoff: Sendable, Equatable {
    let initial: Duration
    let maximum: Duration
    private var failureCount = 0

    public init(initial: Duration = .milliseconds(250), maximum: Duration = .seconds(5)) {
        self.initial = initial
        self.maximum = maximum
    }

    /// - Parameter chance: From 0 to 1.
    public mutating func next(chance: Double = .random(in: 0...1)) -> Duration {
        let whole = min(initial * (1 << min(failureCount, 16)), maximum)
        failureCount += 1
        return whole * (0.5 + 0.5 * chance)
    }

    public mutating func reset() { failureCount = 0 }
}
