// What each rule picks, over runs and queries: means, errors over queries, and the difference from
// what is served.
import Benchmarking
import Rankers
import RankerMath

/// The mean labels of each rule, query by query, averaged over runs.
struct RuleTable {
    private var sums: [String: [Double]] = [:]
    private var means: [String: [Double]] = [:]
    private var names: [String] = []
    private var runCount = 0

    static let served = "served: combination with the ranker"

    /// Adds one run.
    /// - Parameter measured: Queries of each test set, each query once over all of them.
    mutating func add(_ measured: [MeasuredQueries]) {
        runCount += 1
        func add(_ name: String, _ values: (EvaluationReport) -> [Float]?) {
            let found = measured.compactMap { part in
                values(part.report).map { values in part.queries.map { values[$0] } }
            }
            // A rule counts where every set knows what it needs.
            guard found.count == measured.count else { return }
            let all = found.joined().map(Double.init)
            if sums[name] == nil { names.append(name) }
            sums[name] = sums[name].map { zip($0, all).map(+) } ?? all
            means[name, default: []].append(all.reduce(0, +) / Double(max(1, all.count)))
        }
        add(Self.served) { $0.queryValues }
        add("ranker alone") { $0.localQueryValues?.ranker }
        add("combination without the ranker") { $0.localQueryValues?.withoutRanker }
        add("weighted vote") { $0.localQueryValues?.weightedVote }
        add("majority") { $0.methodQueryValues?.majority }
        add("mean log-probability") { $0.localQueryValues?.meanLogProbability }
        add("sum of log-probabilities") { $0.methodQueryValues?.highestLogProbability }
        add("first with an answer") { $0.localQueryValues?.hasAnswer }
        add("first sample") { $0.methodQueryValues?.firstSample }
        add("oracle") { $0.methodQueryValues?.oracle }
    }

    func rows() -> [RuleRow] {
        let served = sums[Self.served] ?? []
        return names.map { name in
            let count = Double(runCount)
            let values = (sums[name] ?? []).map { $0 / count }
            let differences = zip(served, values).map { $0 / count - $1 }
            let interval = differences.isEmpty ? nil : PairedDifference(of: differences)
            return RuleRow(
                rule: name, accuracy: 100 * values.reduce(0, +) / Double(max(1, values.count)),
                least: 100 * (means[name]?.min() ?? 0), greatest: 100 * (means[name]?.max() ?? 0),
                servedMinusRule: 100 * (interval?.mean ?? 0), low: 100 * (interval?.low ?? 0),
                high: 100 * (interval?.high ?? 0))
        }
    }
}

/// What a test set's report says of some of its queries.
struct MeasuredQueries {
    let report: EvaluationReport
    /// Their numbers in the set.
    let queries: [Int]
}

/// One rule, in percent.
struct RuleRow: Encodable {
    let rule: String
    /// The mean over runs and queries.
    let accuracy: Double
    /// The least and the greatest run.
    let least, greatest: Double
    /// The difference from what is served, with its 95 % bootstrap interval over queries.
    let servedMinusRule, low, high: Double

    enum CodingKeys: String, CodingKey {
        case rule, accuracy, least, greatest, low, high
        case servedMinusRule = "served_minus_rule"
    }

    static let heading: [(name: String, width: Int)] = [
        ("rule", 36), ("accuracy", 8), ("over runs", 12), ("served minus it", 15),
        ("95 %", 14),
    ]

    var cells: [String] {
        [
            rule, text(accuracy, 1), "\(text(least, 1)) to \(text(greatest, 1))",
            text(servedMinusRule, 1), "\(text(low, 1)) to \(text(high, 1))",
        ]
    }
}
