// One run of `lsbench train`, its phases timed apart. Loading checks that every number is finite,
// so it touches every page of the file.
import Benchmarking
import LanguageSystem
import RankerMath
import Rankers

struct TrainRun {
    let configuration: RankerConfiguration
    let plan: TrainingConfiguration
    let weights: RankerWeights
    let losses: [Double]
    /// The seconds of each full step.
    let stepSeconds: [Double]
    let loadSeconds: Double
    /// Nil when training drew its own groups.
    let groupSeconds: Double?
    let trainSeconds: Double
    /// The number of groups trained on, in all epochs together.
    let groupCount: Int
    let queryCount: Int
    let responseCount: Int
    let featuresByteCount: Int
    /// The number of distinct rows of each step; empty when training drew its own groups.
    private(set) var distinctRowCounts: [Int] = []
    private(set) var operations: Double?
    let report: TrainingReport?
    /// Nil when training drew its own groups.
    let phases: TrainingPhases?
    let peakByteCount: Int?

    var totalSeconds: Double { loadSeconds + (groupSeconds ?? 0) + trainSeconds }
    var groupsPerSecond: Double { Double(groupCount) / trainSeconds }
    var gigaflops: Double? { operations.map { $0 / trainSeconds / 1e9 } }
    /// The peak memory of the process beyond the stored features.
    var extraByteCount: Int? { peakByteCount.map { $0 - featuresByteCount } }

    init(_ command: TrainCommand, seed: UInt64) throws {
        let clock = ContinuousClock()
        let start = clock.now
        let sets = try command.features.map { try FeatureSet(contentsOf: $0) }
        loadSeconds = (clock.now - start).inSeconds
        queryCount = sets.map(\.queryCount).reduce(0, +)
        responseCount = sets.map(\.responseCount).reduce(0, +)
        featuresByteCount = sets.map(\.byteCount).reduce(0, +)
        configuration = try command.configuration(for: sets)
        var plan = try command.plan(seed: seed)
        let initial = try command.initialWeights(configuration, seed: seed)
        if command.timesGivenGroups {
            let grouping = clock.now
            let ordered = try command.orderedGroups(sets, plan)
            groupSeconds = (clock.now - grouping).inSeconds
            plan.candidateCount = ordered.groups.candidateCount
            let steps = try MeasuredSteps(
                from: initial ?? RankerWeights(fresh: configuration, seed: seed), plan,
                on: FeatureTable(sets), ordered, threadCount: command.threads)
            peakByteCount = peakResidentBytes()
            (weights, losses, trainSeconds) = (steps.weights, steps.losses, steps.seconds)
            stepSeconds = steps.stepSeconds.count > 1 ? steps.stepSeconds.dropLast() : []
            groupCount = ordered.groups.count * plan.epochs
            report = nil
            phases = steps.phases
            self.plan = plan
            count(ordered)
        } else {
            var progress = ProgressTimes()
            let training = clock.now
            let (weights, report) = try train(
                configuration, plan, on: sets, initial: initial, threadCount: command.threads
            ) { progress.note($0) }
            trainSeconds = (clock.now - training).inSeconds
            peakByteCount = peakResidentBytes()
            self.weights = weights
            (losses, stepSeconds) = (progress.losses, progress.stepSeconds)
            (groupSeconds, groupCount) = (nil, report.groupCount)
            self.report = report
            phases = nil
            self.plan = plan
        }
    }

    private mutating func count(_ ordered: OrderedGroups) {
        let arithmetic = Arithmetic(configuration)
        let batch = plan.batchGroups
        var total = 0.0
        for epoch in 0..<plan.epochs {
            let order = ordered.order(epoch: epoch, seed: plan.seed)
            for (index, rows) in ordered.distinctRowCounts(order: order, batchGroups: batch)
                .enumerated()
            {
                distinctRowCounts.append(rows)
                total += arithmetic.step(
                    groupCount: min(batch, order.count - index * batch),
                    candidateCount: plan.candidateCount, distinctRowCount: rows)
            }
        }
        operations = total
    }
}

/// The end of each step of a whole training run.
private struct ProgressTimes {
    private(set) var losses: [Double] = []
    private(set) var stepSeconds: [Double] = []
    private var last: ContinuousClock.Instant?

    mutating func note(_ progress: TrainingProgress) {
        guard progress.fold == 0 else { return }
        let now = ContinuousClock.now
        if let last { stepSeconds.append((now - last).inSeconds) }
        last = now
        losses.append(progress.loss)
    }
}
