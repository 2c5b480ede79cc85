// Watches tasks until they have ended, with a display that suits a terminal and a log alike.
import Foundation
import LanguageSystem
import Ledger

enum Waiting {
    /// Returns when none of `tasks` is open any more.
    ///
    /// - Throws: `cancelled` when one was cancelled, `internal` with the attempt's own words when
    ///   one is dead.
    static func untilEnded(_ tasks: [TaskID], _ ledger: LedgerStore) async throws {
        guard !tasks.isEmpty else { return }
        var display = ProgressDisplay()
        while true {
            let progress = try await ledger.taskProgress(tasks)
            display.show(progress)
            if progress.allSatisfy(\.state.isFinal) {
                try judge(progress)
                return
            }
            try await Task.sleep(for: .milliseconds(200))
        }
    }

    /// The evaluations that follow the trainings decide who becomes champion.
    static func untilNoneOpen(of rankers: Set<String>, _ ledger: LedgerStore) async throws {
        var display = ProgressDisplay()
        while true {
            let open = try await ledger.openTasks(of: Array(rankers))
            if open.isEmpty { return }
            display.show(open)
            try await Task.sleep(for: .milliseconds(200))
        }
    }

    private static func judge(_ progress: [TaskProgress]) throws(LanguageSystemError) {
        if let dead = progress.first(where: { $0.state == .dead }) {
            throw LanguageSystemError(
                .internal,
                """
                cannot finish \(dead.kind.rawValue) \(dead.ranker) (task \(dead.id)) after \
                \(dead.attempt) attempts: \(dead.error ?? "no reason was kept")
                """,
                hint: "select * from ls.dead_letter; then: select ls.redrive(\(dead.id), 'why')")
        }
        if let cancelled = progress.first(where: { $0.state == .cancelled }) {
            throw LanguageSystemError(
                .cancelled,
                """
                cannot finish \(cancelled.kind.rawValue) \(cancelled.ranker) (task \
                \(cancelled.id)): it was cancelled\(cancelled.error.map { ": \($0)" } ?? "")
                """
            )
        }
    }
}

/// On a terminal one line is redrawn; elsewhere each task's end is a line.
struct ProgressDisplay {
    private let isTerminal = isatty(STDOUT_FILENO) == 1
    private var reported: Set<TaskID> = []

    mutating func show(_ tasks: [TaskProgress]) {
        for task in tasks where task.state.isFinal && reported.insert(task.id).inserted {
            let place = task.worker.map { " on \($0)" } ?? ""
            let attempts = task.attempt > 1 ? ", attempt \(task.attempt)" : ""
            line(
                """
                   \(task.state.rawValue)  \(task.kind.rawValue) \
                \(task.ranker)\(version(task))\(place)\(attempts)
                """
            )
        }
        guard isTerminal else {
            fflush(nil)
            return
        }
        let done = tasks.count { $0.state.isFinal }
        let share =
            tasks.reduce(0) { $0 + ($1.state.isFinal ? 1 : $1.progress) }
            / Double(max(1, tasks.count))
        let filled = min(24, max(0, Int(nearest: (share * 24).rounded(.down))))
        let bar = String(repeating: "#", count: filled) + String(repeating: ".", count: 24 - filled)
        let running = tasks.filter { $0.state == .leased }
            .map { "\($0.ranker) \(Int(nearest: ($0.progress * 100).rounded(.down)))%" }.prefix(2)
            .joined(
                separator: ", ")
        print("\r\u{1B}[K   [\(bar)] \(done)/\(tasks.count)  \(running)", terminator: "")
        if done == tasks.count { print("\r\u{1B}[K", terminator: "") }
        fflush(nil)
    }

    private func line(_ text: String) {
        print(isTerminal ? "\r\u{1B}[K\(text)" : text)
    }

    private func version(_ task: TaskProgress) -> String {
        task.versionNumber.map { "@\($0)" } ?? ""
    }
}
