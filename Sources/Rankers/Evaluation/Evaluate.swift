// Measures a ranker on groups that the feature set and the seed decide, beside the baselines on the
// same groups. Every query and group has a sequence of numbers of its own, so that a group of K
// candidates begins with the same query's group of fewer.
internal import LanguageSystem
internal import RankerMath

/// Measures the accuracy of the served rule, and all baselines on the same groups. Served is the
/// candidate with the best combined score where the version has a combiner that fits the set's
/// signals, else the one with the best score.
///
/// - Parameter progress: Called on the caller's thread after every few queries; an error that it
///   throws ends the evaluation and is thrown on.
/// - Throws: `contractMismatch` for features of another width than the ranker's; `invalidFeatures`
///   where a norm or a score is not finite, with the query and the candidate.
public func evaluate(
    _ weights: RankerWeights, on set: FeatureSet,
    _ configuration: EvaluationConfiguration = .preset, threadCount: Int = 1,
    progress: (EvaluationProgress) throws -> Void = { _ in }
) throws -> EvaluationReport {
    try configuration.validate()
    let plan = GroupPlan(
        candidateCounts: [configuration.candidateCount],
        groupsPerQuery: configuration.groupsPerQuery, seed: configuration.seed)
    return try measure(weights, on: set, plan, threadCount: threadCount, progress: progress)[0]
}

/// One thread's evaluation of whole pools: each row is projected once, however many groups hold it.
final class PoolScorer {
    /// The number of tokens that pass through the blocks together.
    private static let tokenTotal = 352
    private let plan: GroupPlan
    private let weights: FrozenWeights
    private let scratch: ProjectionScratch
    /// One for each K, so that a K is computed in the same way whatever stands beside it.
    private let trunks: [(trunk: Trunk, groupCountMax: Int)]
    private var z: [Float]
    private var scores: [Float]

    /// - Parameter poolCountMax: The number of responses in the largest pool.
    init(_ weights: FrozenWeights, _ plan: GroupPlan, poolCountMax: Int) {
        self.plan = plan
        self.weights = weights
        scratch = weights.projector.makeScratch()
        let shape = weights.layout.trunk
        trunks = plan.candidateCounts.map { count in
            let tokens = min(count, poolCountMax) + 1
            let groups = max(1, min(plan.groupsPerQuery, Self.tokenTotal / tokens))
            let trunk = Trunk(shape: shape, tokenTotal: groups * tokens, tokenCountMax: tokens)
            return (trunk, groups)
        }
        z = Array(repeating: 0, count: (poolCountMax + 1) * weights.layout.configuration.width)
        let scoreCount = trunks.map { $0.groupCountMax * ($0.trunk.tokenCountMax - 1) }.max() ?? 0
        scores = Array(repeating: 0, count: scoreCount)
    }

    /// The query's mean labels, one value for each K of the plan.
    /// - Throws: As `score`.
    func evaluate(
        _ set: FeatureSet, query: Int, _ combiner: Combiner?
    ) throws(LanguageSystemError) -> [QueryResult] {
        var results = plan.candidateCounts.map { _ in QueryResult() }
        try score(set, query: query) { index, rows, scores in
            results[index].add(rows, scores: scores, of: set, combiner)
        }
        return results.map { $0.divided(by: plan.groupsPerQuery) }
    }

    /// Scores the query's groups.
    /// - Parameter visit: Takes the number of a K of the plan, the group's responses, numbered as
    ///   in the set, and their scores.
    /// - Throws: `invalidFeatures` when a norm or a score is not finite, because then no candidate
    ///   is the best.
    func score(
        _ set: FeatureSet, query: Int,
        visit: (_ index: Int, _ rows: [Int], _ scores: ArraySlice<Float>) -> Void
    ) throws(LanguageSystemError) {
        let pool = set.offsets[query]..<set.offsets[query + 1]
        project(set, query, pool)
        let groups = plan.groups(of: query, poolCount: pool.count)
        for (place, (count, each)) in zip(plan.candidateCounts, trunks).enumerated() {
            let k = min(count, pool.count)
            for start in stride(from: 0, to: groups.count, by: each.groupCountMax) {
                let chunk = groups[start..<min(start + each.groupCountMax, groups.count)]
                    .map { Array($0[..<k]) }
                if let found = score(chunk[...], k, each.trunk) {
                    // The candidate's place in the pool, not in the group that was drawn.
                    let pooled = NotFinite(
                        group: found.group,
                        candidate: found.candidate.map { chunk[found.group][$0] },
                        quantity: found.quantity)
                    throw .notFinite(
                        "\(pooled.words) of query \(query)", to: "evaluate on \(set.name)")
                }
                for (index, group) in chunk.enumerated() {
                    visit(
                        place, group.map { pool.lowerBound + $0 },
                        scores[index * k..<(index + 1) * k])
                }
            }
        }
    }

    /// Projects a query: row 0 of z is the instruction, row 1 + i the pool's response i.
    private func project(_ set: FeatureSet, _ query: Int, _ pool: Range<Int>) {
        let rows = [set.instructionRow(query)] + pool.map(set.responseRow)
        z.withUnsafeMutableBufferPointer { z in
            rows.withUnsafeBufferPointer {
                // It has an address: there is an instruction.
                weights.projector.project($0, scratch, into: z.baseAddress!)
            }
        }
    }

    private func score(_ groups: ArraySlice<[Int]>, _ k: Int, _ trunk: Trunk) -> NotFinite? {
        let d = weights.layout.configuration.width
        let parameters = weights.parameters
        z.withUnsafeBufferPointer { z in
            // It has an address: there is an instruction.
            let z = z.baseAddress!
            var target = trunk.input
            for group in groups {
                let first = weights.layout.instruction.map { parameters.values + $0 } ?? z
                target.update(from: first, count: d)
                for (index, candidate) in group.enumerated() {
                    (target + (index + 1) * d).update(from: z + (candidate + 1) * d, count: d)
                }
                target += (k + 1) * d
            }
        }
        return scores.withUnsafeMutableBufferPointer { scores in
            // It has an address: a group has a candidate.
            trunk.forward(
                parameters, groups: groups.count, tokens: k + 1, scores: scores.baseAddress!)
        }
    }
}
