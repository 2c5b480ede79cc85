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
    /// Queries that gave no group: a smaller pool than K, or one label only.
    public var droppedQueryCount: Int
    /// Trained on, all epochs together.
    public var groupCount: Int
    /// Drawn, but without both a positive and a negative.
    public var droppedGroupCount: Int
    /// Of the candidates of the groups trained on; the mean label for score labels.
    public var positiveShare: Double
    public var stepCount: Int
    public var firstLoss: Double
    public var lastLoss: Double
    public var seconds: Double
    public var groupsPerSecond: Double
    public var threadCount: Int
    public var parameterCount: Int

    enum CodingKeys: String, CodingKey {
        case seconds
        case featureSetCount = "feature_set_count"
        case queryCount = "query_count"
        case droppedQueryCount = "dropped_query_count"
        case groupCount = "group_count"
        case droppedGroupCount = "dropped_group_count"
        case positiveShare = "positive_share"
        case stepCount = "step_count"
        case firstLoss = "first_loss"
        case lastLoss = "last_loss"
        case groupsPerSecond = "groups_per_second"
        case threadCount = "thread_count"
        case parameterCount = "parameter_count"
    }

    /// One line, keys sorted.
    public var json: String { StrictJSON.encode(self) }
}
