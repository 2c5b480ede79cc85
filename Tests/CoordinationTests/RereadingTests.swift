// What a reading that is shared promises: it begins after whoever waits for it asked, and there
// are few.
import Foundation
import Testing

@testable import Coordination

@Suite(.timeLimit(.minutes(1))) struct `Reading again` {
    /// Notes how many readings began; each waits to be let on.
    private actor Source {
        private(set) var begunCount = 0
        private var waiting: [CheckedContinuation<Void, Never>] = []

        func read() async {
            begunCount += 1
            await withCheckedContinuation { waiting.append($0) }
        }

        func letOn() {
            for one in waiting { one.resume() }
            waiting = []
        }
    }

    private func begun(_ count: Int, _ source: Source) async {
        while await source.begunCount < count { await Task.yield() }
    }

    @Test func `whoever asks while one is under way waits for the one after it, with all others`()
        async throws
    {
        let (source, readings) = (Source(), Rereading(spacing: .zero))
        let first = readings.fromNow { await source.read() }
        await begun(1, source)
        let later = (0..<1_000).map { _ in readings.fromNow { await source.read() } }
        #expect(Set(later).count == 1 && later[0] != first)
        #expect(await source.begunCount == 1)
        await source.letOn()
        try await first.value
        await begun(2, source)
        await source.letOn()
        for one in later { try await one.value }
        #expect(await source.begunCount == 2)
    }

    @Test func `one that comes soon after another waits for its time, and is shared meanwhile`()
        async throws
    {
        let (source, readings) = (Source(), Rereading(spacing: .seconds(3_600)))
        let first = readings.fromNow { await source.read() }
        await begun(1, source)
        await source.letOn()
        try await first.value
        let second = readings.fromNow { await source.read() }
        let third = readings.fromNow { await source.read() }
        #expect(second == third)
        #expect(await source.begunCount == 1)
        second.cancel()
        await begun(2, source)
        await source.letOn()
        try await second.value
    }

    @Test func `one that failed is told to those who asked for it, and the next is tried`()
        async throws
    {
        let readings = Rereading(spacing: .zero)
        let failed = readings.fromNow { throw CancellationError() }
        await #expect(throws: CancellationError.self) { try await failed.value }
        try await readings.fromNow {}.value
    }
}
