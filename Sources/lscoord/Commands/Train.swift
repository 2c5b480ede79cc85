import ArgumentParser
import LanguageSystem
import Ledger

struct Train: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Have workers train rankers.",
        discussion: """
            Each training makes a new version, or, where it ends with the weights of one that is \
            there, that one again; --seed makes it another. A version is then measured on the test \
            sets of its own domain, and becomes champion when the evidence says that it is better \
            than who would serve without it (lscoord judge). While a training is open, requesting \
            it again returns the same task.

            Training starts from the weights that serve the ranker's requests now, its champion's \
            or those of the next ranker of the route, when they have the same shape. A ranker \
            registered with "start": "uniform" or "standardised" in its training configuration \
            starts afresh each time. So do the trainings of a sweep.

            --sweep trains many configurations of each ranker side by side, waits, and prints a \
            table like the paper's Table 5. The versions stay candidates; only the best is offered \
            to the promotion gate. A FILE holds a JSON list of up to 500 objects whose keys \
            replace those of the ranker's own training configuration. Requesting the same sweep \
            again continues it, or shows its result after its end.

            Examples:
              lscoord train math/algebra.listwise --wait
              lscoord train --domain 'math/*' --wait
              lscoord train '~ada.listwise' --features math/algebra --features math/geometry
              lscoord train math/algebra.listwise --sweep paper
              lscoord train --domain 'math/*' --sweep rates.json --no-wait
            """)

    @Argument(help: "Names of rankers.") var rankers: [String] = []
    @Option(
        help: ArgumentHelp(
            "Train all rankers of a domain, or of all domains below it (math/*). Repeatable.",
            valueName: "pattern"))
    var domain: [String] = []
    @Option(
        help: ArgumentHelp(
            "Train on this domain's current train set instead of the ranker's own. Repeatable.",
            valueName: "domain"))
    var features: [String] = []
    @Option(
        help: ArgumentHelp(
            "Seed of the groups, their order and the initial weights.", valueName: "n"))
    var seed: Int64?
    @Option(
        help: ArgumentHelp(
            "'paper' (the 40 configurations of Table 8) or a JSON file with a list of them.",
            valueName: "paper|file"))
    var sweep: String?
    @Option(
        help: ArgumentHelp(
            "Start when this task is done and its version is measured. Repeatable.",
            valueName: "task"))
    var after: [Int64] = []
    @Flag(
        inversion: .prefixedNo,
        help:
            """
            Show progress until the versions are trained and measured. A sweep waits by default.
            """
    )
    var wait: Bool?
    @OptionGroup var common: CommonOptions

    func validate() throws {
        if rankers.isEmpty && domain.isEmpty {
            throw ValidationError("name a ranker, or --domain PATTERN")
        }
        if sweep != nil && !after.isEmpty {
            throw ValidationError("a sweep starts at once: leave out --after")
        }
    }

    func run() async throws {
        let settings = try await Settings.resolve(common)
        let (rankers, patterns, features, seed) = (rankers, domain, features, seed)
        let list = try sweep.map { text throws(LanguageSystemError) in try SweepList(text) }
        let wait = wait ?? (list != nil)
        let after = after.map { TaskID($0) }
        try await Database.withLedger(settings) { ledger in
            let names = try await Self.names(rankers, patterns, ledger)
            // All of them are there before the first is trained.
            try await ledger.checkRankers(names)
            let sets = try await Self.trainSets(of: features, ledger)
            if let list {
                let run = SweepRun(ledger: ledger)
                let sweeps = try await run.request(
                    list, rankers: names, featureSets: sets, seed: seed)
                guard wait else { return }
                try await run.wait(for: sweeps)
                for sweep in sweeps { try await run.printResult(of: sweep) }
                return
            }
            var tasks: [TaskID] = []
            for name in names {
                let task = try await ledger.requestTraining(
                    name, featureSets: sets, seed: seed, after: after)
                tasks.append(task)
                if !wait { print("task \(task): train \(name)") }
            }
            guard wait else { return }
            try await Waiting.untilEnded(tasks, ledger)
            try await Waiting.untilNoneOpen(of: Set(names), ledger)
            try await Self.printResults(names, ledger)
        }
    }

    private static func names(_ rankers: [String], _ patterns: [String], _ ledger: LedgerStore)
        async throws -> [String]
    {
        var names = rankers
        if !patterns.isEmpty {
            for pattern in patterns {
                let found = try await ledger.rankerNames(of: pattern)
                guard !found.isEmpty else {
                    throw LanguageSystemError(
                        .unknownRanker, "cannot train: no ranker's domain matches '\(pattern)'",
                        hint: "register one: lscoord register ranker --domain …")
                }
                names += found.filter { !names.contains($0) }
            }
        }
        return names
    }

    /// The current train sets of the named domains; nil when none is named.
    private static func trainSets(of domains: [String], _ ledger: LedgerStore) async throws
        -> [FeatureSetID]?
    {
        guard !domains.isEmpty else { return nil }
        let known = try await ledger.featureSets().filter { $0.split == .train && $0.isCurrent }
        return try domains.flatMap { name throws(LanguageSystemError) -> [FeatureSetID] in
            let found = known.filter { $0.domain.matches(name) }.map(\.id)
            guard !found.isEmpty else {
                throw LanguageSystemError(
                    .unknownFeatureSet,
                    "cannot train on '\(name)': no current train set is of this domain",
                    hint: "lscoord features list")
            }
            return found
        }
    }

    private static func printResults(_ names: [String], _ ledger: LedgerStore) async throws {
        let status = try await ledger.rankers(named: names)
        let answers = try await ledger.promotionAnswers(of: names)
        print(TrainingTable(status, answers).text)
    }
}

