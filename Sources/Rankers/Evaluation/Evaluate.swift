// Measures a ranker on groups that the feature set and the seed decide, beside the baselines on the
// same groups. The standard error is over queries: groups of one query are not independent.
public import LanguageSystem
internal import RankerMath

/// Accuracy of the best-scored candidate, and everything to compare it with.
public func evaluate(
    _ weights: RankerWeights, on set: FeatureSet,
    _ configuration: EvaluationConfiguration = .preset, threadCount: Int = 1
) throws(CoordinatorError) -> EvaluationReport {
    try configuration.validate()
    try checkWidth(weights.configuration, set)
    let clock = ContinuousClock()
    let start = clock.now
    let team = ThreadTeam(count: threadCount)
    let results = QueryResults(count: set.queryCount)
    team.run { thread in
        let scorer = PoolScorer(weights, configuration, set)
        for query in team.share(of: set.queryCount, for: thread) {
            results.store(scorer.evaluate(query: query), at: query)
        }
    }
    let parts = (clock.now - start).components
    return results.report(
        set, configuration, seconds: Double(parts.seconds) + Double(parts.attoseconds) * 1e-18)
}

/// Mean labels of one query's picks.
private struct QueryResult {
    var ranker = 0.0
    var firstSample = 0.0
    var majority = 0.0
    var highestLogProbability = 0.0
    var oracle = 0.0
}

/// Filled by several threads, each query by one of them.
private final class QueryResults: @unchecked Sendable {
    private let results: UnsafeMutableBufferPointer<QueryResult>

    init(count: Int) {
        results = .allocate(capacity: count)
        results.initialize(repeating: QueryResult())
    }

    deinit { results.deallocate() }

    func store(_ result: QueryResult, at query: Int) { results[query] = result }

    func report(
        _ set: FeatureSet, _ configuration: EvaluationConfiguration, seconds: Double
    ) -> EvaluationReport {
        let count = results.count
        func mean(_ path: KeyPath<QueryResult, Double>) -> Double {
            results.reduce(0) { $0 + $1[keyPath: path] } / Double(count)
        }
        let pools = zip(set.offsets, set.offsets.dropFirst()).map { $1 - $0 }
        return EvaluationReport(
            accuracy: mean(\.ranker),
            standardError: bootstrapStandardError(
                of: results.map(\.ranker), seed: configuration.seed),
            firstSample: mean(\.firstSample),
            majority: set.answers == nil ? nil : mean(\.majority),
            highestLogProbability: set.logProbabilities == nil
                ? nil : mean(\.highestLogProbability),
            oracle: mean(\.oracle), groupCount: count * configuration.groupsPerQuery,
            queryCount: count, candidateCount: configuration.candidateCount,
            groupsPerQuery: configuration.groupsPerQuery,
            smallerPoolCount: pools.count { $0 < configuration.candidateCount },
            seed: configuration.seed, seconds: seconds)
    }
}

/// Standard deviation of the mean over resampled queries, 1,000 resamples.
func bootstrapStandardError(of values: [Double], seed: UInt64) -> Double {
    guard values.count > 1 else { return 0 }
    let resampleCount = 1_000
    var generator = Generator(seed: seed, stream: RandomStream.bootstrap)
    var sum = 0.0
    var squares = 0.0
    for _ in 0..<resampleCount {
        var total = 0.0
        for _ in values.indices { total += values[generator.below(values.count)] }
        let mean = total / Double(values.count)
        sum += mean
        squares += mean * mean
    }
    let mean = sum / Double(resampleCount)
    return max(0, squares / Double(resampleCount) - mean * mean).squareRoot()
}

/// One thread's evaluation of whole pools: each row is projected once, however many groups hold it.
private final class PoolScorer {
    private let set: FeatureSet
    private let configuration: EvaluationConfiguration
    private let layout: RankerLayout
    private let weights: RankerWeights
    private let projector: Projector
    private let tail: Tail
    private var z: [Float]
    private var scores: [Float]

