import ArgumentParser
import LanguageSystem
import Ledger

struct WorkerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "worker", abstract: "Revoke workers, and release them from quarantine.",
        subcommands: [WorkerRevoke.self, WorkerRelease.self])
}

struct WorkerRevoke: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "revoke", abstract: "Revoke a worker permanently.",
        discussion: """
            The worker's tasks go back to the queue at once, its stream ends within three seconds, \
            and its calls are refused from then on. No other worker gets its name.

            Example:
              lscoord worker revoke edge-1 --reason 'its disk was stolen'
            """)

    @Argument(help: "The worker's name, as in lscoord status.") var name: String
    @Option(help: "Why; kept in the audit log and told to the worker.") var reason: String
    @OptionGroup var common: CommonOptions

    func run() async throws {
        let settings = try await Settings.resolve(common)
        let (name, reason) = (name, reason)
        try await Database.withLedger(settings) { try await $0.revokeWorker(name, because: reason) }
        print("worker \(name) is revoked")
    }
}

struct WorkerRelease: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "release", abstract: "Release a worker from quarantine, or end its pause.",
        discussion: """
            A worker is put into quarantine when its results of five tasks were refused that other \
            workers completed. It is paused while it fails task after task. ls.worker_status and \
            ls.audit_entry give the reason. A release sets the count of refusals and failures to \
            zero. Start the worker again after a quarantine; a pause also ends by itself.

            Example:
              lscoord worker release edge-1 --reason 'repaired'
            """)

    @Argument(help: "The worker's name, as in lscoord status.") var name: String
    @Option(help: "Why; kept in the audit log.") var reason: String
    @OptionGroup var common: CommonOptions

    func run() async throws {
        let settings = try await Settings.resolve(common)
        let (name, reason) = (name, reason)
        try await Database.withLedger(settings) {
            try await $0.releaseWorker(name, because: reason)
        }
        print("worker \(name) is neither in quarantine nor paused")
    }
}
