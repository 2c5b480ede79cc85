// What `lsbench score` reports of one case: a row for people and a JSON line.
import Benchmarking

struct ScoreCase: Encodable {
    let bench = "score"
    /// The name of the case, such as `listwise float32`, or of the bare product.
    let name: String
    /// The number of groups of one call; times are for one group.
    let groupCount: Int
    let threadCount = 1
    /// The number of rankers that were called in turn.
    let rankerCount: Int
    /// The rows of a group: the candidates and the instruction.
    let rowCount: Int
    let hiddenSize: Int
    let secondsMin: Double
    let secondsMedian: Double
    let secondsP90: Double
    let secondsP99: Double
    /// The median divided by oneDNN's median.
    let ratioToBareProduct: Double
    /// The rate at the median time.
    let gigaflops: Double
    /// The measured peak of float32 products on one thread.
    let peakGigaflops: Double
    let shareOfPeak: Double
    let machine: Machine

    init(
        _ name: String, _ groupCount: Int, _ times: Times, _ bare: Times, _ operations: Double,
        _ shape: (rankers: Int, rows: Int, hiddenSize: Int), _ peak: Double
    ) {
        self.name = name
        self.groupCount = groupCount
        (rankerCount, rowCount, hiddenSize) = shape
        secondsMin = figure(times.least)
        secondsMedian = figure(times.median)
        secondsP90 = figure(times.percentile(90))
        secondsP99 = figure(times.percentile(99))
        ratioToBareProduct = figure(times.median / bare.median)
        let rate = operations / times.median / 1e9
        (gigaflops, peakGigaflops, shareOfPeak) = (figure(rate), figure(peak), figure(rate / peak))
        machine = .current()
    }
}

extension ScoreCase {
    static let heading: [(name: String, width: Int)] = [
        ("case", 20), ("groups", 6), ("rankers", 7), ("min us", 7), ("median", 7), ("p90", 7),
        ("p99", 7),
        ("x product", 9), ("GFLOP/s", 7), ("of peak", 7),
    ]

    /// The cells of a row below `heading`.
    var cells: [String] {
        [
            name, "\(groupCount)", "\(rankerCount)", text(secondsMin * 1e6, 1),
            text(secondsMedian * 1e6, 1),
            text(secondsP90 * 1e6, 1), text(secondsP99 * 1e6, 1), text(ratioToBareProduct, 2),
            text(gigaflops, 0), text(100 * shareOfPeak, 0) + " %",
        ]
    }
}
