import ArgumentParser
import LanguageSystem
import Ledger

struct Promote: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Have the promotion gate look at a version, or make it champion by hand.",
        discussion: """
            Without --anyway the gate decides, as it does when figures come in: the version \
            becomes champion if
            the evidence against its incumbent is enough (lscoord judge). With --anyway it becomes \
            champion
            whatever the evidence; the reason is kept. The gate never promotes again what a person \
            took away.
            To go back: select ls.rollback('ranker', 'reason'); from the first one:
            select ls.remove_alias('ranker', 'champion', 'reason').

            --policy changes what versions of this ranker have to prove from now on.

            Examples:
              lscoord promote math/algebra.listwise@3
              lscoord promote math/algebra.listwise@3 --anyway --reason 'no test set yet'
              lscoord promote math/algebra.listwise --policy not_worse --margin 0.02
            """)

    @Argument(help: "ranker:alias or ranker@number; with --policy: the ranker.") var version: String
    @Flag(help: "Whatever the evidence.") var anyway = false
    @Option(help: "Why; kept in the ledger.") var reason: String?
    @Option(help: "better, not_worse or manual.") var policy: String?
    @Option(
        help: ArgumentHelp(
            "For not_worse: a share of the labels' range, 0 to 0.5. Default 0.02.",
            valueName: "share"))
    var margin: Double?
    @OptionGroup var common: CommonOptions

    func validate() throws {
        if let policy, PromotionPolicy(rawValue: policy) == nil {
            throw ValidationError("found --policy \(policy), expected better, not_worse or manual")
        }
        if policy != nil, anyway || reason != nil {
            throw ValidationError("--policy is set by itself, without --anyway and --reason")
        }
        if margin != nil, policy != PromotionPolicy.notWorse.rawValue {
            throw ValidationError("--margin goes with --policy not_worse")
        }
        if anyway, reason?.isEmpty ?? true {
            throw ValidationError("--anyway wants --reason: somebody will ask")
        }
        if !anyway, reason != nil {
            throw ValidationError("--reason goes with --anyway: the gate gives its own")
        }
    }

    func run() async throws {
        let settings = try await Settings.resolve(common)
        let (reference, reason, margin) = (version, reason, margin)
        let policy = policy.flatMap(PromotionPolicy.init(rawValue:))
        let line = try await Database.withLedger(settings) { ledger -> String in
            if let policy {
                try await ledger.setPromotionPolicy(of: reference, policy, margin: margin ?? 0.02)
                let share = policy == .notWorse ? ", margin \(margin ?? 0.02)" : ""
                return "policy of \(reference): \(policy.rawValue)\(share)"
            }
            let version = try await ledger.resolve(reference)
            let name = "\(version.rankerName)@\(version.versionNumber)"
            if let reason {
                let exempt = try await ledger.exemptStrata(of: version.rankerName)
                let hasMoved = try await ledger.promote(version.versionID, because: reason)
                let line = hasMoved ? "\(name) is champion" : "\(name) was champion already"
                guard !exempt.isEmpty else { return line }
                return "\(line); it serves \(exempt.joined(separator: ", ")), exempt until now"
            }
            return try await Self.ask(ledger, version, name)
        }
        print(line)
    }

    /// - Throws: `forbiddenTransition`, with what the gate said, when it does not promote.
    private static func ask(
        _ ledger: LedgerStore, _ version: Route, _ name: String
    ) async throws -> String {
        guard let isPromoted = try await ledger.considerPromotion(version.versionID) else {
            let judgement = try await ledger.judge(name)
            return switch judgement.standing {
            case .champion: "\(name) is champion already: \(judgement.words)"
            case .takenAway:
                """
                \(name) is not decided on: it was champion and was taken away; --anyway --reason \
                promotes it by hand: \(judgement.words)
                """
            case .candidate, .waiting: "\(name) waits for figures: \(judgement.words)"
            }
        }
        // What the gate said then: a champion is compared with another one than before.
        let answers = try await ledger.promotionAnswers(of: [version.rankerName])
        let words = answers.first?.reason ?? "no reason is known"
        guard isPromoted else {
            throw LanguageSystemError(
                .forbiddenTransition, "cannot promote \(name): \(words)",
                hint: "lscoord judge \(name) shows the figures; --anyway --reason promotes by hand")
        }
        return "\(name) is champion: \(words)"
    }
}
