// Fits the combiner of a ranker whose weights are fixed. A ranker is surer of the queries it
// learned from than of new ones; a combiner fitted on those would trust it too much. So each
// query's scores come from a ranker that was trained, in the same way, without it.
internal import Concurrency
internal import LanguageSystem
internal import RankerMath

struct CrossFit {
    /// The number of parts into which the queries are divided; each is left out once.
    static let foldCount = 5
    /// Parts are left out until there are about so many held-out queries: a handful of coefficients
    /// gains nothing from more, and what training again costs stays bounded.
    static let queryCountEnough = 500
    /// The fewest queries whose candidates differ in their labels.
    static let queryCountMin = 30
    /// The number of groups in all, spread over the queries.
    static let groupCountEnough = 4_000

    /// The signals that all feature sets have, ascending.
    let signals: [Signal]
    /// The queries that are left out together.
    let folds: [[Int]]
    private let table: FeatureTable
    private let training: TrainingConfiguration

    /// - Returns: Nil where there is no signal or there are too few queries to fit on.
    init?(_ training: TrainingConfiguration, on table: FeatureTable) {
        let known = table.sets.map(\.signals)
        let signals = known.dropFirst().reduce(known.first ?? []) { $0.intersection($1) }
        var queries = (0..<table.queryCount).filter { table.labelsDiffer(in: table.pool(of: $0)) }
        guard training.combiner, !signals.isEmpty, queries.count >= Self.queryCountMin else {
            return nil
        }
        var generator = Generator(seed: training.seed, stream: RandomStream.folds)
        generator.shuffle(&queries)
        let usedCount = min(
            Self.foldCount,
            (Self.queryCountEnough * Self.foldCount + queries.count - 1) / queries.count)
        folds = (0..<usedCount).map { fold in
            stride(from: fold, to: queries.count, by: Self.foldCount).map { queries[$0] }.sorted()
        }
        self.signals = signals.sorted()
        self.table = table
        self.training = training
    }

    /// - Parameter progress: Called after each step of each fold's training; what it throws ends
    ///   the fit and is passed on.
    /// - Returns: Nil where no fold could be trained or no group says anything.
    func fit(
        _ configuration: RankerConfiguration, team: ThreadTeam,
        progress: (TrainingProgress) throws -> Void
    ) throws -> (combiner: Combiner, report: CombinerReport)? {
        let clock = ContinuousClock()
        let start = clock.now
        let terms = CombinerTerm.terms(of: signals)
        var groups = LogitGroups(width: terms.count)
        var (queryCount, foldCount) = (0, 0)
        let groupsPerQuery = max(
            1,
            min(
                EvaluationConfiguration.preset.groupsPerQuery,
                Self.groupCountEnough / max(1, folds.map(\.count).reduce(0, +))))
        let plan = GroupPlan(
            candidateCounts: [training.candidateCount], groupsPerQuery: groupsPerQuery,
            seed: training.seed)
        for (index, fold) in folds.enumerated() {
            guard
                let weights = try trained(
                    configuration, without: fold, team: team,
                    progress: { try progress($0.inFold(index + 1, of: folds.count)) })
            else { continue }
            let evaluation = PoolEvaluation(weights: weights, sets: table.sets, plan: plan)
            let found = try evaluation.run(fold.map(table.place), team: team) {
                scorer, place throws(LanguageSystemError) in
                var groups = LogitGroups(width: terms.count)
                let set = table.sets[place.set]
                try scorer.score(set, query: place.query) { _, rows, scores in
                    groups.add(rows, of: set, scores: scores, terms: terms)
                }
                return groups
            } progress: { _ in
            }
            for query in found { groups.append(query) }
            queryCount += fold.count
            foldCount += 1
        }
        guard groups.count > 0 else { return nil }
        let combiner = Combiner(fitting: groups, signals: signals)
        // Of signals beyond what a combiner may hold nobody could read it.
        guard combiner.isOfPossibleSize else { return nil }
        return (
            combiner,
            CombinerReport(
                signals: signals.map(\.name), foldCount: foldCount, queryCount: queryCount,
                groupCount: groups.count, seconds: (clock.now - start).inSeconds)
        )
    }

    /// A ranker that has not seen these queries, always from the start: initial weights may have
    /// seen them.
    /// - Returns: Nil where what is left is not enough to train on.
    private func trained(
        _ configuration: RankerConfiguration, without fold: [Int], team: ThreadTeam,
        progress: (TrainingProgress) throws -> Void
    ) throws -> RankerWeights? {
        var isStopped = false
        do {
            var run = try TrainingRun(table: table, training: training, without: Set(fold))
            return try run.fit(configuration, initial: nil, team: team) {
                do {
                    try progress($0)
                } catch {
                    isStopped = true
                    throw error
                }
            }
        } catch let error as LanguageSystemError where !isStopped && error.isOfTooLittle {
            return nil
        }
    }
}

extension LanguageSystemError {
    /// Whether training found its features or configuration wanting.
    fileprivate var isOfTooLittle: Bool { code == .invalidFeatures || code == .invalidArgument }
}
