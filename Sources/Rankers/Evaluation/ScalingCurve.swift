// The scaling law of Figure 4: how much more candidates bring. One pass over the pools for all K,
// on nested groups, so that two points of the curve differ by the added candidates alone.
internal import LanguageSystem
internal import RankerMath

/// Measures accuracy and all baselines at several K: one report for each, in the given order.
/// (Figure 4)
///
/// Each row is projected once for all K. A group of K begins with the same query's group of fewer,
/// so the first sample is the same everywhere and the oracle never falls. A K that is greater than
/// a pool takes it whole; `smallerPoolCount` says how many queries did. Each report equals that of
/// `evaluate` with this K, groups and seed, apart from `seconds`, which is the whole curve's.
///
/// - Parameters:
///   - candidateCounts: values of K, each 1 to 1,024.
///   - progress: as in `evaluate`.
/// - Throws: `invalidArgument` for no K or one out of range, `contractMismatch` for features of
///   another width.
public func scalingCurve(
    of weights: RankerWeights, on set: FeatureSet,
    candidateCounts: [Int] = [1, 2, 4, 8, 16, 32], groupsPerQuery: Int = 20, seed: UInt64 = 1,
    threadCount: Int = 1, progress: (EvaluationProgress) throws -> Void = { _ in }
) throws -> [EvaluationReport] {
    guard !candidateCounts.isEmpty else {
        throw LanguageSystemError(
            .invalidArgument, "cannot draw a scaling curve: found no candidate count")
    }
    for count in candidateCounts {
        _ = try EvaluationConfiguration(
            candidateCount: count, groupsPerQuery: groupsPerQuery, seed: seed)
    }
    let plan = GroupPlan(
        candidateCounts: candidateCounts, groupsPerQuery: groupsPerQuery, seed: seed)
    return try measure(weights, on: set, plan, threadCount: threadCount, progress: progress)
}

/// A report for each K of the plan, over all queries of the set.
func measure(
    _ weights: RankerWeights, on set: FeatureSet, _ plan: GroupPlan, threadCount: Int,
    progress: (EvaluationProgress) throws -> Void
) throws -> [EvaluationReport] {
    try checkWidth(weights.configuration, set)
    let clock = ContinuousClock()
    let start = clock.now
    let evaluation = PoolEvaluation(weights: weights, sets: [set], plan: plan)
    let places = (0..<set.queryCount).map { QueryPlace(set: 0, query: $0) }
    let results = try evaluation.run(
        places, team: ThreadTeam(count: threadCount), progress: progress)
    let seconds = (clock.now - start).inSeconds
    return plan.candidateCounts.indices.map {
        results.report(on: set, at: $0, weights.combiner, seconds: seconds)
    }
}
