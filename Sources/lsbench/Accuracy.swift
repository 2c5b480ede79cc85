// What trained rankers pick on other feature files, beside the first sample, the most frequent
// answer and the oracle: one table, a row for each K.
import Benchmarking
import LanguageSystem
import Rankers

/// Figures over all files, each file weighted by its queries, in percent.
struct Accuracy {
    let candidateCount: Int
    /// The accuracy of each run's ranker alone.
    let rankers: [Double]
    /// The mean accuracy of what the runs' versions serve; nil where that is the ranker's pick.
    let served: Double?
    /// The standard error of the first run's served accuracy, bootstrapped by query.
    let standardError: Double
    let firstSample, oracle: Double
    /// The baselines; nil when they are unknown in one of the files.
    let majority, highestLogProbability: Double?
    let groupCount: Int
    let queryCount: Int

    /// - Parameter reports: The reports of each run, one for each file.
    init(candidateCount: Int, _ reports: [[EvaluationReport]]) {
        let first = reports[0]
        let queries = first.map { Double($0.queryCount) }
        let total = queries.reduce(0, +)
        func mean(_ values: [Double]) -> Double {
            100 * zip(values, queries).reduce(0) { $0 + $1.0 * $1.1 } / total
        }
        func known(_ path: KeyPath<EvaluationReport, Double?>) -> Double? {
            let values = first.compactMap { $0[keyPath: path] }
            return values.count == first.count ? mean(values) : nil
        }
        self.candidateCount = candidateCount
        rankers = reports.map { mean($0.map { $0.ranker ?? $0.accuracy }) }
        let isCombined = reports.joined().contains { $0.ranker != nil }
        served =
            isCombined
            ? reports.map { mean($0.map(\.accuracy)) }.reduce(0, +) / Double(reports.count) : nil
        let squares = zip(first, queries).map { report, count in
            report.standardError * report.standardError * count * count
        }
        standardError = 100 * squares.reduce(0, +).squareRoot() / total
        firstSample = mean(first.map(\.firstSample))
        oracle = mean(first.map(\.oracle))
        majority = known(\.majority)
        highestLogProbability = known(\.highestLogProbability)
        groupCount = first.map(\.groupCount).reduce(0, +)
        queryCount = first.map(\.queryCount).reduce(0, +)
    }

    static let heading: [(name: String, width: Int)] = [
        ("K", 4), ("ranker", 6), ("over runs", 12), ("served", 6), ("error", 5), ("first", 5),
        ("majority", 8),
        ("log-prob", 8), ("oracle", 6), ("groups", 7),
    ]

    /// The cells of a row below `heading`.
    var cells: [String] {
        let mean = rankers.reduce(0, +) / Double(rankers.count)
        let range = "\(text(rankers.min() ?? mean, 1)) to \(text(rankers.max() ?? mean, 1))"
        return [
            "\(candidateCount)", text(mean, 1), range, served.map { text($0, 1) } ?? "-",
            text(standardError, 1),
            text(firstSample, 1), majority.map { text($0, 1) } ?? "-",
            highestLogProbability.map { text($0, 1) } ?? "-", text(oracle, 1), "\(groupCount)",
        ]
    }
}

/// Measures each run's ranker at each K on the same groups, and prints the table.
func printAccuracy(
    of runs: [RankerWeights], on paths: [String], candidateCounts: [Int], threadCount: Int
) throws {
    let sets = try paths.map { try FeatureSet(contentsOf: $0) }
    let curves = try runs.map { weights in
        try sets.map { set in
            try scalingCurve(
                of: weights, on: set, candidateCounts: candidateCounts, threadCount: threadCount)
        }
    }
    let columns = Columns(Accuracy.heading)
    for (index, count) in candidateCounts.enumerated() {
        let accuracy = Accuracy(
            candidateCount: count, curves.map { sets in sets.map { $0[index] } })
        columns.row(accuracy.cells)
    }
    for (path, curve) in zip(paths, curves[0]) {
        let figures = curve.map { text(100 * $0.accuracy, 1) }.joined(separator: " ")
        print("\(path): \(figures) (first run, \(curve[0].queryCount) queries)")
    }
}
