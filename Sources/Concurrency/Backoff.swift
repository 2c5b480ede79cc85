// How long to wait before trying again. A value: chance comes in from outside.

/// `first`, twice that, four times that … up to `most`, each shortened by chance to between half
/// and all of it, so that many who lost the same server do not return at the same moment.
public struct Backoff: Sendable, Equatable {
    public let first: Duration
    public let most: Duration
    private var failureCount = 0

    public init(first: Duration, most: Duration) {
        self.first = first
        self.most = most
    }

    /// The pause after one more failure in a row.
    ///
    /// - Parameter chance: 0 to 1.
    public mutating func next(chance: Double = .random(in: 0...1)) -> Duration {
        failureCount += 1
        return pause(failureCount: failureCount, chance: chance)
    }

    /// It went well: the next failure is the first again.
    public mutating func reset() { failureCount = 0 }

    /// The pause after so many failures in a row, from 1 on.
    ///
    /// - Parameter chance: 0 to 1.
    public func pause(failureCount: Int, chance: Double = .random(in: 0...1)) -> Duration {
        let doublings = min(max(failureCount, 1), 31) - 1
        return min(most, first * (1 << doublings)) * (0.5 + 0.5 * chance)
    }
}
