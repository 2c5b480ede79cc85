// A whole training run: check that features and ranker fit, draw the groups, walk them in a seeded
// order, one optimizer step a batch. Synchronous and CPU-bound: call it on a thread you own.
internal import LanguageSystem
internal import RankerMath

/// Fits a ranker. The same seed, features, order of feature sets and thread count give the same
/// bytes.
///
/// - Parameters:
///   - sets: Feature sets of one hidden size, whose queries are trained on together.
///   - initial: The weights to start from; nil starts from the seed.
///   - threadCount: the caller's thread included.
///   - progress: called after each step; what it throws ends the run and is passed on.
/// - Returns: the weights after the last epoch, or with early stopping those of the epoch that did
///   best on the held-out queries, with a combiner where the features have signals and the
///   configuration wants one; and what there is to say about the run.
/// - Throws: `invalidArgument`, `contractMismatch`, `invalidFeatures` or `invalidWeights` where
///   configuration, features and initial weights do not fit or leave nothing to learn; with the
///   query and the candidate where a norm or a score is not finite.
public func train(
    _ configuration: RankerConfiguration, _ training: TrainingConfiguration,
    on sets: [FeatureSet], initial: RankerWeights? = nil, threadCount: Int = 1,
    progress: (TrainingProgress) throws -> Void = { _ in }
) throws -> (weights: RankerWeights, report: TrainingReport) {
    try configuration.validate()
    try training.validate()
    try checkFit(configuration, training, sets, initial)
    let clock = ContinuousClock()
    let start = clock.now
    let table = FeatureTable(sets)
    let team = ThreadTeam(count: threadCount)
    let crossFit = CrossFit(training, on: table)
    let foldCount = crossFit?.folds.count ?? 0
    var run = try TrainingRun(table: table, training: training)
    let trained = try run.fit(configuration, initial: initial, team: team) {
        try progress($0.inFold(0, of: foldCount))
    }
    let seconds = (clock.now - start).inSeconds
    let combined = try crossFit?.fit(configuration, team: team, progress: progress)
    let report = TrainingReport(
        featureSetCount: sets.count, queryCount: table.queryCount,
        droppedQueryCount: run.droppedQueryCount, groupCount: run.groupCount,
        droppedGroupCount: run.droppedGroupCount, poolPositiveShare: run.poolPositiveShare,
        positiveShare: run.positiveShare,
        stepCount: run.stepCount, firstLoss: run.firstLoss, lastLoss: run.lastLoss,
        seconds: seconds, groupsPerSecond: Double(run.groupCount) / max(seconds, 1e-9),
        threadCount: threadCount, parameterCount: trained.parameterCount,
        earlyStopping: run.earlyStopping, combiner: combined?.report)
    return (trained.with(combined?.combiner), report)
}

private func checkFit(
    _ configuration: RankerConfiguration, _ training: TrainingConfiguration, _ sets: [FeatureSet],
    _ initial: RankerWeights?
) throws(LanguageSystemError) {
    guard !sets.isEmpty else {
        throw LanguageSystemError(.invalidArgument, "cannot train: found no feature set")
    }
    if let initial, initial.configuration != configuration {
        throw LanguageSystemError(
            .invalidWeights,
            "cannot start from these weights: they are those of another configuration")
    }
    try checkCount(training, sets)
    for set in sets {
        try checkWidth(configuration, set)
        let isBinaryLoss = training.loss == .pointBCE
        if isBinaryLoss, set.metadata.labelKind != .binary {
            throw LanguageSystemError(
                .invalidArgument,
                "cannot train on \(set.name): found score labels, point_bce needs binary ones",
                hint: "use point_mse or list_mse with the affine similarity")
        }
        if training.loss == .listKL, let row = set.labels.firstIndex(where: { $0 < 0 }) {
            throw LanguageSystemError(
                .invalidArgument,
                "cannot train on \(set.name): found label \(set.labels[row]) in row \(row), "
                    + "list_kl needs 0 or more")
        }
        // Scores are made of weights: beyond their size no score ever comes near such a label.
        let scoreMax = RankerWeights.magnitudeMax
        if training.loss == .listMSE || training.loss == .pointMSE,
            let row = set.labels.firstIndex(where: { abs($0) > scoreMax })
        {
            throw LanguageSystemError(
                .invalidArgument,
                "cannot train on \(set.name): found label \(set.labels[row]) in row \(row), "
                    + "\(training.loss.rawValue) takes labels of size \(scoreMax) or less",
                hint: "scale the labels, or use pair_preference, which reads their order alone")
        }
    }
}

/// Groups, rows and queries are numbered in 32 bits, and all groups are drawn before the first
/// step.
private func checkCount(
    _ training: TrainingConfiguration, _ sets: [FeatureSet]
) throws(LanguageSystemError) {
    let queries = sets.reduce(0) { $0 + $1.queryCount }
    let rows = sets.reduce(0) { $0 + $1.responseCount }
    // In Double: 64 bits would not hold the product of all bounds.
    let places =
        Double(queries) * Double(training.groupsPerQuery) * Double(training.candidateCount + 1)
        * Double(training.epochs)
    guard places <= Double(Int32.max), queries + rows <= Int32.max else {
        throw LanguageSystemError(
            .invalidArgument,
            """
            cannot train: found \(queries) queries, \(rows) responses and \(places) candidates in \
            groups, expected at most \(Int32.max) of each
            """,
            hint: "ask for fewer groups a query, or train on fewer feature sets")
    }
}

func checkWidth(
    _ configuration: RankerConfiguration, _ set: FeatureSet
) throws(LanguageSystemError) {
    guard set.hiddenSize == configuration.hiddenSize else {
        throw LanguageSystemError(
            .contractMismatch,
            "cannot use \(set.name): found features of width \(set.hiddenSize), "
                + "the ranker takes \(configuration.hiddenSize)")
    }
}

extension LanguageSystemError {
    /// - Parameter what: The reason, such as `the loss was no longer finite`.
    static func diverged(_ step: Int, _ what: String) -> Self {
        Self(
            .invalidArgument,
            "cannot go on training: \(what) at step \(step)",
            hint: "lower the learning rate")
    }

    static func nothingToLearn(_ training: TrainingConfiguration) -> Self {
        Self(
            .invalidFeatures,
            "cannot train: found no group of \(training.candidateCount) candidates with different "
                + "labels",
            hint: "a query needs \(training.candidateCount) responses, not all of one label")
    }
}
