// The walk of a training run over epochs and batches, and what it counts on the way.
internal import LanguageSystem
internal import RankerMath

struct TrainingRun {
    let table: FeatureTable
    let training: TrainingConfiguration
    /// The queries that this run does not see at all.
    private let excluded: Set<Int>
    private let heldOut: HeldOutQueries?
    private var choice: EpochChoice
    private(set) var groupCount = 0
    private(set) var droppedGroupCount = 0
    private(set) var droppedQueryCount = 0
    private var labelSum = 0.0
    private(set) var stepCount = 0
    private(set) var firstLoss = 0.0
    private(set) var lastLoss = 0.0

    /// - Parameter excluded: The queries whose labels must change nothing.
    init(
        table: FeatureTable, training: TrainingConfiguration, without excluded: Set<Int> = []
    ) throws(LanguageSystemError) {
        self.table = table
        self.training = training
        self.excluded = excluded
        if let stopping = training.earlyStopping {
            heldOut = try HeldOutQueries(stopping, training, of: table, without: excluded)
            choice = EpochChoice(patience: stopping.patience)
        } else {
            heldOut = nil
            choice = EpochChoice(patience: training.epochs)
        }
    }

    var positiveShare: Double {
        labelSum / Double(max(1, groupCount * training.candidateCount))
    }

    /// The queries that give no groups.
    private var without: Set<Int> { excluded.union(heldOut?.queries ?? []) }

    /// The mean label of all responses of the queries that are not held out.
    var poolPositiveShare: Double {
        let without = without
        var (sum, count) = (0.0, 0)
        for query in 0..<table.queryCount where !without.contains(query) {
            let pool = table.pool(of: query)
            count += pool.count
            for row in pool { sum += Double(table.labels[row]) }
        }
        return sum / Double(max(1, count))
    }

    var earlyStopping: EarlyStoppingReport? {
        heldOut.map {
            EarlyStoppingReport(
                epochCount: choice.accuracies.count, bestEpoch: choice.best,
                heldOutQueryCount: $0.queries.count, heldOutAccuracies: choice.accuracies)
        }
    }

    /// Trains a ranker from `initial`, or from the seed, and checks what came of it.
    mutating func fit(
        _ configuration: RankerConfiguration, initial: RankerWeights?, team: ThreadTeam,
        progress: (TrainingProgress) throws -> Void
    ) throws -> RankerWeights {
        var weights =
            initial?.with(nil) ?? RankerWeights(fresh: configuration, seed: training.seed)
        if initial == nil, training.start.fresh(for: configuration.kind) == .standardised {
            weights = weights.standardised(for: table)
        }
        let trainer = Trainer(weights, training, on: table, team: team)
        let trained = try walk(trainer, team: team, progress: progress)
        guard trained.areOfSensibleSize else {
            throw LanguageSystemError.diverged(
                stepCount, "a weight was beyond \(RankerWeights.magnitudeMax)")
        }
        return trained
    }

    /// Trains until the last epoch, or until early stopping ends it.
    /// - Returns: The weights to keep.
    private mutating func walk(
        _ trainer: Trainer, team: ThreadTeam, progress: (TrainingProgress) throws -> Void
    ) throws -> RankerWeights {
        // Every epoch's groups are drawn before the first step: a schedule must know its end. Early
        // stopping does not move that end.
        let without = without
        let epochs = (0..<training.epochs).map {
            CandidateGroups(training: table, training, epoch: $0, without: without)
        }
        let batch = training.batchGroups
        let total = epochs.map { ($0.count + batch - 1) / batch }.reduce(0, +)
        var best: RankerWeights?
        for (epoch, groups) in epochs.enumerated() {
            guard groups.count > 0 else { throw LanguageSystemError.nothingToLearn(training) }
            count(groups, first: epoch == 0)
            try walk(groups, epoch: epoch, stepTotal: total, trainer, progress)
            guard let heldOut else { continue }
            let weights = trainer.weights
            if choice.record(try heldOut.accuracy(of: weights, team: team)) { best = weights }
            if choice.isOver { break }
        }
        return best ?? trainer.weights
    }

    private mutating func walk(
        _ groups: CandidateGroups, epoch: Int, stepTotal: Int, _ trainer: Trainer,
        _ progress: (TrainingProgress) throws -> Void
    ) throws {
        var order = Array(Int32(0)..<Int32(groups.count))
        var generator = Generator(
            seed: training.seed, stream: RandomStream.order + UInt64(epoch) << 8)
        generator.shuffle(&order)
        for start in stride(from: 0, to: order.count, by: training.batchGroups) {
            let rate = learningRate(
                training.optimizer.rate, cosine: training.optimizer.schedule == .cosine,
                step: stepCount, of: stepTotal)
            let end = min(start + training.batchGroups, order.count)
            lastLoss = trainer.step(groups, order: order[start..<end], rate: rate)
            if let found = trainer.notFinite {
                // Before the first update it is not for the training to answer for.
                throw stepCount == 0
                    ? LanguageSystemError.notFinite(found, to: "train")
                    : .diverged(stepCount + 1, "\(found) was no longer finite")
            }
            guard lastLoss.isFinite else {
                throw LanguageSystemError.diverged(stepCount + 1, "the loss was no longer finite")
            }
            if stepCount == 0 { firstLoss = lastLoss }
            stepCount += 1
            try progress(
                TrainingProgress(
                    step: stepCount, stepCount: stepTotal, epoch: epoch + 1,
                    epochCount: training.epochs, loss: lastLoss))
        }
    }

    private mutating func count(_ groups: CandidateGroups, first: Bool) {
        groupCount += groups.count
        droppedGroupCount += groups.droppedGroupCount
        if first { droppedQueryCount = groups.droppedQueryCount }
        for row in groups.rows { labelSum += Double(table.labels[Int(row)]) }
    }
}
