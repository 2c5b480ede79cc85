// What an evaluation found, query by query, and the report it adds up to. The standard error is
// over queries: groups of one query are not independent.
internal import RankerMath

/// Filled by several threads, each query by one of them.
/// Unchecked: no two threads write the same element.
final class QueryResults: @unchecked Sendable {
    private let plan: GroupPlan
    private let queryCount: Int
    /// [queries, values of K]
    private let results: UnsafeMutableBufferPointer<QueryResult>

    init(queryCount: Int, plan: GroupPlan) {
        self.plan = plan
        self.queryCount = queryCount
        results = .allocate(capacity: queryCount * plan.candidateCounts.count)
        results.initialize(repeating: QueryResult())
    }

    deinit { results.deallocate() }

    /// - Parameter result: One result for each K of the plan.
    func store(_ result: [QueryResult], at query: Int) {
        let first = query * plan.candidateCounts.count
        for (index, value) in result.enumerated() { results[first + index] = value }
    }

    /// The mean label of each query by one method, for the K at `index` of the plan.
    func values(of method: KeyPath<QueryResult, Double>, at index: Int) -> [Double] {
        let width = plan.candidateCounts.count
        return (0..<queryCount).map { results[$0 * width + index][keyPath: method] }
    }

    func mean(of method: KeyPath<QueryResult, Double>, at index: Int) -> Double {
        values(of: method, at: index).reduce(0, +) / Double(queryCount)
    }

    /// The report for the K at `index` of the plan.
    func report(on set: FeatureSet, at index: Int, seconds: Double) -> EvaluationReport {
        let k = plan.candidateCounts[index]
        let isKept = queryCount <= EvaluationReport.queryValueCountMax
        func kept(_ method: KeyPath<QueryResult, Double>) -> [Float] {
            values(of: method, at: index).map(Float.init)
        }
        return EvaluationReport(
            accuracy: mean(of: \.ranker, at: index),
            standardError: bootstrapStandardError(
                of: values(of: \.ranker, at: index), seed: plan.seed),
            firstSample: mean(of: \.firstSample, at: index),
            majority: set.answers == nil ? nil : mean(of: \.majority, at: index),
            highestLogProbability: set.logProbabilities == nil
                ? nil : mean(of: \.highestLogProbability, at: index),
            oracle: mean(of: \.oracle, at: index), groupCount: queryCount * plan.groupsPerQuery,
            queryCount: queryCount, candidateCount: k, groupsPerQuery: plan.groupsPerQuery,
            smallerPoolCount: set.poolCounts.count { $0 < k }, seed: plan.seed, seconds: seconds,
            queryValues: isKept ? kept(\.ranker) : nil,
            methodQueryValues: isKept
                ? MethodQueryValues(
                    firstSample: kept(\.firstSample),
                    majority: set.answers == nil ? nil : kept(\.majority),
                    highestLogProbability: set.logProbabilities == nil
                        ? nil : kept(\.highestLogProbability),
                    oracle: kept(\.oracle)) : nil,
            labelRange: set.labelBounds)
    }
}

/// The standard deviation of the mean over 1,000 resamples of the queries.
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
