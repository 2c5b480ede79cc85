// What people want to see beside an e-value: by how much one version was better on the same
// queries, and between which bounds that may lie. Nothing is decided by it.

/// The mean of paired differences and its percentile bootstrap interval over queries. (E17)
public struct PairedDifference: Sendable, Hashable {
    /// How often the queries are drawn anew.
    public static let resampleCount = 1_000

    public let mean: Double
    /// The bounds between which 95 of 100 resampled means lie.
    public let low: Double
    public let high: Double
    /// How many queries.
    public let count: Int

    /// - Parameters:
    ///   - differences: One of each query, not empty.
    ///   - seed: The same seed gives the same interval for ever.
    public init(of differences: [Double], seed: UInt64 = 1) {
        var generator = Generator(seed: seed)
        let indices = (0..<Self.resampleCount).lazy.map { _ in
            differences.indices.map { _ in generator.below(differences.count) }
        }
        self.init(of: differences, indices: indices)
    }

    /// - Parameter indices: Which differences each resample holds; as many as there are.
    public init(of differences: [Double], indices: some Sequence<[Int]>) {
        precondition(!differences.isEmpty, "an interval needs differences")
        count = differences.count
        mean = differences.reduce(0, +) / Double(differences.count)
        let sorted = indices.map { resample in
            resample.reduce(0) { $0 + differences[$1] } / Double(differences.count)
        }.sorted()
        low = Self.quantile(0.025, of: sorted)
        high = Self.quantile(0.975, of: sorted)
    }

    /// Between the two nearest, in proportion: what NumPy and R call type 7.
    private static func quantile(_ share: Double, of sorted: [Double]) -> Double {
        let place = share * Double(sorted.count - 1)
        let lower = Int(place)
        let upper = min(lower + 1, sorted.count - 1)
        return sorted[lower] + (place - Double(lower)) * (sorted[upper] - sorted[lower])
    }
}
