import Concurrency
import Testing

@Suite struct `Circuit breaker` {
    private let start = ContinuousClock.now

    private func second(_ count: Double) -> ContinuousClock.Instant { start + .seconds(count) }

    private func expect(
        _ breaker: inout CircuitBreaker, admits expected: Bool, at now: ContinuousClock.Instant
    ) {
        let isAdmitted = breaker.admits(at: now)
        #expect(isAdmitted == expected)
    }

    @Test func `opens after so many failures in a row, and not before`() {
        var breaker = CircuitBreaker(failureCountMax: 3, cooldown: .seconds(1))
        breaker.failed(at: second(0))
        breaker.failed(at: second(0))
        #expect(!breaker.isOpen(at: second(0)))
        breaker.failed(at: second(0))
        #expect(breaker.isOpen(at: second(0.999)))
        #expect(!breaker.isOpen(at: second(1)))
    }

    @Test func `counts failures from zero after a success`() {
        var breaker = CircuitBreaker(failureCountMax: 2, cooldown: .seconds(1))
        breaker.failed(at: second(0))
        breaker.succeeded(at: second(0))
        breaker.failed(at: second(0))
        #expect(!breaker.isOpen(at: second(0)))
    }

    @Test func `lets one caller try after the cooldown, and keeps the others waiting`() {
        var breaker = CircuitBreaker(cooldown: .seconds(1))
        breaker.failed(at: second(0))
        expect(&breaker, admits: false, at: second(0.5))
        expect(&breaker, admits: true, at: second(1))
        expect(&breaker, admits: false, at: second(1.5))
        expect(&breaker, admits: true, at: second(2))
        breaker.succeeded(at: second(2.1))
        expect(&breaker, admits: true, at: second(2.1))
        expect(&breaker, admits: true, at: second(2.1))
    }

    @Test func `opens again at the first failure after a cooldown`() {
        var breaker = CircuitBreaker(failureCountMax: 3, cooldown: .seconds(1))
        for _ in 0..<3 { breaker.failed(at: second(0)) }
        breaker.failed(at: second(5))
        #expect(breaker.isOpen(at: second(5.5)))
    }

    @Test func `stays closed when somebody was answered since the failing one asked`() {
        var breaker = CircuitBreaker(cooldown: .seconds(1))
        breaker.succeeded(at: second(1))
        breaker.failed(since: second(0), at: second(2))
        #expect(!breaker.isOpen(at: second(2)))
        breaker.failed(since: second(1.5), at: second(2))
        #expect(breaker.isOpen(at: second(2)))
    }
}
