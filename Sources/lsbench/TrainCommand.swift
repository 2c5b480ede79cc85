// `lsbench train`: one training run on feature files, then its accuracy on others.
public import ArgumentParser
public import LanguageSystem
internal import Foundation
internal import RankerMath
internal import Rankers

extension RankerKind: ExpressibleByArgument {}

struct TrainCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "train", abstract: "Train once and say how long it took.",
        discussion: """
            Example: lsbench train --kind listwise --features deploy/demo/math/*/train.safetensors \
            --test deploy/demo/math/*/test.safetensors
            """)

    @Option(name: .long, parsing: .upToNextOption, help: "Feature files to train on.")
    var features: [String]
    @Option(name: .long, parsing: .upToNextOption, help: "Feature files to measure on.")
    var test: [String] = []
    @Option(help: "listwise or pointwise.") var kind: RankerKind = .listwise
    @Option(help: "Threads.") var threads = 1
    @Option(help: "Runs, with seeds one apart.") var repeats = 1
    @Option(help: "Seed of the first run.") var seed: UInt64 = 1
    @Option(help: "Training configuration as JSON, in place of the preset.") var training: String?
    @Option(help: "Ranker configuration as JSON, in place of the preset.") var ranker: String?
    @Option(help: "Candidates of an evaluated group.") var candidates = 10
    @Option(help: "Where to write the last run's weights.") var out: String?

    func run() throws {
        let clock = ContinuousClock()
        let start = clock.now
        let sets = try features.map { try FeatureSet(contentsOf: $0) }
        let tests = try test.map { try FeatureSet(contentsOf: $0) }
        print("loading: \(clock.now - start)")
        guard let first = sets.first else { throw ValidationError("--features names no file") }
        let configuration =
            try ranker.map { try RankerConfiguration(json: $0) }
            ?? .preset(kind: kind, hiddenSize: first.hiddenSize)
        for index in 0..<repeats {
            var plan =
                try training.map { try TrainingConfiguration(json: $0) } ?? .preset(kind: kind)
            plan.seed = seed + UInt64(index)
            let (weights, report) = try train(configuration, plan, on: sets, threadCount: threads)
            print(report.json)
            if !tests.isEmpty { try measure(weights, tests) }
            if let out { try Data(weights.safetensors()).write(to: URL(filePath: out)) }
        }
    }

    private func measure(_ weights: RankerWeights, _ tests: [FeatureSet]) throws {
        let plan = try EvaluationConfiguration(candidateCount: candidates)
        let reports = try tests.map { try evaluate(weights, on: $0, plan, threadCount: threads) }
        func mean(_ path: KeyPath<EvaluationReport, Double>) -> Double {
            let total = reports.reduce(0) { $0 + $1[keyPath: path] * Double($1.queryCount) }
            return total / Double(reports.map(\.queryCount).reduce(0, +))
        }
        func percent(_ x: Double) -> String { "\((x * 1000).rounded() / 10)" }
        let each = reports.map { percent($0.accuracy) }.joined(separator: " ")
        print(
            "accuracy \(percent(mean(\.accuracy)))  first sample \(percent(mean(\.firstSample)))  "
                + "oracle \(percent(mean(\.oracle)))  each: \(each)")
    }
}
