// Which candidate each method picks from one group, and the mean labels of the picks: the served
// rule, the ranker alone, and what costs nothing to know.

/// The mean labels of one query's picks, for each method. Methods whose signals are not there stay
/// at 0 and are not reported.
struct QueryResult: Sendable {
    /// What is served: the combiner's pick, or the ranker's without one.
    var served = 0.0
    var ranker = 0.0
    var withoutRanker = 0.0
    var firstSample = 0.0
    var hasAnswer = 0.0
    var majority = 0.0
    var weightedVote = 0.0
    var highestLogProbability = 0.0
    var meanLogProbability = 0.0
    var oracle = 0.0

    /// Adds the labels of one group's picks.
    /// - Parameters:
    ///   - rows: The group's responses in the order drawn, numbered as in the set.
    ///   - scores: The ranker's, in the order of `rows`.
    mutating func add(
        _ rows: [Int], scores: ArraySlice<Float>, of set: FeatureSet, _ combiner: Combiner?
    ) {
        func label(_ index: Int) -> Double { Double(set.labels[rows[index]]) }
        let best = greatest(scores)
        let signals = CandidateSignals(of: set, rows: rows)
        let combined = combiner?.combined(scores: Array(scores), signals: signals)
        ranker += label(best)
        served += label(combined.map { greatest($0[...]) } ?? best)
        firstSample += label(0)
        oracle += rows.indices.map(label).max() ?? 0
        if let answers = signals.answers {
            majority += label(mostFrequent(answers))
            hasAnswer += label(answers.firstIndex { $0 >= 0 } ?? 0)
            let order = Aggregate.weightedVote.order(
                combined ?? scores.map(Double.init), answers: answers)
            weightedVote += label(order[0])
        }
        if let logs = set.logProbabilities {
            highestLogProbability += label(greatest(rows.map { logs[$0] }[...]))
        }
        if let means = signals.meanLogProbabilities {
            meanLogProbability += label(greatest(means[...]))
        }
        if let without = combiner?.withoutScore(signals) {
            withoutRanker += label(greatest(without[...]))
        }
    }

    func divided(by groupCount: Int) -> Self {
        let share = 1 / Double(groupCount)
        return Self(
            served: served * share, ranker: ranker * share, withoutRanker: withoutRanker * share,
            firstSample: firstSample * share, hasAnswer: hasAnswer * share,
            majority: majority * share, weightedVote: weightedVote * share,
            highestLogProbability: highestLogProbability * share,
            meanLogProbability: meanLogProbability * share, oracle: oracle * share)
    }
}

/// The position of the largest value, the first one of equals. NaN is smaller than any number.
package func greatest<Value: BinaryFloatingPoint>(_ values: ArraySlice<Value>) -> Int {
    var best = values.startIndex
    for index in values.indices
    where values[index] > values[best] || (values[best].isNaN && !values[index].isNaN) {
        best = index
    }
    return best - values.startIndex
}

/// The first position of the most frequent answer. Of equally frequent answers the one that comes
/// first wins. Unknown answers (-1) do not count; if all are unknown, the result is the first
/// sample.
package func mostFrequent(_ answers: [Int32]) -> Int {
    var counts: [Int32: Int] = [:]
    for answer in answers where answer >= 0 { counts[answer, default: 0] += 1 }
    var best = 0
    var bestCount = 0
    for (index, answer) in answers.enumerated() {
        let count = counts[answer] ?? 0
        if count > bestCount { (best, bestCount) = (index, count) }
    }
    return best
}
