// Keeps the worker connected: says hello, passes on what the coordinator wants, says that it is
// there, and connects again when the line is lost. It decides nothing about tasks.
import Concurrency
import Foundation
import GRPCCore
import LanguageSystem
import Logging
import PKI
import TLSDiagnosis
import WorkerWire

actor WorkerSession {
    private let settings: EdgeSettings
    private let process: WorkerProcess?
    private let renewal: CertificateRenewal
    private let supervisor: AttemptSupervisor
    private let localData: LocalDataOffer
    private let reranks: EdgeRerankServer
    private let prefetcher: Prefetcher
    private let cache: BlobCache
    private let link: CoordinatorLink
    private let outbox: SessionOutbox
    private let reporter: StatusReporter
    private let logger: Logger
    private let clock = ContinuousClock()

    private var backoff = Backoff.ofCoordinator
    private var heartbeats: HeartbeatPlan
    /// What the coordinator was told of the owner's hours; a hello says that it takes tasks.
    private var saidToTakeTasks = true

    init(
        of process: WorkerProcess?, _ parts: WorkerParts, prefetcher: Prefetcher,
        link: CoordinatorLink, reporter: StatusReporter, logger: Logger
    ) {
        self.process = process
        settings = parts.settings
        renewal = parts.renewal
        supervisor = parts.supervisor
        localData = parts.localData
        reranks = parts.reranks
        self.prefetcher = prefetcher
        cache = parts.cache
        self.link = link
        outbox = parts.outbox
        self.reporter = reporter
        self.logger = logger
        heartbeats = HeartbeatPlan(at: clock.now)
    }

    /// Stays connected until it is cancelled.
    ///
    /// - Throws: `identityRefused` when the coordinator will not have this worker; a lost
    ///   connection is no reason to end.
    func run() async throws {
        while true {
            do {
                let identity = try await renewal.identityToShow()
                try await connect(as: identity)
            } catch {
                try Task.checkCancellation()
                try await failed(error, wasOpen: outbox.close())
            }
            outbox.close()
            reporter.connectionChanged()
            try await clock.sleep(for: backoff.next())
        }
    }

    /// Says so when the owner's hours begin or end, until it is cancelled. What is under way then
    /// is finished.
    func watchHours(every interval: Duration) async throws {
        while true {
            try await clock.sleep(for: interval)
            sayAvailability()
        }
    }

    // MARK: A connection

    /// One connection, from its first byte to its end.
    private func connect(as identity: WorkerIdentity) async throws {
        heartbeats.connecting(at: clock.now)
        let client = GRPCClient(
            transport: try identity.transport { [outbox] in outbox.agreed(onTLS: $0) })
        let service = WorkerClient(wrapping: client)
        let line = SessionLine()
        let held = await cache.heldDigests
        saidToTakeTasks = true
        await supervisor.open(line, hello(holding: held))
        do {
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await client.runConnections() }
                group.addTask { try await self.listen(service, line, identity.coordinator) }
                group.addTask { try await self.keepTalking(to: identity.coordinator) }
                group.addTask { for await _ in line.closing {} }
                defer { group.cancelAll() }
                try await group.next()
            }
        } catch {
            await link.close()
            throw error
        }
        await link.close()
    }

    private func hello(holding held: [Digest]) -> WorkerHello {
        WorkerHello(
            programVersion: ProductVersion.current, capacity: settings.capacity,
            taskKinds: settings.policy.taskKinds,
            heldDigests: Array(held.prefix(WireLimits.heldDigestCountMax)),
            domains: settings.policy.domains, taskByteCountMax: settings.policy.taskByteCountMax,
            reranks: settings.policy.reranks, combinesSignals: true)
    }

    private nonisolated func listen(
        _ service: WorkerClient, _ line: SessionLine, _ coordinator: String
    ) async throws {
        // A rerank's features, and room around them: by itself it takes no message of more than 4
        // MiB.
        var options = CallOptions.defaults
        options.maxRequestMessageBytes = WireLimits.sessionMessageByteCountMax
        try await service.session(metadata: process?.metadata ?? [:], options: options) { writer in
            for await event in line.events {
                try await writer.write(Languagesystem_V1_WorkerMessage(event))
            }
        } onResponse: { response in
            for try await message in response.messages {
                try await self.receive(message, service, line)
            }
        }
        throw LanguageSystemError.sessionEnded(coordinator)
    }

    /// Every interval while there are leases to renew, more rarely while there are none.
    ///
    /// - Throws: When the coordinator has been silent for too long.
    private func keepTalking(to coordinator: String) async throws {
        while true {
            try await clock.sleep(for: heartbeats.interval)
            let holdsLeases = await !supervisor.book.isEmpty
            switch heartbeats.beat(at: clock.now, holdsLeases: holdsLeases) {
            case .skip: break
            case .send: await supervisor.sendHeartbeat()
            case .giveUp(let silence):
                throw LanguageSystemError.silentCoordinator(coordinator, for: silence)
            }
        }
    }

    // MARK: What the coordinator says

    private func receive(
        _ message: Languagesystem_V1_CoordinatorMessage, _ service: WorkerClient,
        _ line: SessionLine
    ) async throws {
        heartbeats.heard(at: clock.now)
        let command: CoordinatorCommand
        do {
            command = try CoordinatorCommand(message)
        } catch {
            // A rerank or a task we cannot read must not take the session with it.
            if case .rerank(let work) = message.message {
                reporter.note(error)
                return line.send(.reranked(EdgeRerankReply(number: work.requestNumber, error)))
            }
            guard case .task(let lease) = message.message,
                let token = try? LeaseToken(wire: lease.leaseToken)
            else { throw error }
            reporter.note(error)
            return await supervisor.refuse(token, error)
        }
        await obey(command, service, line)
    }

    private func obey(
        _ command: CoordinatorCommand, _ service: WorkerClient, _ line: SessionLine
    ) async {
        switch command {
        case .welcome(let name, let version, let interval):
            await welcomed(as: name, by: version, every: interval, service)
        case .begin(let work): await supervisor.accept(work)
        case .refuse(let refusals): await localData.answered(refusals)
        case .prefetch(let blobs):
            if await !supervisor.isDraining { prefetcher.want(blobs) }
        case .rerank(let order):
            // The answer goes to the session that asked: another's numbers are others.
            reranks.take(order) { line.send(.reranked($0)) }
        case .stop(let lost, let cancelled, let leaseDuration):
            await supervisor.renewed(lost: lost, cancelled: cancelled, for: leaseDuration)
        }
    }

    private func welcomed(
        as name: String, by version: String, every interval: Duration, _ service: WorkerClient
    ) async {
        heartbeats.welcomed(every: interval)
        outbox.welcomed(at: Date())
        backoff.reset()
        await link.open(service)
        let coordinator = await renewal.identity.coordinator
        let leaseCount = await supervisor.book.tokens.count
        logger.info(
            "connected",
            metadata: [
                "coordinator": "\(coordinator)", "worker": "\(name)",
                "coordinator.version": "\(version)",
                "leases": "\(leaseCount)",
            ])
        await supervisor.sendHeartbeat()
        sayAvailability()
        await localData.offer()
        reporter.connectionChanged()
    }

    private func sayAvailability() {
        let takesTasks = settings.policy.takesTasks(at: Date())
        guard takesTasks != saidToTakeTasks,
            outbox.sendIfOpen(.availability(takesTasks: takesTasks))
        else { return }
        saidToTakeTasks = takesTasks
        logger.info(takesTasks ? "hours of work" : "outside the hours of work")
    }

    // MARK: What went wrong

    /// - Throws: The failure, when it is no use to try again.
    private func failed(_ error: any Error, wasOpen: Bool) async throws {
        let identity = await renewal.identity
        var failure = LanguageSystemError(of: error, from: identity.coordinator)
        if !wasOpen { failure = await explained(failure, identity) }
        await renewal.connectionFailed(failure)
        reporter.note(failure)
        if failure.code == .identityRefused { throw failure }
        logger.warning(
            wasOpen ? "connection lost" : "cannot connect",
            metadata: [
                "coordinator": "\(identity.coordinator)", "error": "\(failure.message)",
                "cause": "\(failure.cause ?? "-")",
            ])
    }

    /// When it was for certificates that there is no connection, whose and why.
    private func explained(
        _ failure: LanguageSystemError, _ identity: WorkerIdentity
    ) async -> LanguageSystemError {
        guard let cause = failure.cause, TLSDiagnosis.concerns(cause) else { return failure }
        let fault = await TLSDiagnosis.fault(
            host: identity.endpoint.host, port: identity.endpoint.workerPort,
            trusting: identity.roots.pem, address: identity.coordinator, showsCertificate: true)
        return fault?.caused(by: cause) ?? failure
    }
}

extension LanguageSystemError {
    /// What a call to the coordinator at `address` ended with.
    init(of error: any Error, from address: String) {
        self =
            switch error {
            case let error as LanguageSystemError: error
            case let error as RPCError: LanguageSystemError(error)
            default: .noAnswer(address, cause: error)
            }
    }
}
