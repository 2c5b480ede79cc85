// `lsbench signals`: what a ranker adds to signals that cost nothing, and they to it. Trains
// presets on the train sets beneath a directory and measures every rule on its test sets.
import ArgumentParser
import Benchmarking
import LanguageSystem
import RankerMath
import Rankers

struct SignalsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "signals",
        abstract: "Compare a ranker, the signals of its candidates and their combination.",
        discussion: """
            Trains on the train sets beneath a directory, fits the combiner, and measures on its \
            test sets what each
            rule picks: the ranker alone, each signal alone, votes, and the combination with and \
            without the ranker.

            --hold-out-levels deals the levels of each domain, which the JSONL beside a feature \
            file names, into folds. Each fold's test queries are measured with a ranker and a \
            combiner that were trained on the train queries of the other folds' levels; the picks \
            of all folds make one table.

            Examples:
              lsbench signals --features features_own --repeats 5
              lsbench signals --features features_own --hold-out-levels 5
              lsbench signals --features deploy/examples/math --kind pointwise --json
            """)

    @Option(help: ArgumentHelp("Directory of feature files, train and test.", valueName: "dir"))
    var features: String
    @Option(help: "listwise or pointwise.") var kind: RankerKind = .listwise
    @Option(help: "Number of runs; each uses the next seed.") var repeats = 5
    @Option(help: "Seed of the first run.") var seed: UInt64 = 1
    @Option(help: "Number of candidates (K) to evaluate on.") var candidates = 10
    @Option(help: "Training configuration as JSON, in place of the preset.") var training: String?
    @Option(
        help: ArgumentHelp(
            "Measure on levels that were not trained on, in so many folds.", valueName: "folds"))
    var holdOutLevels: Int?
    @Option(help: "Threads, 1 to 256.") var threads = 1
    @Flag(help: "One JSON line a rule.") var json = false

    func validate() throws {
        guard (1...1_000).contains(repeats), (1...256).contains(threads) else {
            throw ValidationError("expected 1 to 1000 repeats and 1 to 256 threads")
        }
        guard (holdOutLevels ?? 2) >= 2 else {
            throw ValidationError("expected 2 or more folds of levels")
        }
    }

    func run() throws {
        let (train, test) = try trainAndTestSets(beneath: features)
        let levels = try holdOutLevels.map { try LevelFolds(of: train + test, count: $0) }
        let trials =
            try levels.map { try Trial.holdingOut($0, train, test) } ?? [
                Trial(train: train, test: test.map { ($0, Array(0..<$0.queryCount)) })
            ]
        var rules = RuleTable()
        var seconds: [Double] = []
        for index in 0..<repeats {
            let measured = try trials.map { trial in
                let weights = try trained(on: trial.train, seed: seed &+ UInt64(index), &seconds)
                return try trial.test.map { set, queries in
                    let report = try evaluate(
                        weights, on: set, EvaluationConfiguration(candidateCount: candidates),
                        threadCount: threads)
                    return MeasuredQueries(report: report, queries: queries)
                }
            }
            rules.add(Array(measured.joined()))
        }
        let columns = json ? nil : Columns(RuleRow.heading)
        for row in rules.rows() {
            if let columns { columns.row(row.cells) } else { print(oneLine(row)) }
        }
        guard !json else { return }
        if let levels {
            print("held out: \(levels.levelCount) levels in \(levels.count) folds")
        }
        let rankerCount = Double(repeats * trials.count)
        print(
            """
            \(kind.rawValue), \(repeats) runs from seed \(seed), K = \(candidates), \
            \(train.map(\.queryCount).reduce(0, +)) train queries, \
            \(test.map(\.queryCount).reduce(0, +)) test queries; \
            \(text(seconds[0] / rankerCount, 2)) s for a ranker, \
            \(text(seconds[1] / rankerCount, 2)) s for its combiner
            """)
    }

    /// - Parameter seconds: The time for rankers, and for combiners; added to.
    private func trained(
        on sets: [FeatureSet], seed: UInt64, _ seconds: inout [Double]
    ) throws -> RankerWeights {
        var plan =
            try training.map { try TrainingConfiguration(json: $0) } ?? .preset(kind: kind)
        plan.seed = seed
        let configuration = RankerConfiguration.preset(kind: kind, hiddenSize: sets[0].hiddenSize)
        let (weights, report) = try Rankers.train(
            configuration, plan, on: sets, threadCount: threads)
        if seconds.isEmpty { seconds = [0, 0] }
        seconds[0] += report.seconds
        seconds[1] += report.combiner?.seconds ?? 0
        return weights
    }
}

/// What one ranker is trained on, and the queries that it is measured on.
private struct Trial {
    let train: [FeatureSet]
    let test: [(set: FeatureSet, queries: [Int])]

    /// One for each fold. Training sees nothing of the queries that it leaves out; test sets stay
    /// whole, so that their groups are those of every other measurement.
    static func holdingOut(
        _ folds: LevelFolds, _ train: [FeatureSet], _ test: [FeatureSet]
    ) throws -> [Self] {
        try (0..<folds.count).map { fold in
            let parts = try train.enumerated().compactMap { index, set in
                let queries = folds.queries(ofSet: index, outside: fold)
                return queries.isEmpty ? nil : try set.part(of: queries)
            }
            let measured = test.enumerated().map { index, set in
                (set, folds.queries(ofSet: train.count + index, in: fold))
            }
            return Trial(train: parts, test: measured.filter { !$0.1.isEmpty })
        }
    }
}
