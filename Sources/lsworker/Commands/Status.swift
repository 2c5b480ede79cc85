// Shows what the running worker last wrote of itself; asks nobody.
import ArgumentParser
import EdgeWork
import Foundation
import LanguageSystem

struct Status: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show this worker's identity, connection, tasks and cache.",
        discussion: """
            Examples:
              lsworker status
              lsworker status --json | jq .tasks
            """)

    @Flag(help: "Print the status as JSON.") var json = false
    @OptionGroup var common: CommonOptions

    func run() throws {
        let state = Settings.stateDirectory(common)
        guard let report = try state.status() else {
            throw LanguageSystemError.neverJoined(state.path)
        }
        if json {
            print(String(decoding: try state.statusJSON(), as: UTF8.self))
            return
        }
        let isRunning = state.isInUse
        line("worker", report.worker)
        line("coordinator", report.coordinator)
        line(
            "state",
            isRunning
                ? """
                \(report.connection.rawValue)\
                \(report.connectedSince.map { ", since \(time($0))" } ?? "") (process \
                \(report.processId))
                """
                : "not running; last seen \(time(report.writtenAt))")
        if let version = report.tlsVersion { line("connection", "\(version), mutual") }
        line(
            "certificate",
            """
            until \
            \(time(report.certificateUntil))\(report.certificateUntil < Date() ? ", expired" : "")
            """
        )
        line("version", report.programVersion)
        line(
            "allows",
            report.allows.joined(separator: "; ")
                + (report.takesTasks ? "" : "; outside its hours now"))
        line(
            "cache",
            """
            \(report.cache.blobCount) blobs, \(report.cache.byteCount >> 20) of \
            \(report.cache.byteCountMax >> 20) MB
            """
        )
        if let local = report.localData {
            let place = local.directory.map { " from \($0)" } ?? ""
            let user = local.user.map { " of \($0)" } ?? ""
            line(
                "at home",
                """
                \(local.offeredCount) feature sets\(user)\(place) offered, \(local.refusedCount) \
                not taken, \(local.unreadableCount) files unreadable; weights of \
                \(local.weightsCount) versions
                """
            )
        }
        line(
            "tasks",
            """
            \(report.completedCount) completed, \(report.failedCount) failed, \(report.lostCount) \
            lost since it started
            """
        )
        if let reranks = report.reranks {
            line(
                "reranks",
                """
                \(reranks.answeredCount) answered, \(reranks.lateCount) late, \
                \(reranks.refusedCount) refused since it started; \
                \(Int(nearest: reranks.computeMicrosecondsMean)) us of computing each; \
                \(reranks.rankerCount) rankers in memory, \(reranks.byteCount >> 20) MB
                """
            )
        }
        if isRunning {
            for task in report.tasks {
                print(
                    """
                      \(task.kind.rawValue) \(task.ranker) (task \(task.taskId), attempt \
                    \(task.attempt)): \(task.phase), \
                    \(Int(nearest: (task.progress * 100).rounded(.down)))%\
                    \(task.note.isEmpty ? "" : ", \(task.note)")
                    """
                )
            }
        }
        for (place, error) in report.errors.enumerated() {
            line(place == 0 ? "last errors" : "", "\(time(error.at)): \(error.message)")
            if let hint = error.hint { print("  hint: \(hint)") }
        }
        print("  state directory: \(state.path)")
    }

    private func line(_ name: String, _ value: String) {
        print("\(name.padding(toLength: 13, withPad: " ", startingAt: 0))\(value)")
    }

    private func time(_ date: Date) -> String { date.formatted(.iso8601) }
}
