import ArgumentParser
import LanguageSystem
import Ledger

struct Curve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Measure a ranker at growing numbers of candidates, and print the scaling curve.",
        discussion: """
            Prints a table like the paper's Figure 4: one row for each K, with the baselines that \
            need no ranker. Known figures are not measured again, and figures at another K than \
            the promotion gate's do not promote a version. A query with fewer than K candidates \
            uses all that it has; the last column counts such queries.

            Examples:
              lscoord curve math/algebra.listwise
              lscoord curve math.listwise@2 --counts 1,10,100
              lscoord curve math.listwise --pattern math/geometry --no-wait
            """)

    @Argument(help: "RANKER (its champion), RANKER:ALIAS or RANKER@NUMBER.") var ranker: String
    @Option(
        help: ArgumentHelp("Numbers of candidates (K), separated by commas.", valueName: "k,k,…"))
    var counts = "1,2,4,8,16,32"
    @Option(help: "Measure on the test sets of these domains instead of the ranker's own.")
    var pattern: String?
    @Flag(
        inversion: .prefixedNo,
        help: "Request the missing figures and wait; otherwise print the known ones.")
    var wait = true
    @OptionGroup var common: CommonOptions

    func validate() throws {
        let words = counts.split(separator: ",", omittingEmptySubsequences: false)
        guard words.allSatisfy({ Int($0) != nil }) else {
            throw ValidationError("found --counts \(counts), expected numbers separated by commas")
        }
    }

    func run() async throws {
        let settings = try await Settings.resolve(common)
        let (ranker, pattern, wait) = (ranker, pattern, wait)
        let counts = counts.split(separator: ",").compactMap { Int($0) }
        try await Database.withLedger(settings) { ledger in
            let version = try await ledger.resolve(ranker)
            if wait {
                let tasks = try await ledger.requestScalingCurve(
                    ranker, candidateCounts: counts, pattern: pattern)
                try await Waiting.untilEnded(tasks, ledger)
            }
            let points = try await ledger.scalingCurve(
                of: version.versionID, candidateCounts: counts, pattern: pattern)
            guard !points.isEmpty else {
                throw LanguageSystemError(
                    .unknownVersion,
                    """
                    cannot print a scaling curve of \
                    \(version.rankerName)@\(version.versionNumber): nothing is measured yet
                    """,
                    hint: "lscoord curve \(ranker)")
            }
            print(CurveTable(points).text)
        }
    }
}

/// One table for each domain, and one over all when there are several.
struct CurveTable {
    let text: String

    init(_ points: [ScalingPoint]) {
        let domains = Set(points.map(\.domain)).sorted()
        var parts = domains.map { domain in
            Self.table("\(domain)", points.filter { $0.domain == domain }.map(CurveRow.init))
        }
        if domains.count > 1 {
            let byCount = Dictionary(grouping: points, by: \.candidateCount)
            // Over other domains at one K than at the next, the curve would say nothing.
            let whole = byCount.values.filter { $0.count == domains.count }
            parts.append(
                Self.table("all \(domains.count) domains", whole.map(CurveRow.init(pooling:))))
        }
        let first = points[0]
        let heading =
            """
            \(first.ranker)@\(first.versionNumber), accuracy in % with K candidates, ± its \
            standard error (bootstrap by problem)
            """
        text = ([heading] + parts).joined(separator: "\n\n")
    }

    private static func table(_ name: String, _ rows: [CurveRow]) -> String {
        let hasMajority = rows.contains { $0.majority != nil }
        let hasLogProbability = rows.contains { $0.highestLogProbability != nil }
        let heading =
            ["K", "accuracy", "first sample"] + (hasMajority ? ["majority"] : [])
            + (hasLogProbability ? ["highest log-probability"] : [])
            + ["oracle", "problems", "with fewer than K"]
        var table = TextTable(heading, rightAligned: Set(heading.indices))
        for row in rows.sorted(by: { $0.count < $1.count }) {
            func optional(_ value: Double?) -> String { value.map(Percent.text) ?? "-" }
            table.add(
                [
                    "\(row.count)",
                    "\(Percent.text(row.accuracy)) ±\(Percent.text(row.standardError))",
                    Percent.text(row.firstSample),
                ] + (hasMajority ? [optional(row.majority)] : [])
                    + (hasLogProbability ? [optional(row.highestLogProbability)] : [])
                    + [
                        Percent.text(row.oracle), "\(row.queryCount)",
                        row.smallerPoolCount.map { "\($0)" } ?? "-",
                    ])
        }
        return "\(name)\n\(table.text)"
    }
}

/// The figures of one K, on one domain or over several.
struct CurveRow {
    let count: Int
    let accuracy: Double
    let standardError: Double
    let firstSample: Double
    let majority: Double?
    let highestLogProbability: Double?
    let oracle: Double
    let queryCount: Int
    let smallerPoolCount: Int?

    init(_ point: ScalingPoint) { self.init(pooling: [point]) }

    /// Means over all groups; the test sets are independent, so variances add.
    ///
    /// - Precondition: At least one point, all of one K.
    init(pooling points: [ScalingPoint]) {
        precondition(!points.isEmpty, "a row has a point")
        let total = points.reduce(0) { $0 + Double($1.groupCount) }
        func mean(_ value: (ScalingPoint) -> Double) -> Double {
            points.reduce(0) { $0 + value($1) * Double($1.groupCount) } / total
        }
        func meanIfKnown(_ value: (ScalingPoint) -> Double?) -> Double? {
            points.allSatisfy { value($0) != nil } ? mean { value($0) ?? 0 } : nil
        }
        count = points[0].candidateCount
        accuracy = mean(\.accuracy)
        let variance = points.reduce(0) { sum, point in
            let part = point.standardError * Double(point.groupCount) / total
            return sum + part * part
        }
        standardError = variance.squareRoot()
        firstSample = mean(\.firstSample)
        majority = meanIfKnown(\.majority)
        highestLogProbability = meanIfKnown(\.highestLogProbability)
        oracle = mean(\.oracle)
        queryCount = points.reduce(0) { $0 + $1.queryCount }
        let known = points.compactMap(\.smallerPoolCount)
        smallerPoolCount = known.count == points.count ? known.reduce(0, +) : nil
    }
}
