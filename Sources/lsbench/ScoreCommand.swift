// `lsbench score`: groups on one thread, straight from float16, as requests would bring them;
// interleaved with the bare float32 product of one group's projection, so that the ratio of the
// two holds on a machine whose clock moves.
import ArgumentParser
import Benchmarking
import LanguageSystem
import RankerMath
import Rankers

struct ScoreCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "score", abstract: "Time the scoring of groups on one thread.")

    @Option(
        name: .long, parsing: .upToNextOption,
        help: "Kinds of rankers to time: listwise, pointwise or both.")
    var kind: [RankerKind] = RankerKind.allCases
    @Option(help: "Numbers of one feature.") var hiddenSize = 4096
    @Option(help: "Candidates, 1 to 1024.") var candidates = 10
    @Option(
        name: .long, parsing: .upToNextOption,
        help: "Number of rankers, called at random; 1 stays in the processor's cache, 100 do not.")
    var rankers = [1, 100]
    @Option(help: "Calls of each.") var calls = 3_000
    @Option(help: "Groups in a batch, 2 to 1000; times are per group.") var batch = 32
    @Option(help: "float32 or bfloat16.") var precision: Precision = .float32

    func validate() throws {
        guard (1...Bounds.hiddenSizeMax).contains(hiddenSize),
            (1...RankerScorer.candidateCountMax).contains(candidates),
            (1...1_000_000).contains(calls), (2...1_000).contains(batch), !kind.isEmpty,
            !rankers.isEmpty,
            rankers.allSatisfy({ (1...10_000).contains($0) })
        else {
            throw ValidationError(
                "expected hidden size 1 to \(Bounds.hiddenSizeMax), 1 to "
                    + "\(RankerScorer.candidateCountMax) candidates, 1 to 1000000 calls, "
                    + "batches of 2 to 1000 and 1 to 10000 rankers")
        }
    }

    func run() throws {
        try precision.check(for: "score")
        let peak = MachinePeak.gigaflops(threadCount: 1)
        let columns = Columns(ScoreCase.heading)
        var lines: [String] = []
        for rankerCount in rankers {
            for measured in try measure(rankerCount: rankerCount, peak: peak) {
                columns.row(measured.cells)
                lines.append(oneLine(measured))
            }
        }
        for line in lines { print(line) }
    }

    /// Measures all cases for one number of rankers.
    private func measure(rankerCount: Int, peak: Double) throws -> [ScoreCase] {
        let product = BareProduct(
            rows: candidates + 1, hiddenSize: hiddenSize, rankerCount: rankerCount)
        let ways = BareProduct.Way.allCases
        let groups = [1, batch].flatMap { groupCount in
            kind.map {
                ScoringCase(
                    kind: $0, precision: precision, hiddenSize: hiddenSize,
                    candidateCount: candidates, groupCount: groupCount, rankerCount: rankerCount)
            }
        }
        var turns = CallTimes(caseCount: groups.count + ways.count, rankerCount: rankerCount)
        for way in ways { turns.warmUp { product.run(way, ranker: $0) } }
        for group in groups { try turns.warmUp { try group.score(ranker: $0) } }
        while turns.callCount < calls {
            for (index, way) in ways.enumerated() {
                turns.takeTurn(index) { product.run(way, ranker: $0) }
            }
            for (index, group) in groups.enumerated() {
                try turns.takeTurn(ways.count + index, of: group.groupCount) {
                    try group.score(ranker: $0)
                }
            }
        }
        let bare = turns.times(0)
        let shape = (rankerCount, candidates + 1, hiddenSize)
        return ways.enumerated().map { index, way in
            ScoreCase(way.rawValue, 1, turns.times(index), bare, product.operations, shape, peak)
        }
            + groups.enumerated().map { index, group in
                ScoreCase(
                    "\(group.kind.rawValue) \(precision.rawValue)", group.groupCount,
                    turns.times(ways.count + index), bare, group.operations, shape, peak)
            }
    }
}
