import ArgumentParser
import LanguageSystem
import Ledger

struct Transfer: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Measure every domain's ranker on every domain, and print the matrix.",
        discussion: """
            Prints a table like the paper's Table 6: each row is a ranker, by the domain that it \
            was trained on, and each column a domain that it is measured on. Below each figure is \
            the difference from the column's own ranker. A ranker without a champion is measured \
            by its newest version. Known figures are not measured again.

            Examples:
              lscoord transfer --base-model minilm-l6-math-l5 --wait
              lscoord transfer --base-model minilm-l6-math-l5 --domain 'math/*' --domain code
              lscoord transfer --base-model minilm-l6-math-l5 --kind listwise
              lscoord train --domain 'math/*' && lscoord transfer --base-model M --after-training \
            --wait
            """)

    @Option(help: "The base model's name.") var baseModel: String
    @Option(
        help: ArgumentHelp(
            """
            Measure the rankers and test sets of this domain, or of all domains below it (math/*). \
            Repeatable. Default: every domain.
            """, valueName: "pattern"))
    var domain: [String] = []
    @Option(help: "Another word for --domain.") var pattern: [String] = []
    @Option(help: "listwise or pointwise; both by default.") var kind: RankerKind?
    @Flag(help: "Request the missing figures and wait; otherwise print the known ones.")
    var wait = false
    @Flag(
        help: "Request the matrix once the open trainings of these domains are done and measured.")
    var afterTraining = false
    @Option(help: ArgumentHelp("Rows and columns to show at most. Default: 40.", valueName: "n"))
    var limit = 40
    @OptionGroup var common: CommonOptions

    func validate() throws {
        guard (1...10_000).contains(limit) else {
            throw ValidationError("found --limit \(limit), expected 1 to 10000")
        }
        for text in domain + pattern {
            do { _ = try DomainPattern(text) } catch { throw ValidationError(error.message) }
        }
    }

    func run() async throws {
        let settings = try await Settings.resolve(common)
        let (baseModel, kind, wait, limit) = (baseModel, kind, wait, limit)
        let domains = domain + pattern
        let pattern = domains.isEmpty ? nil : domains.joined(separator: ",")
        let afterTraining = afterTraining
        try await Database.withLedger(settings) { ledger in
            if afterTraining {
                let task = try await ledger.requestMatrix(
                    baseModel: baseModel, pattern: pattern, kind: kind)
                guard wait else {
                    print("task \(task): matrix \(pattern ?? "of every domain")")
                    return
                }
                try await Waiting.untilEnded([task], ledger)
            } else if wait {
                let tasks = try await ledger.requestTransferMatrix(
                    baseModel: baseModel, pattern: pattern, kind: kind)
                try await Waiting.untilEnded(tasks, ledger)
            }
            let cells = try await ledger.transferMatrix(
                baseModel: baseModel, pattern: pattern, kind: kind)
            guard !cells.isEmpty else {
                throw LanguageSystemError(
                    .unknownVersion,
                    "cannot print a transfer matrix of \(baseModel): nothing is measured yet",
                    hint: "lscoord transfer --base-model \(baseModel) --wait")
            }
            for kind in RankerKind.allCases {
                let matrix = cells.filter { $0.kind == kind }
                if !matrix.isEmpty { print(TransferTable(matrix, kind: kind, upTo: limit).text) }
            }
        }
    }
}

/// Cells of one kind, as text.
struct TransferTable {
    let text: String

