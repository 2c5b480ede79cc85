// The walk over queries that evaluation, the scaling curve and early stopping share: whole pools,
// a few queries a thread, then a word to the caller. Which thread takes a query changes no result.
internal import Concurrency
internal import LanguageSystem
internal import RankerMath

/// The groups that are measured; they depend only on the seed and the query's number.
struct GroupPlan: Sendable {
    /// The values of K, each 1 or more.
    let candidateCounts: [Int]
    let groupsPerQuery: Int
    let seed: UInt64

    /// The groups of the largest K, or of the whole pool where that is smaller. Their first k
    /// candidates are the groups of k, because a choice does not depend on how many follow it.
    func groups(of query: Int, poolCount: Int) -> [[Int]] {
        let count = min(candidateCounts.max() ?? 1, poolCount)
        return (0..<groupsPerQuery).map { group in
            let stream = RandomStream.evaluation + UInt64(query) << 14 + UInt64(group)
            var generator = Generator(seed: seed, stream: stream)
            return generator.choose(count, of: poolCount)
        }
    }
}

/// A query of one of several feature sets.
struct QueryPlace: Sendable {
    let set: Int
    let query: Int
}

struct PoolEvaluation {
    let weights: RankerWeights
    let sets: [FeatureSet]
    let plan: GroupPlan
    /// The number of queries of each thread between two calls of `progress`.
    private static let queriesPerRound = 4

    /// Measures the queries at `places`.
    /// - Throws: As `PoolScorer.evaluate`, and what `progress` throws.
    func run(
        _ places: [QueryPlace], team: ThreadTeam, progress: (EvaluationProgress) throws -> Void
    ) throws -> QueryResults {
        let combiner = weights.combiner
        let results = try run(places, team: team) { scorer, place throws(LanguageSystemError) in
            try scorer.evaluate(sets[place.set], query: place.query, combiner)
        } progress: {
            try progress($0)
        }
        return QueryResults(results, plan: plan)
    }

    /// Does something with each query's scores, each on one of the team's threads.
    /// - Returns: What `measure` returned, in the order of `places`.
    func run<Result: Sendable>(
        _ places: [QueryPlace], team: ThreadTeam,
        measure: (PoolScorer, QueryPlace) throws(LanguageSystemError) -> Result,
        progress: (EvaluationProgress) throws -> Void
    ) throws -> [Result] {
        let results = Locked([Result?](repeating: nil, count: places.count))
        let poolCountMax = sets.map(\.poolCountMax).max() ?? 1
        let frozen = FrozenWeights.of(weights, precision: .float32)
        let scorers = (0..<team.count).map { _ in
            PoolScorer(frozen, plan, poolCountMax: poolCountMax)
        }
        let round = team.count * Self.queriesPerRound
        // What went wrong in one round: whichever thread meets it, the first query's is thrown.
        let failure = Locked<(place: Int, error: LanguageSystemError)?>(nil)
        for first in stride(from: 0, to: places.count, by: round) {
            let count = min(round, places.count - first)
            team.run { thread in
                for index in team.share(of: count, for: thread) {
                    let place = places[first + index]
                    do throws(LanguageSystemError) {
                        let result = try measure(scorers[thread], place)
                        results.withLock { $0[first + index] = result }
                    } catch {
                        failure.withLock { if index < $0?.place ?? .max { $0 = (index, error) } }
                    }
                }
            }
            if let error = failure.withLock({ $0?.error }) { throw error }
            try progress(EvaluationProgress(query: first + count, queryCount: places.count))
        }
        // Every query was measured, or its error was thrown.
        return results.withLock { $0.map { $0! } }
    }
}

extension FeatureSet {
    /// The number of responses of each query.
    var poolCounts: [Int] { zip(offsets, offsets.dropFirst()).map { $1 - $0 } }
    var poolCountMax: Int { poolCounts.max() ?? 1 }
}
