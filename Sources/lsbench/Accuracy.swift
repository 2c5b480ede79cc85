// What the trained ranker picks on other feature files, beside the first sample and the oracle.
import LanguageSystem
import Rankers

func printAccuracy(
    of weights: RankerWeights, on paths: [String], candidates: Int, threadCount: Int
) throws {
    let plan = try EvaluationConfiguration(candidateCount: candidates)
    let reports = try paths.map {
        try evaluate(weights, on: try FeatureSet(contentsOf: $0), plan, threadCount: threadCount)
    }
    func mean(_ path: KeyPath<EvaluationReport, Double>) -> Double {
        let total = reports.reduce(0) { $0 + $1[keyPath: path] * Double($1.queryCount) }
        return total / Double(reports.map(\.queryCount).reduce(0, +))
    }
    let each = reports.map { text(100 * $0.accuracy, 1) }.joined(separator: " ")
    print(
        "accuracy \(text(100 * mean(\.accuracy), 1))  "
            + "first sample \(text(100 * mean(\.firstSample), 1))  "
            + "oracle \(text(100 * mean(\.oracle), 1))  each: \(each)")
}
