// Early stopping: which queries are held out, how the ranker does on them, and which epoch was the
// best so far. The seed alone decides the queries and the groups drawn from them.
internal import LanguageSystem
internal import RankerMath

/// The queries that are held out of training.
struct HeldOutQueries {
    /// The numbers of the queries in the table, ascending.
    let queries: [Int]
    private let table: FeatureTable
    private let plan: GroupPlan

    /// Chooses the share of `stopping`, to the nearest whole query.
    /// - Parameter excluded: The queries that are not to be chosen.
    /// - Throws: `invalidArgument` unless a query is held out and one is left; `invalidFeatures`
    ///   where no choice among the held-out candidates could be better than another.
    init(
        _ stopping: EarlyStopping, _ training: TrainingConfiguration, of table: FeatureTable,
        without excluded: Set<Int> = []
    ) throws(LanguageSystemError) {
        let available = (0..<table.queryCount).filter { !excluded.contains($0) }
        let total = available.count
        let count = Int(nearest: stopping.heldOut * Double(total))
        guard count >= 1, count < total else {
            throw .nothingHeldOut(count, of: total, share: stopping.heldOut)
        }
        var generator = Generator(seed: training.seed, stream: RandomStream.heldOut)
        queries = generator.choose(count, of: total).map { available[$0] }.sorted()
        guard queries.contains(where: { table.labelsDiffer(in: table.pool(of: $0)) }) else {
            throw .nothingToChoose(count)
        }
        self.table = table
        plan = GroupPlan(
            candidateCounts: [training.candidateCount],
            groupsPerQuery: EvaluationConfiguration.preset.groupsPerQuery, seed: training.seed)
    }

    /// The mean label of the ranker's picks. K is that of training, and the groups are those of
    /// `evaluate` with the training's seed, the same after each epoch.
    func accuracy(of weights: RankerWeights, team: ThreadTeam) throws -> Double {
        let evaluation = PoolEvaluation(weights: weights, sets: table.sets, plan: plan)
        let results = try evaluation.run(queries.map(table.place), team: team) { _ in }
        return results.mean(of: \.ranker, at: 0)
    }
}

/// Decides which epoch to keep and when to stop, from one accuracy for each epoch.
package struct EpochChoice: Sendable {
    package let patience: Int
    package private(set) var accuracies: [Double] = []
    /// The best epoch, from 1; 0 before the first epoch. Of equal epochs it is the earlier.
    package private(set) var best = 0

    package init(patience: Int) { self.patience = patience }

    /// Records the accuracy after the next epoch.
    /// - Returns: whether it is the best so far.
    package mutating func record(_ accuracy: Double) -> Bool {
        let isBest = best == 0 || accuracy > accuracies[best - 1]
        accuracies.append(accuracy)
        if isBest { best = accuracies.count }
        return isBest
    }

    package var isOver: Bool { accuracies.count - best >= patience }
}

extension LanguageSystemError {
    fileprivate static func nothingHeldOut(_ count: Int, of total: Int, share: Double) -> Self {
        Self(
            .invalidArgument,
            "cannot stop early: held_out \(share) of \(total) queries is \(count), expected at "
                + "least one held out and one left",
            hint: "bring more queries, or train without early_stopping")
    }

    fileprivate static func nothingToChoose(_ count: Int) -> Self {
        Self(
            .invalidFeatures,
            "cannot stop early: found no query with different labels among the \(count) held out",
            hint: "hold out more, take another seed, or train without early_stopping")
    }
}