    /// - Parameter limit: Domains that are shown, each way; the others are counted.
    init(_ cells: [TransferCell], kind: RankerKind, upTo limit: Int = 40) {
        let first = cells[0]
        let allTargets = Self.ordered(cells.map(\.targetDomain))
        let allSources = Self.ordered(cells.map(\.sourceDomain))
        let (targets, sources) = (Array(allTargets.prefix(limit)), allSources.prefix(limit))
        // Two domains with the same initials are named in full.
        let initials = Dictionary(grouping: targets, by: Self.short)
        func heading(_ domain: DomainName) -> String {
            let short = Self.short(domain)
            return initials[short]?.count == 1 ? short : domain.description
        }
        let cells = cells.filter {
            targets.contains($0.targetDomain) && sources.contains($0.sourceDomain)
        }
        let hiddenCount = allTargets.count - targets.count + allSources.count - sources.count
        var table = TextTable(
            ["trained on \\ measured on"] + targets.map(heading) + ["all"],
            rightAligned: Set(1...(targets.count + 1)))

        for source in sources {
            let row = targets.map { target in
                cells.first { $0.sourceDomain == source && $0.targetDomain == target }
            }
            table.add(
                ["\(source)"] + row.map { $0.map { Percent.text($0.accuracy) } ?? "-" }
                    + [Self.pooled(row.compactMap { $0 }, \.accuracy)])
            let differences = row.map { cell in
                cell.flatMap { $0.sourceDomain == $0.targetDomain ? nil : $0.difference }.map(
                    Percent.signed) ?? ""
            }
            if differences.contains(where: { !$0.isEmpty }) { table.add([""] + differences + [""]) }
        }
        let columns = targets.map { target in cells.first { $0.targetDomain == target } }
        func baseline(_ name: String, _ value: (TransferCell) -> Double?) {
            guard columns.contains(where: { $0.flatMap(value) != nil }) else { return }
            table.add(
                [name] + columns.map { $0.flatMap(value).map(Percent.text) ?? "-" }
                    + [Self.pooled(columns.compactMap { $0 }, value)])
        }
        baseline("first sample") { $0.firstSample }
        baseline("majority") { $0.majority }
        baseline("highest log-probability") { $0.highestLogProbability }
        baseline("oracle") { $0.oracle }
        table.add(
            ["problems"] + columns.map { "\($0?.queryCount ?? 0)" } + [
                "\(columns.reduce(0) { $0 + ($1?.queryCount ?? 0) })"
            ])
        let errors = cells.map(\.standardError)
        let hidden =
            "\n… and \(hiddenCount) more rows and columns, not in 'all' either; --limit shows them"
        text = """

            \(kind.rawValue), accuracy in % at K = \(first.candidateCount); beneath: difference \
            from the column's own ranker
            \(table.text)
            standard error of a figure: \(Percent.text(errors.min() ?? 0)) to \
            \(Percent.text(errors.max() ?? 0)) points (bootstrap by \
            problem)\(hiddenCount > 0 ? hidden : "")
            """
    }

    /// Over all problems; "-" unless every column is there.
    private static func pooled(_ cells: [TransferCell], _ value: (TransferCell) -> Double?)
        -> String
    {
        let weighted = cells.compactMap { cell in value(cell).map { ($0, Double(cell.groupCount)) }
        }
        let weight = weighted.reduce(0) { $0 + $1.1 }
        guard weight > 0, weighted.count == cells.count else { return "-" }
        return Percent.text(weighted.reduce(0) { $0 + $1.0 * $1.1 } / weight)
    }

    /// The paper's order for MATH, then by name; broader domains last.
    private static func ordered(_ domains: [DomainName]) -> [DomainName] {
        let paper = [
            "prealgebra", "algebra", "number_theory", "counting_and_probability", "geometry",
            "intermediate_algebra", "precalculus",
        ]
        func place(_ domain: DomainName) -> (Int, Int, DomainName) {
            let depth = domain.ancestors.count
            return (-depth, paper.firstIndex(of: lastWord(domain)) ?? paper.count, domain)
        }
        return Set(domains).sorted { place($0) < place($1) }
    }

    private static func lastWord(_ domain: DomainName) -> String {
        String(domain.description.split(separator: "/").last ?? "")
    }

    /// Initials of the last word: counting_and_probability is CP, as in the paper.
    private static func short(_ domain: DomainName) -> String {
        let paper = ["prealgebra": "PA", "precalculus": "PC"]
        let word = lastWord(domain)
        if let known = paper[word] { return known }
        return word.split(separator: "_").filter { $0 != "and" }.compactMap(\.first)
            .map { $0.uppercased() }.joined()
    }
}
