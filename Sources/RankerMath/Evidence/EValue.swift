// Evidence that one version does better than another: an e-value, from differences that come one
// by one, in any order, and may be looked at after each of them. Five bets of fixed size are made
// against "no better on average"; the e-value is the mean of what they have won.

/// What five bets have won on differences in [-1, 1] whose mean, some say, is not above zero. (E15)
///
///     log_e = ln( 1/5 sum_l exp( sum_i ln(1 + l d_i) ) )      l in 0.9, 0.6, 0.4, 0.2, 0.1
///
/// If they are right, the chance that `log_e` ever reaches ln(1 / alpha) is at most alpha, however
/// often one looks (Ville's inequality). Evidence of disjoint queries adds up: five sums of
/// logarithms are all that is kept.
public struct EValue: Sendable, Hashable {
    /// The share of what a bet has that it puts on each difference.
    public static let bets: [Double] = [0.9, 0.6, 0.4, 0.2, 0.1]

    /// `sum_i ln(1 + l d_i)` of each bet, shape [5].
    public private(set) var logSums: [Double]
    /// How many differences were added.
    public private(set) var count: Int

    public init() {
        logSums = Array(repeating: 0, count: Self.bets.count)
        count = 0
    }

    /// - Parameter differences: Each -1 to 1.
    public init(of differences: some Sequence<Double>) {
        self.init()
        for difference in differences { add(difference) }
    }

    /// Adds one difference.
    ///
    /// - Precondition: `difference` is -1 to 1.
    public mutating func add(_ difference: Double) {
        precondition(abs(difference) <= 1, "a difference of rewards in [0, 1] is -1 to 1")
        count += 1
        // Requests on which both agree are most of them, and say nothing.
        guard difference != 0 else { return }
        for (index, bet) in Self.bets.enumerated() {
            logSums[index] += logarithmOfOnePlus(bet * difference)
        }
    }

    /// Adds the evidence of other queries.
    public mutating func add(_ other: Self) {
        count += other.count
        for index in logSums.indices { logSums[index] += other.logSums[index] }
    }

    /// Natural logarithm of the e-value; 0 before the first difference.
    public var logE: Double {
        // The greatest is taken out, so that none overflows; there are five.
        let greatest = logSums.max() ?? 0
        let sum = logSums.reduce(0) { $0 + exponential($1 - greatest) }
        return greatest + logarithm(sum / Double(logSums.count))
    }

    /// `log_e` from which on a claim holds at level `alpha`: ln(1 / alpha).
    public static func threshold(_ alpha: Double) -> Double { -logarithm(alpha) }
}

/// The difference of one query as evidence of something else than "better".
public enum DifferenceClaim: Sendable, Hashable {
    /// The version is better than the incumbent.
    case better
    /// The version is worse.
    case worse
    /// The version is not worse by more than a margin, 0 to 1.
    case notWorse(margin: Double)

    /// What is added to the e-value of this claim for a difference `d` of rewards in [0, 1]:
    /// `d`, `-d`, or `(d + m) / (1 + m)`.
    public func difference(_ d: Double) -> Double {
        switch self {
        case .better: d
        case .worse: -d
        case .notWorse(let margin): (d + margin) / (1 + margin)
        }
    }
}

/// Which of several claims hold together, so that of those named a share of at most `rate` is wrong
/// on average, whatever they have to do with one another: e-BH (Wang and Ramdas 2022). (E16)
///
/// The k claims of most evidence are named, for the greatest k whose least e-value is m / (k rate)
/// or more, of m. Valid for e-values at one time, not for the greatest each ever had.
///
/// - Parameters:
///   - logE: Each claim's `log_e`, shape [m].
///   - rate: 0 to 1, without 0.
/// - Returns: Their positions, ascending.
public func claimsThatHold(logE: [Double], rate: Double) -> [Int] {
    precondition(rate > 0 && rate <= 1, "a rate is above 0, up to 1")
    // Of equals the first: the same claims for the same evidence.
    let order = logE.indices.sorted { (logE[$1], $0) < (logE[$0], $1) }
    let count = order.indices.last { index in
        logE[order[index]] >= logarithm(Double(logE.count) / (Double(index + 1) * rate))
    }
    guard let count else { return [] }
    return order[...count].sorted()
}
