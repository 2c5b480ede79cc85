// What a training run says about itself, kept with the version it made.

/// One optimiser step, told to the caller as it ends.
public struct TrainingProgress: Sendable, Hashable {
    /// From 1.
    public let step: Int
    public let stepCount: Int
    /// From 1.
    public let epoch: Int
    public let epochCount: Int
    /// Mean over the groups of this step, before its update.
    public let loss: Double

    public var fraction: Double { Double(step) / Double(stepCount) }
    /// `epoch 1, step 40 of 120, loss 1.83`
    public var note: String {
        "epoch \(epoch), step \(step) of \(stepCount), loss \((loss * 1000).rounded() / 1000)"
    }
}

public struct TrainingReport: Codable, Sendable, Hashable {
    public var featureSetCount: Int
    public var queryCount: Int
    /// Of those not held out, queries that gave no group: a smaller pool than K, or one label only.
    public var droppedQueryCount: Int
    /// Trained on, all epochs run together.
    public var groupCount: Int
    /// Drawn, but without both a positive and a negative.
    public var droppedGroupCount: Int
    /// Class balance before anything is dropped: of all responses of the queries not held out; the
    /// mean label for score labels.
    public var poolPositiveShare: Double
    /// Class balance after: of the candidates of the groups trained on.
    public var positiveShare: Double
    public var stepCount: Int
    public var firstLoss: Double
    public var lastLoss: Double
    public var seconds: Double
    public var groupsPerSecond: Double
    public var threadCount: Int
    public var parameterCount: Int
    /// Nil without early stopping.
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

    /// One line, keys sorted.
    public var json: String { StrictJSON.encode(self) }
}

/// How early stopping chose.
public struct EarlyStoppingReport: Codable, Sendable, Hashable {
    /// Epochs run, the one whose weights were kept and those after it.
    public var epochCount: Int
    /// From 1.
    public var bestEpoch: Int
    public var heldOutQueryCount: Int
    /// After each epoch, on the same groups; 0 to 1, for score labels the mean label of the picks.
    public var heldOutAccuracies: [Double]

    enum CodingKeys: String, CodingKey {
        case epochCount = "epoch_count"
        case bestEpoch = "best_epoch"
        case heldOutQueryCount = "held_out_query_count"
        case heldOutAccuracies = "held_out_accuracies"
    }
}
