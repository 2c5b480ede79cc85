// What a gate that promotes on evidence does in the long run, counted over many simulated or
// retrained lines of versions, beside the bars that it has to hold and two rules that people use.
import RankerMath

/// One line of the table.
public struct GateRow: Sendable, Encodable, Hashable {
    public enum Bar: Sendable, Hashable {
        case atMost(Double)
        case atLeast(Double)
        /// Shown beside the others, asked of nobody.
        case none
    }

    public let name: String
    /// A share, 0 to 1.
    public let measured: Double
    public let bar: Bar
    /// How many lines, promotions or strata the share is of.
    public let count: Int

    public var holds: Bool {
        switch bar {
        case .atMost(let most): measured <= most
        case .atLeast(let least): measured >= least
        case .none: true
        }
    }

    enum CodingKeys: CodingKey { case name, measured, bar, holds, count }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(name, forKey: .name)
        try container.encode(measured, forKey: .measured)
        try container.encode(count, forKey: .count)
        switch bar {
        case .atMost(let most): try container.encode("<= \(most)", forKey: .bar)
        case .atLeast(let least): try container.encode(">= \(least)", forKey: .bar)
        case .none: try container.encodeNil(forKey: .bar)
        }
        if bar != .none { try container.encode(holds, forKey: .holds) }
    }
}

public struct GateSimulation: Sendable {
    private static let threshold = EValue.threshold(0.05)
    /// Queries of the demo's test sets.
    private static let queryCount = 288
    private let seed: UInt64
    private let lineCount: Int

    /// - Parameter lineCount: How often each row is played, at least 1.
    public init(seed: UInt64, lineCount: Int) {
        precondition(lineCount > 0, "a simulation is played at least once")
        self.seed = seed
        self.lineCount = lineCount
    }

    /// Nothing is better, and somebody looks after each of 2,000 queries.
    public func nullLookedAtAlways(_ shape: DifferenceShape, stream: UInt64) -> GateRow {
        var generator = Generator(seed: seed, stream: stream)
        let reached = (0..<lineCount).count { _ in
            var evidence = EValue()
            for _ in 0..<2_000 {
                evidence.add(shape.null(using: &generator))
                if evidence.logE >= Self.threshold { return true }
            }
            return false
        }
        return GateRow(
            name: "exact null, a look after each of 2,000 queries: \(shape.rawValue)",
            measured: share(reached, of: lineCount), bar: .atMost(0.05), count: lineCount)
    }

    /// Forty versions of exactly the same accuracy, one after the other, on one test set of 288.
    public func equalCandidates(stream: UInt64) -> [GateRow] {
        var generator = Generator(seed: seed, stream: stream)
        var counts = (evidence: 0, tTest: 0, estimate: 0)
        for _ in 0..<lineCount {
            let test = SimulatedTestSet(queryCount: Self.queryCount, using: &generator)
            let versions = (0..<40).map { _ in test.values(skill: 0, using: &generator) }
            if !PromotionLine.evidence.promotions(of: versions).isEmpty { counts.evidence += 1 }
            if !PromotionLine.tTest.promotions(of: versions).isEmpty { counts.tTest += 1 }
            if !PromotionLine.estimate.promotions(of: versions).isEmpty { counts.estimate += 1 }
        }
        let name = "40 equal versions on one test set, lines with a promotion"
        return [
            GateRow(
                name: name, measured: share(counts.evidence, of: lineCount), bar: .atMost(0.1),
                count: lineCount),
            GateRow(
                name: "\(name), by a t test at 5 %", measured: share(counts.tTest, of: lineCount),
                bar: .none, count: lineCount),
            GateRow(
                name: "\(name), by the greater figure",
                measured: share(counts.estimate, of: lineCount), bar: .none, count: lineCount),
        ]
    }

    /// Forty versions whose accuracies differ by a standard deviation of 1.2 points, as retrains of
    /// one recipe do.
    public func retrainedCandidates(stream: UInt64) -> [GateRow] {
        var generator = Generator(seed: seed, stream: stream)
        var worse: [PromotionLine: Int] = [:]
        var promoted: [PromotionLine: Int] = [:]
        for _ in 0..<lineCount {
            let test = SimulatedTestSet(queryCount: Self.queryCount, using: &generator)
            let skills = (0..<40).map { _ in 0.012 * generator.normal() }
            let versions = skills.map { test.values(skill: $0, using: &generator) }
            for line in PromotionLine.allCases {
                for move in line.promotions(of: versions) {
                    promoted[line, default: 0] += 1
                    if skills[move.to] < skills[move.from] { worse[line, default: 0] += 1 }
                }
            }
        }
        return PromotionLine.allCases.map { line in
            let count = promoted[line] ?? 0
            return GateRow(
                name: "40 retrains 1.2 points apart, worse among promoted\(line.words)",
                measured: share(worse[line] ?? 0, of: count),
                bar: line == .evidence ? .atMost(0.01) : .none, count: count)
        }
    }

    /// A version that is five points better is found to be.
    public func power(deviation: Double, atLeast bar: Double, stream: UInt64) -> GateRow {
        var generator = Generator(seed: seed, stream: stream)
        let found = (0..<lineCount).count { _ in
            let differences = (0..<Self.queryCount).map { _ in
                twentieth(mean: 0.05, deviation: deviation, using: &generator)
            }
            return EValue(of: differences).logE >= Self.threshold
        }
        return GateRow(
            name: "+5 points on 288 queries, standard deviation \(deviation), promoted",
            measured: share(found, of: lineCount), bar: .atLeast(bar), count: lineCount)
    }

