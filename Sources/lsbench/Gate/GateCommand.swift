// `lsbench gate`: what a gate that promotes on evidence does in the long run, beside a t test and
// the greater figure. No clock is read: the figures are the same on every machine for the same
// seed, but for those of real retrains, whose last bits depend on the processor.
import ArgumentParser
import Benchmarking
import LanguageSystem
import RankerMath
import Rankers

struct GateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "gate",
        abstract: "Simulate promotions on evidence, of equal, better and retrained versions.",
        discussion: """
            Counts how often a version is promoted that is not better: by an e-value of 20, by a \
            t test and by
            the greater figure, by which the coordinator's gate went before. Ends with status 1 \
            when a bar is
            not held. With --features also trains real versions of one recipe on the train sets \
            beneath a
            directory, and measures them on its test sets: one half of the queries decides, the \
            other tells
            whether the promoted version was worse.

            Examples:
              lsbench gate --seed 7
              lsbench gate --features deploy/examples/math --json
            """)

    @Option(help: "The same seed gives the same figures.") var seed: UInt64 = 1
    @Option(help: "How often each row is played.") var lines = 5_000
    @Option(
        help: ArgumentHelp("Directory of feature files, train and test.", valueName: "dir"))
    var features: String?
    @Option(help: "How many versions are trained with --features.") var retrains = 40
    @Option(help: "listwise or pointwise, with --features.") var kind: RankerKind = .listwise
    @Option(help: "Threads that train.") var threads = 2
    @Flag(help: "One JSON line a row.") var json = false

    func validate() throws {
        guard (1...1_000_000).contains(lines), (2...1_000).contains(retrains),
            (1...256).contains(threads)
        else {
            throw ValidationError(
                "expected 1 to 1000000 lines, 2 to 1000 retrains and 1 to 256 threads")
        }
    }

    func run() throws {
        let simulation = GateSimulation(seed: seed, lineCount: lines)
        let columns =
            json
            ? nil
            : Columns([("what is counted", 78), ("measured", 9), ("bar", 8), ("of", 8), ("", 6)])
        var areAllHeld = true
        func show(_ rows: [GateRow]) {
            for row in rows {
                areAllHeld = areAllHeld && row.holds
                if let columns { columns.row(Self.cells(row)) } else { print(oneLine(row)) }
            }
        }
        for (index, shape) in DifferenceShape.allCases.enumerated() {
            show([simulation.nullLookedAtAlways(shape, stream: UInt64(index))])
        }
        show(simulation.equalCandidates(stream: 10))
        show(simulation.retrainedCandidates(stream: 11))
        show([simulation.power(deviation: 0.21, atLeast: 0.85, stream: 12)])
        show([simulation.power(deviation: 0.27, atLeast: 0.6, stream: 13)])
        show(simulation.harmedStrata(points: 30, queryCount: 50, stream: 14))
        show(simulation.harmedStrata(points: 20, queryCount: 100, stream: 15))
        if let features {
            show(simulation.realRetrains(try retrained(features), stream: 16))
        }
        if !areAllHeld { throw ExitCode(1) }
    }

    private static func cells(_ row: GateRow) -> [String] {
        let percent = text(100 * row.measured, 2) + " %"
        let bar =
            switch row.bar {
            case .atMost(let most): "<= \(text(100 * most, 0)) %"
            case .atLeast(let least): ">= \(text(100 * least, 0)) %"
            case .none: ""
            }
        return [
            row.name, percent, bar, "\(row.count)",
            row.bar == .none ? "" : row.holds ? "holds" : "BROKEN",
        ]
    }

    /// The mean labels of versions that differ by their seed alone, query by query over all test
    /// sets.
    private func retrained(_ directory: String) throws -> [[Double]] {
        let (train, test) = try trainAndTestSets(beneath: directory)
        let configuration = RankerConfiguration.preset(
            kind: kind, hiddenSize: train[0].hiddenSize)
        return try (0..<retrains).map { index in
            var plan = TrainingConfiguration.preset(kind: kind)
            plan.seed = seed &* 1_000 &+ UInt64(index)
            let weights = try Rankers.train(
                configuration, plan, on: train, threadCount: threads
            ).weights
            return try test.flatMap { set in
                let report = try evaluate(weights, on: set, threadCount: threads)
                return (report.queryValues ?? []).map(Double.init)
            }
        }
    }
}
