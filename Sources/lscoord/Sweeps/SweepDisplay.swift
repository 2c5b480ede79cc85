// Shows how far sweeps are while someone waits: a line for each configuration that has ended, and
// on a terminal one more that is redrawn.
import Foundation
import LanguageSystem
import Ledger

struct SweepDisplay {
    private let isTerminal = isatty(STDOUT_FILENO) == 1
    private var reported: Set<String> = []
    private var isIdle = false
    private var saidNobody = false

    mutating func show(_ sweeps: [(id: SweepID, results: [SweepResult])]) {
        for (id, results) in sweeps {
            let labels = SweepLabels(results.map(\.configuration)).texts
            for (result, label) in zip(results, labels)
            where result.state.isFinal && reported.insert("\(id).\(result.position)").inserted {
                line("   \(Self.place(result, results.count, id, sweeps.count))  \(label)")
            }
        }
        let all = sweeps.flatMap(\.results)
        isIdle =
            !all.contains { $0.state == .training }
            && all.contains { $0.state == .waiting || $0.state == .measuring }
        if isTerminal { draw(all) }
        fflush(nil)
    }

    private static func place(_ result: SweepResult, _ count: Int, _ id: SweepID, _ sweeps: Int)
        -> String
    {
        let figure =
            result.accuracy.map {
                "\(Percent.text($0)) ±\(result.standardError.map(Percent.text) ?? "?")"
            } ?? result.state.rawValue
        let worker = result.worker.map { " on \($0)" } ?? ""
        return (sweeps > 1 ? "sweep \(id) " : "")
            + "\(result.position)/\(count)  \(figure)\(worker)"
    }

    private func draw(_ results: [SweepResult]) {
        let ended = results.count { $0.state.isFinal }
        let share =
            results.reduce(0) { $0 + ($1.state.isFinal ? 1 : $1.progress) }
            / Double(max(1, results.count))
        let filled = min(24, max(0, Int(nearest: (share * 24).rounded(.down))))
        let bar = String(repeating: "#", count: filled) + String(repeating: ".", count: 24 - filled)
        let training = results.count { $0.state == .training }
        print(
            "\r\u{1B}[K   [\(bar)] \(ended)/\(results.count), \(training) training", terminator: "")
        if ended == results.count { print("\r\u{1B}[K", terminator: "") }
    }

    private func line(_ text: String) {
        print(isTerminal ? "\r\u{1B}[K\(text)" : text)
    }

    /// Whether something waits and nobody works on it.
    func asksForWorkers() -> Bool { isIdle }

    /// Said once for as long as nobody is there.
    mutating func say(workers count: Int) {
        if count == 0, !saidNobody {
            line(
                """
                   no worker is connected: the trainings wait (lscoord token create, lsworker join)
                """
            )
            fflush(nil)
        }
        saidNobody = count == 0
    }
}
