// Joins when there is a token and something to join for, then works until told to stop.
import ArgumentParser
import Concurrency
import EdgeWork
import Foundation
import LanguageSystem
import Logging
import PKI
import ProgramSupport

struct Join: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Join a coordinator, if not done yet, and work for it until stopped.",
        discussion: """
            The first start needs a token, which lets this machine join. The worker makes its key \
            here, and the key never leaves the machine. Later starts need no token. On SIGTERM or \
            SIGINT the worker finishes or hands back its tasks and ends; a second signal ends it \
            at once.

            Examples:
              lsworker join --coordinator localhost:8443 --token-file token
              LSWORKER_TOKEN=LS1… lsworker join --coordinator coordinator.example.org
              lsworker join --threads 8 --capacity 2 --cache-size 20000
            """)

    @OptionGroup var options: JoinOptions
    @OptionGroup var common: CommonOptions

    func run() async throws {
        let settings = try await Settings.resolve(common, options)
        let logger = ProgramLog.bootstrap(
            label: "lsworker", format: settings.logFormat, level: settings.logLevel)
        try settings.state.prepare()
        let lock = try settings.state.lock()
        defer { withExtendedLifetime(lock) {} }
        try await StopSignals.during { stopping in
            let identity = try await identity(settings, logger)
            let worker = try EdgeWorker(
                identity: identity, state: settings.state, settings: settings.edge, logger: logger)
            await stopping.onFirst { await worker.drain() }
            try await worker.run()
        }
    }

    private func identity(_ settings: Settings, _ logger: Logger) async throws -> WorkerIdentity {
        let token = try settings.token.map { try JoinToken($0) }
        if let known = try settings.state.identity(),
            token.map({ known.roots.pins.contains($0.authorityPin) }) ?? true
        {
            // A token for the same authority was for a start that has happened, or is for a worker
            // whose certificate ran out too long ago.
            guard token != nil, known.certificate.isExpired(at: Date()) else { return known }
            do {
                return try await known.recovered(savedIn: settings.state)
            } catch let refusal as LanguageSystemError where refusal.code == .identityRefused {
                logger.warning(
                    "cannot come back with the identity from before: joining with the token",
                    metadata: ["error": "\(refusal.message)"])
            } catch {
                // Nobody answers: the worker waits for the coordinator and asks again.
                return known
            }
        }
        guard let token else { throw LanguageSystemError.neverJoined(settings.state.path) }
        guard let address = settings.coordinator else {
            throw LanguageSystemError.tokenWithoutCoordinator()
        }
        return try await joinPatiently(
            Joining(address: address, token: token, name: settings.name, logger: logger),
            settings.state, logger)
    }

    /// A coordinator that is just starting is waited for, a while.
    private func joinPatiently(_ joining: Joining, _ state: StateDirectory, _ logger: Logger)
        async throws -> WorkerIdentity
    {
        var backoff = Backoff(first: .milliseconds(500), most: .seconds(4))
        for _ in 1...6 {
            do {
                return try await joining.join(state)
            } catch let error as LanguageSystemError where error.code == .unavailable {
                logger.warning(
                    "cannot join yet",
                    metadata: [
                        "error": "\(error.message)", "hint": "\(error.hint ?? "-")",
                        "cause": "\(error.cause ?? "-")",
                    ])
            }
            try await Task.sleep(for: backoff.next())
        }
        return try await joining.join(state)
    }
}
