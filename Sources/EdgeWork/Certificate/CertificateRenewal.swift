// Keeps the worker's certificate fresh: asks for the next at half-life over the connection there
// is, and for another by its key when it ran out. When is for RenewalPlan to say.
import Concurrency
import Foundation
import LanguageSystem
import Logging
import PKI
import WorkerWire

actor CertificateRenewal {
    private static let patience: Duration = .seconds(20)

    /// Who the worker is, with the newest certificate.
    private(set) var identity: WorkerIdentity
    private var plan: RenewalPlan
    private let state: StateDirectory
    private let link: CoordinatorLink
    private let outbox: SessionOutbox
    private let reporter: StatusReporter
    private let logger: Logger
    private let clock = ContinuousClock()

    init(
        of identity: WorkerIdentity, savedIn state: StateDirectory, link: CoordinatorLink,
        outbox: SessionOutbox, reporter: StatusReporter, logger: Logger
    ) {
        self.identity = identity
        plan = RenewalPlan(
            expiry: identity.certificate.notAfter, renewal: identity.certificate.renewalTime())
        self.state = state
        self.link = link
        self.outbox = outbox
        self.reporter = reporter
        self.logger = logger
    }

    /// Renews in time until it is cancelled.
    ///
    /// - Parameter interval: How often it looks at the clock.
    func run(every interval: Duration) async throws {
        while true {
            try await clock.sleep(for: interval)
            if outbox.isOpen, plan.isDue(at: Date(), clock.now) { await renew() }
        }
    }

    /// Who to connect as.
    ///
    /// - Throws: What the coordinator says when it gives no certificate for one that has run out.
    func identityToShow() async throws -> WorkerIdentity {
        switch plan.stepBeforeConnecting(at: Date()) {
        case .connect: break
        case .recover: try await recover()
        case .recoverEarly: try await recoverEarly()
        }
        return identity
    }

    func connectionFailed(_ failure: LanguageSystemError) { plan.connectionFailed(failure) }

    /// A fresh certificate for the same key, then a connection that shows it.
    private func renew() async {
        do {
            var message = Languagesystem_V1_RenewCertificateRequest()
            message.certificateRequest = Data(
                try identity.key.certificateRequest(name: identity.workerName))
            let request = message
            let reply = try await withDeadline(within: Self.patience) { [link] in
                try await link.call { try await $0.renewCertificate(request) }.certificateChain
            }
            guard let reply else {
                throw LanguageSystemError.silentCoordinator(
                    identity.coordinator, for: Self.patience)
            }
            let renewed = try identity.renewed(chainPEM: reply)
            try state.save(renewed)
            take(renewed)
            outbox.reconnect()
        } catch {
            plan.renewalFailed(at: clock.now)
            let failure = LanguageSystemError(of: error, from: identity.coordinator)
            reporter.note(failure)
            logger.warning(
                "cannot renew the certificate", metadata: ["error": "\(failure.message)"])
        }
    }

    /// The certificate ran out while this worker was off, or while nobody answered.
    private func recover() async throws {
        logger.notice(
            "the certificate has run out: asking for another",
            metadata: ["until": "\(identity.certificate.notAfter.formatted(.iso8601))"])
        take(try await identity.recovered(savedIn: state))
    }

    /// The coordinator's clock says that it ran out, ours does not. Who is wrong will be set right:
    /// a refusal is no reason to end.
    private func recoverEarly() async throws {
        do {
            try await recover()
        } catch {
            let cause = LanguageSystemError(of: error, from: identity.coordinator)
            throw LanguageSystemError.takenForExpired(
                identity.coordinator, until: identity.certificate.notAfter, now: Date(),
                cause: cause.message)
        }
    }

    private func take(_ renewed: WorkerIdentity) {
        identity = renewed
        plan.renewed(
            expiry: renewed.certificate.notAfter,
            renewal: renewed.certificate.renewalTime(receivedAt: Date()))
        logger.notice(
            "certificate renewed",
            metadata: ["until": "\(renewed.certificate.notAfter.formatted(.iso8601))"])
    }
}
