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

    /// The part that is done, 0 to 1.
    public var fraction: Double { Double(step) / Double(stepCount) }
    /// The progress for people: `epoch 1, step 40 of 120, loss 1.83`.
    public var note: String {
        "epoch \(epoch), step \(step) of \(stepCount), loss \((loss * 1000).rounded() / 1000)"
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

    enum CodingKeys: String, CodingKey {
        case seconds
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