    /// Five of a hundred users or subdomains lose, the others do not.
    public func harmedStrata(points: Double, queryCount: Int, stream: UInt64) -> [GateRow] {
        var generator = Generator(seed: seed, stream: stream)
        let (strataCount, harmedCount) = (100, 5)
        var found = 0
        var falseShares = 0.0
        for _ in 0..<lineCount {
            let logE = (0..<strataCount).map { stratum in
                EValue(
                    of: (0..<queryCount).map { _ in
                        -twentieth(
                            mean: stratum < harmedCount ? -points / 100 : 0, deviation: 0.21,
                            using: &generator)
                    }
                ).logE
            }
            let named = claimsThatHold(logE: logE, rate: 0.1)
            let right = named.count { $0 < harmedCount }
            found += right
            if !named.isEmpty { falseShares += Double(named.count - right) / Double(named.count) }
        }
        let name = "5 of 100 strata lose \(Int(points)) points, \(queryCount) queries each"
        let count = harmedCount * lineCount
        return [
            GateRow(
                name: "\(name), found", measured: share(found, of: count), bar: .atLeast(0.95),
                count: count),
            GateRow(
                name: "\(name), wrongly named", measured: falseShares / Double(lineCount),
                bar: .atMost(0.1), count: lineCount),
        ]
    }

    /// Lines of real retrains, in `lineCount` orders: decided on one half of the test queries, and
    /// held against the other half. Half of the queries say little of a small difference: of moves
    /// that change nothing, half look worse there.
    ///
    /// - Parameter versions: The mean labels of each version, query by query.
    public func realRetrains(_ versions: [[Double]], stream: UInt64) -> [GateRow] {
        precondition(versions.count > 1 && !versions[0].isEmpty, "a line has two versions or more")
        var generator = Generator(seed: seed, stream: stream)
        var tallies: [PromotionLine: RetrainTally] = [:]
        for _ in 0..<lineCount {
            var queries = Array(versions[0].indices)
            generator.shuffle(&queries)
            let (seen, unseen) = (queries[..<(queries.count / 2)], queries[(queries.count / 2)...])
            var order = Array(versions.indices)
            generator.shuffle(&order)
            let onSeen = order.map { version in seen.map { versions[version][$0] } }
            let onUnseen = order.map { version in
                unseen.reduce(0) { $0 + versions[version][$1] } / Double(unseen.count)
            }
            for line in PromotionLine.allCases {
                tallies[line, default: RetrainTally()].add(
                    line.promotions(of: onSeen).map { onUnseen[$0.to] - onUnseen[$0.from] })
            }
        }
        let name = "\(versions.count) real retrains"
        func rows(
            _ what: String, bar: GateRow.Bar = .none, _ value: (RetrainTally) -> (Double, Int)
        ) -> [GateRow] {
            PromotionLine.allCases.map { line in
                let (measured, count) = value(tallies[line] ?? RetrainTally())
                return GateRow(
                    name: "\(name), \(what)\(line.words)", measured: measured,
                    bar: line == .evidence ? bar : .none, count: count)
            }
        }
        return rows("worse among promoted", bar: .atMost(0.01)) {
            (share($0.worseCount, of: $0.moveCount), $0.moveCount)
        }
            + rows("lines with a promotion that is worse") {
                (share($0.worseLineCount, of: lineCount), lineCount)
            }
            + rows("gained by a promotion") {
                ($0.moveCount == 0 ? 0 : $0.gain / Double($0.moveCount), $0.moveCount)
            }
    }

    private func share(_ part: Int, of whole: Int) -> Double {
        whole == 0 ? 0 : Double(part) / Double(whole)
    }
}

/// What the moves of many lines changed on queries that nobody decided on.
private struct RetrainTally {
    private(set) var moveCount = 0
    private(set) var worseCount = 0
    private(set) var worseLineCount = 0
    /// The sum of the changes, as shares.
    private(set) var gain = 0.0

    /// - Parameter changes: Of the moves of one line.
    mutating func add(_ changes: [Double]) {
        moveCount += changes.count
        worseCount += changes.count { $0 < 0 }
        worseLineCount += changes.contains { $0 < 0 } ? 1 : 0
        gain += changes.reduce(0, +)
    }
}

/// A rule by which one version after the other meets the champion.
enum PromotionLine: CaseIterable, Hashable {
    /// An e-value of 20.
    case evidence
    /// A paired t test, one-sided, at 5 %.
    case tTest
    /// The greater figure wins: what the coordinator's gate did before.
    case estimate

    var words: String {
        switch self {
        case .evidence: ""
        case .tTest: ", by a t test at 5 %"
        case .estimate: ", by the greater figure"
        }
    }

    /// - Parameter versions: Mean labels by query; the first version is champion at the start.
    /// - Returns: The moves, as positions in `versions`.
    func promotions(of versions: [[Double]]) -> [(from: Int, to: Int)] {
        var champion = 0
        var moves: [(from: Int, to: Int)] = []
        for candidate in versions.indices.dropFirst()
        where promotes(
            zip(versions[candidate], versions[champion]).map { min(1, max(-1, $0 - $1)) })
        {
            moves.append((champion, candidate))
            champion = candidate
        }
        return moves
    }

    private func promotes(_ differences: [Double]) -> Bool {
        let count = Double(differences.count)
        let mean = differences.reduce(0, +) / count
        switch self {
        case .evidence: return EValue(of: differences).logE >= EValue.threshold(0.05)
        case .tTest:
            let squares = differences.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
            // 1.65: the normal's; with a hundred queries or more the t distribution's is the same.
            return mean > 1.65 * (squares / (count - 1) / count).squareRoot()
        case .estimate: return mean >= 0
        }
    }
}
