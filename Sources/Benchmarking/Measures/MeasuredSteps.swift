// A training run over given groups, each step timed: what training does (Rankers' `train`), minus
// the drawing of groups, so that both sides of a comparison do the same steps.
package import LanguageSystem
internal import RankerMath
package import Rankers

/// The trained weights, and the loss and the time of each step.
package struct MeasuredSteps: Sendable {
    package let weights: RankerWeights
    /// The mean loss over the groups of each step, before its update.
    package let losses: [Double]
    /// The seconds from the end of one step to the end of the next.
    package let stepSeconds: [Double]
    /// The seconds from the creation of the trainer to the end of the last step.
    package let seconds: Double
    package let phases: TrainingPhases

    /// Trains on `ordered` for the plan's epochs: the first in the file's order, later ones
    /// shuffled again.
    ///
    /// - Throws: `invalidArgument` once a loss is no longer finite.
    /// - Precondition: the groups fit the table and the plan's candidate count.
    package init(
        from initial: RankerWeights, _ plan: TrainingConfiguration, on table: FeatureTable,
        _ ordered: OrderedGroups, threadCount: Int
    ) throws(LanguageSystemError) {
        let clock = ContinuousClock()
        let start = clock.now
        let team = ThreadTeam(count: threadCount)
        let trainer = Trainer(initial, plan, on: table, team: team)
        let batches = ordered.batches(plan)
        var losses: [Double] = []
        var seconds: [Double] = []
        var mark = clock.now
        for (step, batch) in batches.enumerated() {
            let rate = learningRate(
                plan.optimizer.rate, cosine: plan.optimizer.schedule == .cosine, step: step,
                of: batches.count)
            let loss = trainer.step(ordered.groups, order: batch, rate: rate)
            guard loss.isFinite else { throw .lossNotFinite(step + 1) }
            losses.append(loss)
            let now = clock.now
            seconds.append((now - mark).inSeconds)
            mark = now
        }
        self.seconds = (mark - start).inSeconds
        self.losses = losses
        stepSeconds = seconds
        weights = trainer.weights
        phases = trainer.phases
    }
}

extension OrderedGroups {
    /// The batches of all epochs, one after the other.
    func batches(_ plan: TrainingConfiguration) -> [ArraySlice<Int32>] {
        (0..<plan.epochs).flatMap { epoch in
            let order = order(epoch: epoch, seed: plan.seed)
            return stride(from: 0, to: order.count, by: plan.batchGroups).map {
                order[$0..<min($0 + plan.batchGroups, order.count)]
            }
        }
    }
}

extension LanguageSystemError {
    static func lossNotFinite(_ step: Int) -> Self {
        Self(
            .invalidArgument,
            "cannot go on training: the loss was no longer finite at step \(step)",
            hint: "lower the learning rate")
    }
}
