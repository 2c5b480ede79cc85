import ArgumentParser
import LanguageSystem
import Ledger

struct WorkerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "worker", abstract: "Shut workers out, and let them back.",
        subcommands: [WorkerRevoke.self, WorkerRelease.self])
}

struct WorkerRevoke: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "revoke", abstract: "Shut a worker out, for good.",
        discussion: """
            Its tasks wait for others at once, its stream ends within three seconds, and no call \
            of it is
            answered any more. The name is not handed out again.

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
        commandName: "release", abstract: "Let a worker out of quarantine, or end its pause.",
        discussion: """
            A worker is in quarantine after results of five tasks were refused that others did, \
            and paused while task
            after task fails there; why, is in ls.worker_status and ls.audit_entry. Released, it \
            begins with none;
            out of quarantine it connects when it is started again. A pause also ends by itself.

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
