// What `lsbench train` reports: a row a run for people, and all runs as one JSON line.
import Benchmarking
import LanguageSystem
import RankerMath
import Rankers

struct TrainCase: Encodable {
    let bench = "train"
    let kind: String
    let precision: String
    let threadCount: Int
    let hiddenSize: Int
    let queryCount: Int
    let responseCount: Int
    let candidateCount: Int
    let batchGroups: Int
    let groupCount: Int
    let stepCount: Int
    let runCount: Int
    let seed: UInt64
    let loadSeconds: Spread
    /// The time to draw or read groups; nil when training drew them, whose time is then in
    /// `trainSeconds`.
    let groupSeconds: Spread?
    let trainSeconds: Spread
    let totalSeconds: Spread
    /// The rate of the median run.
    let groupsPerSecond: Double
    let stepSecondsP10: Double?
    let stepSecondsMedian: Double?
    let distinctRowsPerStep: Double?
    let gigaflops: Double?
    /// The measured peak of float32 products on as many threads.
    let peakGigaflops: Double
    let shareOfPeak: Double?
    let firstLoss: Double
    let lastLoss: Double
    let featuresBytes: Int
    let peakResidentBytes: Int?
    /// The peak resident memory minus the size of the stored features.
    let extraBytes: Int?
    /// SHA-256 of the last run's weights.
    let weights: String
    let reports: [TrainingReport]
    let machine: Machine

    init(_ command: TrainCommand, _ runs: [TrainRun], peak: Double) {
        let last = runs[runs.count - 1]
        kind = last.configuration.kind.rawValue
        precision = last.plan.precision.rawValue
        threadCount = command.threads
        hiddenSize = last.configuration.hiddenSize
        (queryCount, responseCount) = (last.queryCount, last.responseCount)
        (candidateCount, batchGroups) = (last.plan.candidateCount, last.plan.batchGroups)
        (groupCount, stepCount) = (last.groupCount, last.losses.count)
        (runCount, seed) = (runs.count, command.seed)
        loadSeconds = Spread(runs.map(\.loadSeconds))
        groupSeconds = last.groupSeconds == nil ? nil : Spread(runs.compactMap(\.groupSeconds))
        trainSeconds = Spread(runs.map(\.trainSeconds))
        totalSeconds = Spread(runs.map(\.totalSeconds))
        groupsPerSecond = figure(Times(runs.map(\.groupsPerSecond)).median)
        let steps = runs.flatMap(\.stepSeconds)
        stepSecondsP10 = steps.isEmpty ? nil : figure(Times(steps).percentile(10))
        stepSecondsMedian = steps.isEmpty ? nil : figure(Times(steps).median)
        let rows = last.distinctRowCounts
        distinctRowsPerStep =
            rows.isEmpty ? nil : figure(Double(rows.reduce(0, +)) / Double(rows.count))
        let rates = runs.compactMap(\.gigaflops)
        let rate = rates.isEmpty ? nil : Times(rates).median
        (gigaflops, peakGigaflops) = (rate.map(figure), figure(peak))
        shareOfPeak = rate.map { figure($0 / peak) }
        (firstLoss, lastLoss) = (last.losses[0], last.losses[last.losses.count - 1])
        featuresBytes = last.featuresByteCount
        (peakResidentBytes, extraBytes) = (last.peakByteCount, last.extraByteCount)
        weights = last.weights.digest.description
        reports = runs.compactMap(\.report)
        machine = .current()
    }
}

/// The minimum and the median of times in seconds.
struct Spread: Encodable {
    let min: Double
    let median: Double

    init(_ seconds: [Double]) {
        min = figure(Times(seconds).least)
        median = figure(Times(seconds).median)
    }
}

extension TrainCase {
    static let heading: [(name: String, width: Int)] = [
        ("kind", 9), ("load s", 6), ("groups s", 8), ("train s", 7), ("total s", 7),
        ("groups/s", 8), ("step ms", 7), ("p10", 6), ("GFLOP/s", 7), ("of peak", 7),
        ("MB extra", 8), ("last loss", 9),
    ]
}

extension TrainRun {
    /// The cells of a row below `TrainCase.heading`.
    func cells(peak: Double) -> [String] {
        let steps = stepSeconds.isEmpty ? nil : Times(stepSeconds)
        return [
            configuration.kind.rawValue, text(loadSeconds, 3),
            groupSeconds.map { text($0, 3) } ?? "-", text(trainSeconds, 3),
            text(totalSeconds, 3), text(groupsPerSecond, 0),
            steps.map { text($0.median * 1e3, 2) } ?? "-",
            steps.map { text($0.percentile(10) * 1e3, 2) } ?? "-",
            gigaflops.map { text($0, 0) } ?? "-",
            gigaflops.map { text(100 * $0 / peak, 0) + " %" } ?? "-",
            extraByteCount.map(millions) ?? "-", text(losses[losses.count - 1], 5),
        ]
    }
}
