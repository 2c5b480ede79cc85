// What a training run says about itself, kept with the version it made.

/// The progress of a training, reported at the end of each step.
public struct TrainingProgress: Sendable, Hashable {
    /// Counted from 1.
    public let step: Int
    public let stepCount: Int
    /// Counted from 1.
    public let epoch: Int
    public let epochCount: Int
    /// The mean loss over the groups of this step, before its update.
    public let loss: Double
    /// 0 while the ranker is trained; then the training without one part of the queries that the
    /// combiner is fitted on, counted from 1.
    public internal(set) var fold = 0
    /// How many trainings for the combiner follow the ranker's.
    public internal(set) var foldCount = 0

    /// The part that is done, 0 to 1.
    public var fraction: Double {
        (Double(fold) + Double(step) / Double(stepCount)) / Double(foldCount + 1)
    }
    /// The progress for people: `epoch 1, step 40 of 120, loss 1.83`.
    public var note: String {
        let place = fold == 0 ? "" : "combiner's part \(fold) of \(foldCount), "
        let loss = (loss * 1000).rounded() / 1000
        return "\(place)epoch \(epoch), step \(step) of \(stepCount), loss \(loss)"
    }

    func inFold(_ fold: Int, of foldCount: Int) -> Self {
        var progress = self
        (progress.fold, progress.foldCount) = (fold, foldCount)
        return progress
    }
}

/// The figures of a training, which its version's lineage keeps.
public struct TrainingReport: Codable, Sendable, Hashable {
    public var featureSetCount: Int
    public var queryCount: Int
    /// The number of queries, without held-out ones, that gave no group: their pool is smaller than
    /// K, or all labels are equal.
    public var droppedQueryCount: Int
    /// The number of groups trained on, in all epochs together.
    public var groupCount: Int
    /// The number of groups that were drawn and dropped because their labels are all equal.
    public var droppedGroupCount: Int
    /// The share of positive labels among all responses of the queries that are not held out (for
    /// score labels, the mean label).
    public var poolPositiveShare: Double
    /// The share of positive labels among the candidates of the groups trained on.
    public var positiveShare: Double
    public var stepCount: Int
    /// The loss of the first step, before its update.
    public var firstLoss: Double
    /// The loss of the last step, before its update.
    public var lastLoss: Double
    public var seconds: Double
    public var groupsPerSecond: Double
    public var threadCount: Int
    public var parameterCount: Int
    /// The report of early stopping; nil without it.
    public var earlyStopping: EarlyStoppingReport?
    /// What the combiner was fitted on; nil without one.
    public var combiner: CombinerReport? = nil

    enum CodingKeys: String, CodingKey {
        case seconds, combiner
        case featureSetCount = "feature_set_count"
        case queryCount = "query_count"
        case droppedQueryCount = "dropped_query_count"
        case groupCount = "group_count"
        case droppedGroupCount = "dropped_group_count"
        case poolPositiveShare = "pool_positive_share"
        case positiveShare = "positive_share"
        case stepCount = "step_count"
        case firstLoss = "first_loss"
        case lastLoss = "last_loss"
        case groupsPerSecond = "groups_per_second"
        case threadCount = "thread_count"
        case parameterCount = "parameter_count"
        case earlyStopping = "early_stopping"
    }

    /// The report as JSON on one line with sorted keys.
    public var json: String { StrictJSON.encode(self) }
}

/// The choice of early stopping.
public struct EarlyStoppingReport: Codable, Sendable, Hashable {
    /// The number of epochs that were run, those after the best one included.
    public var epochCount: Int
    /// Counted from 1.
    public var bestEpoch: Int
    public var heldOutQueryCount: Int
    /// The accuracy after each epoch on the same held-out groups, 0 to 1 (for score labels, the
    /// mean label of the picks).
    public var heldOutAccuracies: [Double]

    enum CodingKeys: String, CodingKey {
        case epochCount = "epoch_count"
        case bestEpoch = "best_epoch"
        case heldOutQueryCount = "held_out_query_count"
        case heldOutAccuracies = "held_out_accuracies"
    }
}

/// What a combiner was fitted on.
public struct CombinerReport: Codable, Sendable, Hashable {
    /// The signals by name.
    public var signals: [String]
    /// How often a ranker was trained without a part of the queries.
    public var foldCount: Int
    /// The number of held-out queries.
    public var queryCount: Int
    /// The number of groups of held-out queries in which labels differ.
    public var groupCount: Int
    /// The time that the trainings and the fit took, after the ranker's own.
    public var seconds: Double

    enum CodingKeys: String, CodingKey {
        case signals, seconds
        case foldCount = "fold_count"
        case queryCount = "query_count"
        case groupCount = "group_count"
    }
}

extension Duration {
    var inSeconds: Double {
        let parts = components
        return Double(parts.seconds) + Double(parts.attoseconds) * 1e-18
    }
}