    init(_ weights: RankerWeights, _ configuration: EvaluationConfiguration, _ set: FeatureSet) {
        self.set = set
        self.configuration = configuration
        self.weights = weights
        layout = RankerLayout(weights.configuration)
        projector = Projector(layout)
        let largest = zip(set.offsets, set.offsets.dropFirst()).map { $1 - $0 }.max() ?? 1
        let candidates = min(configuration.candidateCount, largest)
        let groups = max(1, min(configuration.groupsPerQuery, 352 / (candidates + 1)))
        tail = Tail(shape: layout.tail, groupCountMax: groups, tokenCountMax: candidates + 1)
        z = Array(repeating: 0, count: (largest + 1) * weights.configuration.width)
        scores = Array(repeating: 0, count: groups * candidates)
    }

    func evaluate(query: Int) -> QueryResult {
        let pool = set.offsets[query]..<set.offsets[query + 1]
        project(query, pool)
        let k = min(configuration.candidateCount, pool.count)
        var generator = Generator(
            seed: configuration.seed, stream: RandomStream.groups + UInt64(query))
        let groups = (0..<configuration.groupsPerQuery).map { _ in
            generator.choose(k, of: pool.count)
        }
        var result = QueryResult()
        for start in stride(from: 0, to: groups.count, by: tail.groupCountMax) {
            let chunk = groups[start..<min(start + tail.groupCountMax, groups.count)]
            score(chunk, k)
            for (index, group) in chunk.enumerated() {
                let best = greatest(scores[index * k..<(index + 1) * k])
                add(group.map { pool.lowerBound + $0 }, picked: best, to: &result)
            }
        }
        let share = 1 / Double(groups.count)
        return QueryResult(
            ranker: result.ranker * share, firstSample: result.firstSample * share,
            majority: result.majority * share,
            highestLogProbability: result.highestLogProbability * share,
            oracle: result.oracle * share)
    }

    /// z row 0 is the instruction, row 1 + i the pool's response i.
    private func project(_ query: Int, _ pool: Range<Int>) {
        z.withUnsafeMutableBufferPointer { z in
            weights.values.withUnsafeBufferPointer { values in
                projector.project(
                    values.baseAddress!, rowCount: pool.count + 1, into: z.baseAddress!
                ) { row, target in
                    if row == 0 {
                        set.widenInstruction(query, into: target)
                    } else {
                        set.widenResponse(pool.lowerBound + row - 1, into: target)
                    }
                }
            }
        }
    }

    private func score(_ groups: ArraySlice<[Int]>, _ k: Int) {
        let d = weights.configuration.width
        weights.values.withUnsafeBufferPointer { values in
            z.withUnsafeBufferPointer { z in
                var target = tail.input
                for group in groups {
                    let first =
                        layout.instruction.map { values.baseAddress! + $0 } ?? z.baseAddress!
                    target.update(from: first, count: d)
                    for (index, candidate) in group.enumerated() {
                        (target + (index + 1) * d).update(
                            from: z.baseAddress! + (candidate + 1) * d, count: d)
                    }
                    target += (k + 1) * d
                }
            }
            scores.withUnsafeMutableBufferPointer { scores in
                tail.forward(
                    values.baseAddress!, groups: groups.count, tokens: k + 1,
                    scores: scores.baseAddress!)
            }
        }
    }

    private func add(_ rows: [Int], picked best: Int, to result: inout QueryResult) {
        func label(_ index: Int) -> Double { Double(set.labels[rows[index]]) }
        result.ranker += label(best)
        result.firstSample += label(0)
        result.oracle += rows.indices.map(label).max() ?? 0
        if let answers = set.answers {
            result.majority += label(mostFrequent(rows.map { answers[$0] }))
        }
        if let logs = set.logProbabilities {
            result.highestLogProbability += label(greatest(rows.map { logs[$0] }[...]))
        }
    }
}

/// The position of the greatest value; the first of equals.
private func greatest(_ values: ArraySlice<Float>) -> Int {
    var best = values.startIndex
    for index in values.indices where values[index] > values[best] { best = index }
    return best - values.startIndex
}

/// The first position of the most frequent answer; ties and unknown answers give the first sample.
private func mostFrequent(_ answers: [Int32]) -> Int {
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
