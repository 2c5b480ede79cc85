import ArgumentParser
import Foundation
import LanguageSystem
import Ledger
import RankerMath

struct Judge: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Say what the evidence for a version is, and what is still missing.",
        discussion: """
            Compares the version with its incumbent: who would serve its requests without it, its \
            ranker's
            champion, the next ranker of the route, or the first sample. The promotion gate makes \
            a version
            champion when e is 20 or more. Nothing is asked for or changed. An e-value may be \
            looked at as
            often as one likes; it needs about twice the queries of a t test.

            Examples:
              lscoord judge math/algebra.listwise@3
              lscoord judge math/algebra.listwise:challenger --json
            """)

    @Argument(help: "ranker (its champion), ranker:alias or ranker@number.") var version: String
    @Flag(help: "Print one JSON object.") var json = false
    @OptionGroup var common: CommonOptions

    func run() async throws {
        let settings = try await Settings.resolve(common)
        let (version, json) = (version, json)
        let judgement = try await Database.withLedger(settings) { try await $0.judge(version) }
        let text = JudgementText(judgement)
        print(json ? try text.json() : text.lines)
    }
}

/// A judgement for people, and for programs.
struct JudgementText {
    private struct Figures: Encodable {
        let version: String
        let standing: String
        let policy: String
        let margin: Double?
        let incumbent: String
        let incumbentReason: String
        let queries: Int
        let tried: Int
        let difference: Double?
        let low: Double?
        let high: Double?
        let logE: Double?
        let logEWorse: Double?
        let threshold: Double
        let proven: Bool
        let missing: String?
        let words: String

        enum CodingKeys: String, CodingKey {
            case version, standing, policy, margin, incumbent, queries, tried, difference, low, high
            case threshold, proven, missing, words
            case incumbentReason = "incumbent_reason"
            case logE = "log_e"
            case logEWorse = "log_e_worse"
        }
    }

    private let judgement: Judgement
    private let difference: PairedDifference?

    init(_ judgement: Judgement) {
        self.judgement = judgement
        difference =
            judgement.differences.isEmpty ? nil : PairedDifference(of: judgement.differences)
    }

    var lines: String {
        let other =
            judgement.incumbent.map { "\($0) (\(judgement.incumbentReason))" }
            ?? "nobody: the first sample is shown"
        var rows = [
            ("version", judgement.version), ("standing", judgement.standing.rawValue),
            ("incumbent", other),
        ]
        let margin =
            judgement.policy == .notWorse
            ? judgement.margin.map { ", margin \(Self.points($0, signed: false)) points" } ?? ""
            : ""
        rows.append(("policy", judgement.policy.rawValue + margin))
        rows.append(("queries", "\(judgement.queryCount)"))
        if let difference {
            rows.append(
                (
                    "difference",
                    """
                    \(Self.points(difference.mean)) points, 95 % interval \
                    \(Self.points(difference.low)) to \(Self.points(difference.high))
                    """
                ))
        }
        if let logE = judgement.logE, let logEWorse = judgement.logEWorse {
            let claim = judgement.policy == .notWorse ? "not worse" : "better"
            let worse = Self.eValue(logEWorse)
            rows.append(
                ("e", "\(Self.eValue(logE)) for \(claim), \(worse) for worse; 20 is enough"))
        }
        let width = rows.map(\.0.count).max() ?? 0
        let table = rows.map {
            $0.0.padding(toLength: width, withPad: " ", startingAt: 0) + "  " + $0.1
        }
        return (table + ["", "\(verdict): \(judgement.words)."]).joined(separator: "\n")
    }

    private var verdict: String {
        if judgement.standing == .champion {
            let isWorse = judgement.logEWorse.map { $0 >= judgement.threshold } ?? false
            return "The champion, \(isWorse ? "" : "not ")proven worse than who would serve instead"
        }
        if judgement.missing != nil { return "Nothing is known yet" }
        if judgement.policy == .manual { return "The gate promotes nothing here" }
        return judgement.isProven ? "The evidence is enough" : "The evidence is not enough"
    }

    func json() throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let figures = Figures(
            version: judgement.version, standing: judgement.standing.rawValue,
            policy: judgement.policy.rawValue, margin: judgement.margin,
            incumbent: judgement.incumbent ?? "first sample",
            incumbentReason: judgement.incumbentReason, queries: judgement.queryCount,
            tried: judgement.triedCount, difference: difference?.mean, low: difference?.low,
            high: difference?.high, logE: judgement.logE, logEWorse: judgement.logEWorse,
            threshold: judgement.threshold, proven: judgement.isProven, missing: judgement.missing,
            words: judgement.words)
        return String(decoding: try encoder.encode(figures), as: UTF8.self)
    }

    static func points(_ share: Double, signed: Bool = true) -> String {
        let text = String(format: "%.1f", share * 100)
        return signed && share > 0 && text != "0.0" ? "+\(text)" : text
    }

    /// As `ls.words_of_e` writes it: 0.43, 18.2, 312, 10^13. Cut off, not rounded: what is not 20
    /// does not read 20.
    static func eValue(_ logE: Double) -> String {
        if logE >= log(1e6) { return "10^\(Int((logE / log(10)).rounded(.down)))" }
        if logE < log(0.01) { return "less than 0.01" }
        let value = exp(logE)
        let digits = value < 10 ? 2 : value < 100 ? 1 : 0
        let unit = pow(10, Double(digits))
        return String(format: "%.\(digits)f", (value * unit).rounded(.down) / unit)
    }
}
