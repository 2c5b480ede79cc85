// What is known of candidates beside their features, as numbers that can be added up: how probable
// the base model found each, how many others give the same answer. Each function takes one group.

/// The numbers that signals of a group become.
public enum SignalTerms {
    /// The mean log-probability of a token. (E18)
    ///
    ///     sum_k / max(n_k, 1)      in nats
    ///
    /// - Parameters:
    ///   - sums: The log-probability of each response, shape [K].
    ///   - tokenCounts: The tokens of each response, shape [K].
    public static func meanLogProbabilities(_ sums: [Double], tokenCounts: [Int]) -> [Double] {
        precondition(sums.count == tokenCounts.count, "each candidate has both")
        return zip(sums, tokenCounts).map { $0 / Double(max($1, 1)) }
    }

    /// The logarithm of the length. (E18)
    ///
    ///     ln max(n_k, 1)
    public static func logTokenCounts(_ tokenCounts: [Int]) -> [Double] {
        tokenCounts.map { logarithm(Double(max($0, 1))) }
    }

    /// The share of the group that gives the same answer. (E18)
    ///
    ///     v_k = |{j : a_j = a_k}| / K      1 / K where a_k is unknown
    ///
    /// - Parameter answers: Equal numbers mean equal answers; a negative one means that no answer
    ///   was found, and is equal to no other.
    /// - Returns: Shape [K], each 1 / K to 1.
    public static func voteShares(_ answers: [Int32]) -> [Double] {
        var counts: [Int32: Int] = [:]
        for answer in answers where answer >= 0 { counts[answer, default: 0] += 1 }
        return answers.map { Double(counts[$0] ?? 1) / Double(answers.count) }
    }

    /// The weight of each candidate's answer. (E21)
    ///
    ///     w_k = sum over a_j = a_k of softmax(c)_j      of k alone where a_k is unknown
    ///
    /// - Parameters:
    ///   - combined: `c`, the combined scores, shape [K].
    ///   - answers: As in `voteShares`.
    /// - Returns: Shape [K]; equal for equal answers.
    public static func answerWeights(_ combined: [Double], answers: [Int32]) -> [Double] {
        precondition(combined.count == answers.count, "each candidate has both")
        let greatest = combined.max() ?? 0
        let powers = combined.map { exponential($0 - greatest) }
        let total = powers.reduce(0, +)
        var sums: [Int32: Double] = [:]
        for (answer, power) in zip(answers, powers) where answer >= 0 {
            sums[answer, default: 0] += power
        }
        return zip(answers, powers).map { (sums[$0] ?? $1) / total }
    }
}

/// By how much a term is shifted and scaled before it counts. (E19)
public struct Standardisation: Sendable, Hashable {
    public let mean: Double
    /// More than 0; 1 for a term that is the same everywhere.
    public let deviation: Double

    public init(mean: Double, deviation: Double) {
        precondition(deviation > 0, "a deviation is more than 0")
        self.mean = mean
        self.deviation = deviation
    }

    /// The mean, and the root of the mean squared difference from it.
    public init(of values: some Collection<Double>) {
        let count = Double(max(values.count, 1))
        let mean = values.reduce(0, +) / count
        let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / count
        let deviation = variance.squareRoot()
        // What rounding leaves of a term that is the same everywhere is no deviation.
        let isConstant = deviation <= 1e-12 * Swift.max(1, abs(mean))
        self.init(mean: mean, deviation: isConstant ? 1 : deviation)
    }

    public func callAsFunction(_ value: Double) -> Double { (value - mean) / deviation }
}
