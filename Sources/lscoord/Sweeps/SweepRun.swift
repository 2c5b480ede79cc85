// Asks for sweeps, watches them and prints what came out. Leaving in between changes nothing: the
// sweep is the database's, and the same command comes back to it.
import Foundation
import LanguageSystem
import Ledger
import Rankers

struct SweepRun {
    let ledger: LedgerStore

    /// One sweep a ranker, all checked before the first is asked for.
    func request(
        _ list: SweepList, rankers: [String], featureSets: [FeatureSetID]?, seed: Int64?
    ) async throws -> [SweepID] {
        let known = try await ledger.rankers(named: rankers)
        var asked: [(ranker: String, configurations: String?)] = []
        for name in rankers {
            guard let ranker = known.first(where: { $0.name == name }) else {
                throw LanguageSystemError(
                    .unknownRanker, "cannot sweep ranker '\(name)': it is not registered",
                    hint: "select name from ls.ranker_status lists the rankers")
            }
            asked.append((name, try list.configurations(training: ranker.training)))
        }
        var sweeps: [SweepID] = []
        for (ranker, configurations) in asked {
            let sweep = try await ledger.requestSweep(
                ranker, configurations: configurations, name: list.name, featureSets: featureSets,
                seed: seed)
            let count = try await ledger.sweepStatus(sweep).configurationCount
            print("sweep \(sweep): \(count) configurations of \(ranker)")
            sweeps.append(sweep)
        }
        return sweeps
    }

    /// Returns when every sweep has ended and the promotion gate has its figures.
    func wait(for sweeps: [SweepID]) async throws {
        print("   (Ctrl-C leaves: the sweep goes on, and the same command comes back to it)")
        var display = SweepDisplay()
        while true {
            var isOver = true
            var results: [(SweepID, [SweepResult])] = []
            for sweep in sweeps {
                results.append((sweep, try await ledger.sweepResults(sweep)))
                isOver = try await ledger.sweepStatus(sweep).isDecided && isOver
            }
            display.show(results)
            if isOver { return }
            if display.asksForWorkers() {
                display.say(workers: try await ledger.statusSummary().connectedWorkerCount)
            }
            try await Task.sleep(for: .milliseconds(300))
        }
    }

    /// - Throws: `internal` when not a single configuration was measured.
    func printResult(of sweep: SweepID) async throws {
        let status = try await ledger.sweepStatus(sweep)
        let results = try await ledger.sweepResults(sweep)
        print("\nsweep \(sweep) (\(status.name)) of \(status.ranker)\n\(SweepTable(results).text)")
        guard let best = results.first(where: \.isBest), let number = best.versionNumber else {
            throw LanguageSystemError(
                .internal,
                """
                cannot find the best of sweep \(sweep): none of its \(results.count) \
                configurations was measured
                """,
                hint: "select * from ls.dead_letter; then: select ls.redrive(task_id, 'why')")
        }
        let standing =
            status.isChampion
            ? "it is the champion" : "it has been champion before, and was not promoted again"
        print(
            """
            chosen on the test sets themselves (\(status.selectedOn)), there being no third part: \
            the best of \(status.measuredCount) figures is a little too high
            best: entry \(best.position), version \(status.ranker)@\(number); \
            \(status.decision ?? standing)
            """)
        if !status.isChampion, let version = best.versionID {
            print("   by hand: lscoord psql -c \"select ls.promote(\(version), 'why')\"")
        }
        print("every configuration: select * from ls.sweep_result where sweep_id = \(sweep)")
        print("the best configuration, for register ranker --training:")
        print((try? TrainingConfiguration(json: best.configuration).json) ?? best.configuration)
    }
}
