import ArgumentParser
import LanguageSystem
import Ledger

struct Status: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract:
            "Show what is registered, which workers are connected, and which tasks are under way.",
        discussion: """
            Examples:
              lscoord status
              lscoord status --wait-for-workers 2      return when two workers are connected
              lscoord status --limit 1000              longer lists
            """)

    @Option(
        help: ArgumentHelp(
            "Wait at most a minute until this many workers are connected.", valueName: "n"))
    var waitForWorkers: Int?
    @Option(
        help: ArgumentHelp(
            "Rows of each list to show at most. Default: 100, of tasks 20.", valueName: "n"))
    var limit: Int?
    @OptionGroup var common: CommonOptions

    func validate() throws {
        guard let limit else { return }
        guard (1...1_000_000).contains(limit) else {
            throw ValidationError("found --limit \(limit), expected 1 to 1000000")
        }
    }

    func run() async throws {
        let settings = try await Settings.resolve(common)
        let (wanted, limit) = (waitForWorkers, limit)
        try await Database.withLedger(settings) { ledger in
            if let wanted { try await Self.wait(for: wanted, ledger) }
            try await Self.show(ledger, upTo: limit)
        }
    }

    private static func wait(for count: Int, _ ledger: LedgerStore) async throws {
        let deadline = ContinuousClock.now + .seconds(60)
        while try await ledger.statusSummary().connectedWorkerCount < count {
            guard ContinuousClock.now < deadline else {
                throw LanguageSystemError(
                    .deadlineExceeded,
                    """
                    cannot see \(count) workers: found \
                    \(try await ledger.statusSummary().connectedWorkerCount) after a minute
                    """,
                    hint: "look at the workers' logs; lsworker status on their machines says more")
            }
            try await Task.sleep(for: .milliseconds(100))
        }
    }

    private static func show(_ ledger: LedgerStore, upTo asked: Int?) async throws {
        let summary = try await ledger.statusSummary()
        print(
            """
               \(summary.rankerCount) rankers (\(summary.championCount) with a champion), \
            \(summary.versionCount) versions, \(summary.featureSetCount) feature sets, \
            \(summary.evaluationCount) evaluations
            """
        )
        let tasks = TaskState.allCases.map { "\(summary.taskCounts[$0] ?? 0) \($0.rawValue)" }
        print("   tasks: \(tasks.joined(separator: ", "))")
        let limit = asked ?? 100
        let workers = try await ledger.workers(limit: limit)
        if !workers.isEmpty {
            var table = TextTable(
                ["worker", "state", "leases", "succeeded", "failed", "certificate until"],
                rightAligned: [2, 3, 4])
            for worker in workers {
                table.add([
                    worker.name, worker.state, "\(worker.leaseCount)", "\(worker.succeededCount)",
                    "\(worker.failedCount)", worker.certificateUntil.map { "\($0)" } ?? "-",
                ])
            }
            print(indented(table))
            more(workers.count, of: summary.workerCount)
        }
        let losses = try await ledger.lostRankers(limit: limit + 1)
        for lost in losses.prefix(limit) {
            print("   lost: \(lost.name), at home with \(lost.home): \(lost.because)")
        }
        if losses.count > limit { print("   … and more; --limit shows them") }
        let open = try await ledger.taskProgress(limit: asked ?? 20)
        if !open.isEmpty {
            var table = TextTable(
                ["task", "kind", "ranker", "state", "worker", "done", "note"], rightAligned: [0, 5])
            for task in open {
                table.add([
                    "\(task.id)", task.kind.rawValue, task.ranker, task.state.rawValue,
                    task.worker ?? "-",
                    "\(Int(nearest: (task.progress * 100).rounded(.down)))%", task.note,
                ])
            }
            print(indented(table))
            let openCount = [TaskState.blocked, .waiting, .leased].reduce(0) {
                $0 + (summary.taskCounts[$1] ?? 0)
            }
            more(open.count, of: openCount)
        }
    }

    private static func more(_ shownCount: Int, of count: Int) {
        if count > shownCount { print("   … and \(count - shownCount) more; --limit shows them") }
    }

    private static func indented(_ table: TextTable) -> String {
        table.text.split(separator: "\n").map { "   \($0)" }.joined(separator: "\n")
    }
}
