// Whoever does not answer is left alone for a while: each request would otherwise wait its whole
// patience for them. A value that reads only the time it is given.

/// Opens after failures in a row, and lets one caller try again after the cooldown.
public struct CircuitBreaker: Sendable {
    public typealias Instant = ContinuousClock.Instant

    /// How many failures in a row open it.
    public let failureCountMax: Int
    /// How long nobody asks then.
    public let cooldown: Duration

    private var failureCount = 0
    private var openUntil: Instant?
    private var succeededAt: Instant?

    public init(failureCountMax: Int = 1, cooldown: Duration) {
        precondition(failureCountMax > 0, "no failure opens nothing")
        self.failureCountMax = failureCountMax
        self.cooldown = cooldown
    }

    /// Whether it is not worth asking at `now`. Changes nothing: for those who only look.
    public func isOpen(at now: Instant) -> Bool { openUntil.map { now < $0 } ?? false }

    /// Whether the caller may ask at `now`. After a cooldown one may; the others wait another one
    /// for how that ends.
    public mutating func admits(at now: Instant) -> Bool {
        guard let until = openUntil else { return true }
        guard now >= until else { return false }
        openUntil = now + cooldown
        return true
    }

    /// An answer came: the circuit is closed.
    public mutating func succeeded(at now: Instant) {
        failureCount = 0
        openUntil = nil
        succeededAt = now
    }

    /// No answer came to who asked at `began`.
    ///
    /// - Parameter began: When it was asked. A success since then counts more: who answers others
    ///   has much to do, but is there. Nil: this failure counts whatever came meanwhile.
    public mutating func failed(since began: Instant? = nil, at now: Instant) {
        if let began, let succeededAt, succeededAt >= began { return }
        failureCount = min(failureCount + 1, failureCountMax)
        if failureCount >= failureCountMax { openUntil = now + cooldown }
    }
}