/// What became of the versions that were trained: how good they are, beside who would serve without
/// them, and whether the promotion gate made them champion.
struct TrainingTable {
    let text: String

    init(_ rankers: [RankerStatus], _ answers: [PromotionAnswer]) {
        let answers = Dictionary(grouping: answers, by: \.ranker).compactMapValues(\.first)
        var table = TextTable(
            [
                "ranker", "version", "accuracy", "without it", "accuracy", "queries", "e",
                "champion",
            ],
            rightAligned: [1, 2, 4, 5, 6, 7])
        var notes: [(words: String, versions: [String])] = []
        for ranker in rankers {
            let answer = answers[ranker.name]
            table.add([
                ranker.name,
                answer.map { "@\($0.versionNumber)" } ?? "-",
                answer?.accuracy.map(Percent.text) ?? "-",
                answer?.incumbentAccuracy == nil ? "-" : answer?.incumbent ?? "first sample",
                answer?.incumbentAccuracy.map(Percent.text) ?? "-",
                answer?.queryCount.map(String.init) ?? "-",
                answer?.evidence ?? "-",
                ranker.championNumber.map { "@\($0)" } ?? "none",
            ])
            if let answer, answer.isPromoted, !answer.harmed.isEmpty {
                let who = answer.harmed.joined(separator: ", ")
                notes.append(("worse for \(who), see ls.exemption_status", [ranker.name]))
            }
            guard answer?.evidence == nil else { continue }
            let words = answer?.reason ?? "the promotion gate has not answered yet"
            let name = answer.map { "\(ranker.name)@\($0.versionNumber)" } ?? ranker.name
            if let index = notes.firstIndex(where: { $0.words == words }) {
                notes[index].versions.append(name)
            } else {
                notes.append((words, [name]))
            }
        }
        let lines =
            table.text.split(separator: "\n").map(String.init) + [
                "e: the evidence that it is better than who serves without it; 20 is enough"
            ] + notes.map { "\($0.versions.joined(separator: ", ")): \($0.words)" }
        text = lines.map { "   \($0)" }.joined(separator: "\n")
    }
}

enum Percent {
    /// 0.5531 as "55.3".
    static func text(_ share: Double) -> String {
        let tenths = Int(nearest: share * 1_000)
        return "\(tenths < 0 ? "-" : "")\(tenths.magnitude / 10).\(tenths.magnitude % 10)"
    }

    /// With its sign: "+1.2".
    static func signed(_ share: Double) -> String {
        let text = text(share)
        return text.hasPrefix("-") ? text : "+" + text
    }
}
