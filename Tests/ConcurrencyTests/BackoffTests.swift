import Concurrency
import Testing

@Suite struct `Backoff before the next try` {
    @Test func `doubles up to its most, and begins again after a success`() {
        var backoff = Backoff(first: .milliseconds(100), most: .seconds(1))
        let pauses = (0..<6).map { _ in backoff.next(chance: 1) }
        #expect(pauses == [100, 200, 400, 800, 1_000, 1_000].map { .milliseconds($0) })
        backoff.reset()
        #expect(backoff.next(chance: 1) == .milliseconds(100))
    }

    @Test(arguments: [0.0, 0.5, 1.0])
    func `takes between half of the pause and all of it`(chance: Double) {
        let pause = Backoff(first: .seconds(1), most: .seconds(8)).pause(
            failureCount: 3, chance: chance)
        #expect(pause == .seconds(4) * (0.5 + 0.5 * chance))
    }

    @Test(arguments: [Int.min, 0, 1])
    func `begins with the first pause whatever came before a failure`(failureCount: Int) {
        let backoff = Backoff(first: .seconds(1), most: .seconds(8))
        #expect(backoff.pause(failureCount: failureCount, chance: 1) == .seconds(1))
    }

    @Test func `stays bounded after a month of failures`() {
        let backoff = Backoff(first: .milliseconds(50), most: .seconds(5))
        #expect(backoff.pause(failureCount: .max, chance: 1) == .seconds(5))
    }
}
