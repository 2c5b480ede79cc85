// What an evaluation found, query by query, and the report it adds up to. The standard error is
// over queries: groups of one query are not independent.
internal import RankerMath

struct QueryResults: Sendable {
    private let plan: GroupPlan
    /// Of each query one result for each K of the plan.
    private let results: [[QueryResult]]

    init(_ results: [[QueryResult]], plan: GroupPlan) {
        self.plan = plan
        self.results = results
    }

    private var queryCount: Int { results.count }

    /// The mean label of each query by one method, for the K at `index` of the plan.
    func values(of method: KeyPath<QueryResult, Double>, at index: Int) -> [Double] {
        results.map { $0[index][keyPath: method] }
    }

    func mean(of method: KeyPath<QueryResult, Double>, at index: Int) -> Double {
        values(of: method, at: index).reduce(0, +) / Double(queryCount)
    }

    /// The report for the K at `index` of the plan.
    /// - Parameter combiner: The one that the version has.
    func report(
        on set: FeatureSet, at index: Int, _ combiner: Combiner?, seconds: Double
    ) -> EvaluationReport {
        let k = plan.candidateCounts[index]
        let signals = set.signals
        let isKept = queryCount <= EvaluationReport.queryValueCountMax
        func kept(_ method: KeyPath<QueryResult, Double>) -> [Float] {
            values(of: method, at: index).map(Float.init)
        }
        func known(_ method: KeyPath<QueryResult, Double>, _ isKnown: Bool) -> Double? {
            isKnown ? mean(of: method, at: index) : nil
        }
        let (hasAnswers, hasMeans) = (
            set.answers != nil, signals.contains(.logProbabilities)
        )
        let hasWithout = combiner?.usesSignals(of: signals) ?? false
        let isServedCombined = combiner != nil
        return EvaluationReport(
            accuracy: mean(of: \.served, at: index),
            standardError: bootstrapStandardError(
                of: values(of: \.served, at: index), seed: plan.seed),
            firstSample: mean(of: \.firstSample, at: index),
            majority: set.answers == nil ? nil : mean(of: \.majority, at: index),
            highestLogProbability: set.logProbabilities == nil
                ? nil : mean(of: \.highestLogProbability, at: index),
            oracle: mean(of: \.oracle, at: index), groupCount: queryCount * plan.groupsPerQuery,
            queryCount: queryCount, candidateCount: k, groupsPerQuery: plan.groupsPerQuery,
            smallerPoolCount: set.poolCounts.count { $0 < k }, seed: plan.seed, seconds: seconds,
            ranker: known(\.ranker, isServedCombined),
            withoutRanker: known(\.withoutRanker, hasWithout),
            hasAnswer: known(\.hasAnswer, hasAnswers),
            meanLogProbability: known(\.meanLogProbability, hasMeans),
            weightedVote: known(\.weightedVote, hasAnswers),
            queryValues: isKept ? kept(\.served) : nil,
            methodQueryValues: isKept
                ? MethodQueryValues(
                    firstSample: kept(\.firstSample),
                    majority: set.answers == nil ? nil : kept(\.majority),
                    highestLogProbability: set.logProbabilities == nil
                        ? nil : kept(\.highestLogProbability),
                    oracle: kept(\.oracle)) : nil,
            localQueryValues: isKept
                ? LocalQueryValues(
                    ranker: kept(\.ranker), hasAnswer: hasAnswers ? kept(\.hasAnswer) : nil,
                    withoutRanker: hasWithout ? kept(\.withoutRanker) : nil,
                    meanLogProbability: hasMeans ? kept(\.meanLogProbability) : nil,
                    weightedVote: hasAnswers ? kept(\.weightedVote) : nil) : nil,
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
