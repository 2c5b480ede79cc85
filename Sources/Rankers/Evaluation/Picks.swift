// Which candidate each method picks from one group, and the mean labels of the picks: the ranker,
// and the baselines that cost nothing to know.

/// The mean labels of one query's picks, for each method.
struct QueryResult: Sendable {
    var ranker = 0.0
    var firstSample = 0.0
    var majority = 0.0
    var highestLogProbability = 0.0
    var oracle = 0.0

    /// Adds the labels of one group's picks.
    /// - Parameters:
    ///   - rows: The group's responses in the order drawn, numbered as in the set.
    ///   - best: The ranker's pick, as a position in `rows`.
    mutating func add(_ rows: [Int], picked best: Int, of set: FeatureSet) {
        func label(_ index: Int) -> Double { Double(set.labels[rows[index]]) }
        ranker += label(best)
        firstSample += label(0)
        oracle += rows.indices.map(label).max() ?? 0
        if let answers = set.answers {
            majority += label(mostFrequent(rows.map { answers[$0] }))
        }
        if let logs = set.logProbabilities {
            highestLogProbability += label(greatest(rows.map { logs[$0] }[...]))
        }
    }

    func divided(by groupCount: Int) -> Self {
        let share = 1 / Double(groupCount)
        return Self(
            ranker: ranker * share, firstSample: firstSample * share, majority: majority * share,
            highestLogProbability: highestLogProbability * share, oracle: oracle * share)
    }
}

/// The position of the largest value, the first one of equals. NaN is smaller than any number.
package func greatest(_ values: ArraySlice<Float>) -> Int {
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
