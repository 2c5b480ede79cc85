// Times single calls of several cases in turns, so that a change of the machine's clock meets all
// of them.
import Benchmarking
import RankerMath

/// The times of calls. Each case calls the same rankers in the same random order.
struct CallTimes {
    static let turn = 25
    private var seconds: [[Double]]
    private var generators: [Generator]
    private let rankerCount: Int
    private let clock = ContinuousClock()

    init(caseCount: Int, rankerCount: Int) {
        seconds = Array(repeating: [], count: caseCount)
        generators = Array(repeating: Generator(seed: 4), count: caseCount)
        self.rankerCount = rankerCount
    }

    /// The number of calls of each case so far, without the warm-up.
    var callCount: Int { seconds[0].count }

    func times(_ index: Int) -> Times { Times(seconds[index]) }

    /// Calls each ranker once, untimed: its first call allocates what the later ones use.
    func warmUp(_ body: (Int) throws -> Void) rethrows {
        for ranker in 0..<rankerCount { try body(ranker) }
    }

    /// One turn of case `index`; `body` gets the ranker to call. Its time is divided by `parts`.
    mutating func takeTurn(
        _ index: Int, of parts: Int = 1, _ body: (Int) throws -> Void
    ) rethrows {
        for _ in 0..<max(1, Self.turn / parts) {
            let ranker = generators[index].below(rankerCount)
            let start = clock.now
            try body(ranker)
            seconds[index].append((clock.now - start).inSeconds / Double(parts))
        }
    }
}
