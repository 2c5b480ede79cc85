// A worker at work: keeps a session with its coordinator, runs what is leased to it, reports, and
// leaves in good order. It owns the book of leases; what to do about them is decided there.
import Concurrency
public import LanguageSystem
import Foundation
import GRPCCore
import GRPCNIOTransportHTTP2Posix
public import Logging
import PKI
import TLSDiagnosis
import WorkerWire

public struct EdgeSettings: Sendable {
    /// Tasks at once.
    public var capacity: Int
    /// What its owner allows.
    public var policy: WorkPolicy
    /// Of each task.
    public var threadCount: Int
    /// By how much the priority of working threads is lowered, 0 to 19.
    public var nice: Int
    /// Memory of this process; nil: any.
    public var memoryByteCountMax: Int64?
    /// Where feature files are that never leave this machine; nil: there are none.
    public var dataDirectory: String?
    /// Whose data they are; nil: nobody's in particular.
    public var dataUser: String?
    public var cacheByteCountMax: Int64
    /// How long running tasks may take to finish once the worker is told to leave.
    public var drainDuration: Duration

    public init(
        capacity: Int = 1, policy: WorkPolicy = WorkPolicy(), threadCount: Int, nice: Int = 0,
        memoryByteCountMax: Int64? = nil, dataDirectory: String? = nil, dataUser: String? = nil,
        cacheByteCountMax: Int64 = 8 << 30, drainDuration: Duration = .seconds(20)
    ) {
        precondition((1...WireLimits.capacityMax).contains(capacity) && threadCount >= 1)
        precondition((0...19).contains(nice), "a priority is lowered by 0 to 19")
        self.capacity = capacity
        self.policy = policy
        self.threadCount = threadCount
        self.nice = nice
        self.memoryByteCountMax = memoryByteCountMax
        self.dataDirectory = dataDirectory
        self.dataUser = dataUser
        self.cacheByteCountMax = cacheByteCountMax
        self.drainDuration = drainDuration
    }
}

public actor EdgeWorker {
    enum Start: Sendable {
        case work(TaskLease, StopSignal)
        /// Leased, but not to be understood, or not taken.
        case refusal(LeaseToken, CoordinatorError, retryable: Bool)
        /// Worth having before a task needs it.
        case prefetch(BlobReference)
    }

    /// Nothing heard for longer than this many heartbeats, or ten seconds: the line is dead.
    private static let silentHeartbeatCountMax = 4
    /// How many intervals a worker without leases lets pass.
    private static let idleHeartbeatFactor = 4
    /// How often local files are looked at, and how often what was refused is offered again.
    static let lookInterval: Duration = .seconds(2)
    static let offerInterval: Duration = .seconds(60)
    /// After a task was stopped for its memory, until that is free again.
    static let memoryPause: Duration = .seconds(10)
    private static let errorCountMax = 5

    private let state: StateDirectory
    let settings: EdgeSettings
    let logger: Logger
    let clock = ContinuousClock()
    let cache: BlobCache
    let link = CoordinatorLink()
    let local: LocalFiles?
    let home: HomeWeights
    private let reranks: EdgeRerankServer
    private let upkeepInterval: Duration
    /// Ends when the worker has drained.
    private let draining: AsyncStream<Void>
    private let endDraining: AsyncStream<Void>.Continuation
    private let starts: AsyncStream<Start>
    let startsInput: AsyncStream<Start>.Continuation

    private var identity: WorkerIdentity
    private let process: WorkerProcess?
    var book: LeaseBook { didSet { endIfDrained() } }
    var stops: [LeaseToken: StopSignal] = [:]
    var outbound: AsyncStream<WorkerEvent>.Continuation?
    private var endSession: AsyncStream<Void>.Continuation?
    var connectedSince: Date?
    private var lastHeard: ContinuousClock.Instant
    private var heartbeatInterval = WireLimits.heartbeatInterval
    private var backoff = Backoff.ofCoordinator
    var drainDeadline: ContinuousClock.Instant?
    /// By the wall clock, as certificates are; a renewal that failed waits for time that only
    /// passes.
    private var nextRenewal: Date
    private var renewalRetry: ContinuousClock.Instant?
    /// The coordinator says so, whose clock is what counts.
    private var isTakenForExpired = false
    private var renewalBackoff = Backoff(first: .seconds(5), most: .seconds(300))
    /// Refusals that are still to be said.
    private var refusalCount = 0 { didSet { endIfDrained() } }
    private var completedCount = 0
    private var failedCount = 0
    private var lostCount = 0
    /// The newest first.
    var errors: [StatusReport.ErrorLine] = []
    private var tlsVersion: String?
    var offeredAt: ContinuousClock.Instant?
    var refusedLocalData: [DataRefusal] = []
    /// As of the last look, which may be going on; nil before the first.
    var localSets: [FeatureSetDescription]?
    var localProblemCount = 0
    var saidToTakeTasks = true
    var isPrefetching = false
    var memoryFreeAt: ContinuousClock.Instant

    /// - Parameter identity: From `StateDirectory.identity()` or `Joining.join`.
    public init(
        identity: WorkerIdentity, state: StateDirectory, settings: EdgeSettings, logger: Logger
    ) throws(CoordinatorError) {
        try self.init(
            identity: identity, state: state, settings: settings,
            upkeepInterval: .milliseconds(250), logger: logger)
    }

    /// - Parameter upkeepInterval: How often it looks at what time alone changes.
    init(
        identity: WorkerIdentity, state: StateDirectory, settings: EdgeSettings,
        upkeepInterval: Duration, logger: Logger
    ) throws(CoordinatorError) {
        self.upkeepInterval = upkeepInterval
        (draining, endDraining) = AsyncStream.makeStream()
        self.identity = identity
        process = WorkerProcess(instance: UUID().uuidString, place: state.place)
        self.state = state
        self.settings = settings
        self.logger = logger
        cache = try BlobCache(
            directory: state.cachePath, byteCountMax: settings.cacheByteCountMax)
        book = LeaseBook(capacity: settings.capacity)
        home = HomeWeights(directory: state.weightsPath)
        reranks = EdgeRerankServer(
            isAllowed: settings.policy.reranks, home: home, cache: cache, link: link,
            logger: logger)
        local = settings.dataDirectory.map {
            LocalFiles(directory: $0, user: settings.dataUser)
        }
        nextRenewal = identity.certificate.renewalTime()
        lastHeard = clock.now
        memoryFreeAt = clock.now
        (starts, startsInput) = AsyncStream.makeStream()
    }

    /// Works until drained.
    ///
    /// - Throws: `identityRefused` when the coordinator will not have this worker, another machine
    ///   uses its identity, or its certificate ran out too long ago; a lost connection is no reason
    ///   to end.
    public func run() async throws {
        do {
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { await self.runAttempts() }
                group.addTask { try await self.stayConnected() }
                group.addTask { try await self.keepUp() }
                group.addTask { try await self.watchLocalFiles() }
                group.addTask { await self.reranks.run { await self.sayInventory() } }
                group.addTask { for await _ in self.draining {} }
                // Whoever ends first ends all: who waits for the drain, stayConnected when refused.
                defer { group.cancelAll() }
                let first = await group.nextResult()
                self.stopAll(because: .leaving)
                await self.link.shutDown()
                try first?.get()
            }
        } catch {
            await saveStatus(.stopped)
            throw error
        }
        await saveStatus(.stopped)
        logger.notice("stopped", metadata: ["tasks.completed": "\(completedCount)"])
    }

    /// Takes no more tasks, gives the running ones `drainDuration`, then `run` returns; at once
    /// when there are none, whatever the clocks do.
    public func drain() {
        guard drainDeadline == nil else { return }
        drainDeadline = clock.now + settings.drainDuration
        book.drain()
        // Not structured: said from a thread that must not wait for an actor.
        reranks.drain { Task { await self.endIfDrained() } }
        stop(book.tokens.filter { book.isWaiting($0) }, because: .leaving)
        outbound?.yield(.draining)
        logger.notice("draining", metadata: ["tasks": "\(book.all.count)"])
        endIfDrained()
    }

    /// Asked whenever something ends: nobody waits for a clock when there is nothing to wait for.
    private func endIfDrained() {
        guard let drainDeadline, book.isEmpty, refusalCount == 0,
            reranks.isIdle || clock.now >= drainDeadline
        else { return }
        endDraining.finish()
    }

    // MARK: Attempts

    private func runAttempts() async {
        await withDiscardingTaskGroup { group in
            for await start in starts {
                switch start {
                case .work(let work, let stop): group.addTask { await self.attempt(work, stop) }
                case .refusal(let token, let error, let retryable):
                    group.addTask { await self.refuse(token, error, retryable: retryable) }
                case .prefetch(let blob): group.addTask { await self.prefetch(blob) }
                }
            }
        }
    }

    private func refuse(_ token: LeaseToken, _ error: CoordinatorError, retryable: Bool) async {
        await sayFailed(token, error, retryable: retryable)
        refusalCount -= 1
    }

    private func attempt(_ work: TaskLease, _ stop: StopSignal) async {
        var logger = logger
        logger[metadataKey: "task.id"] = "\(work.taskID)"
        logger[metadataKey: "attempt"] = "\(work.attempt)"
        logger.info(
            "task begun",
            metadata: ["kind": "\(work.kind.rawValue)", "ranker": "\(work.rankerName)"])
        let token = work.token
        let runner = AttemptRunner(
            cache: cache, link: link, local: local, home: home, threadCount: settings.threadCount,
            nice: settings.nice, logger: logger
        ) { phase, progress, note in
            // Not structured: said from a thread that must not wait for an actor.
            Task { await self.note(token, phase, progress, note) }
        }
        do {
            let completion = try await runner.run(work, stop)
            if completion.counted {
                completedCount += 1
                logger.info(
                    "task completed",
                    metadata: ["version": "\(completion.versionID.map { "\($0)" } ?? "-")"])
            } else {
                lostCount += 1
                logger.notice("result did not count: the lease was lost")
            }
        } catch {
            await ended(work, error, logger)
        }
        stops[token] = nil
        book.end(token)
        beginWaiting()
        outbound?.yield(.heartbeat(book.heartbeat))
        await sayInventory()
        // The weights of an edge-only ranker are new here, and it is not for the lease to say so.
        if case .train(let train) = work.work, train.weightsStay { offerLocalData() }
    }

    private func ended(_ work: TaskLease, _ error: any Error, _ logger: Logger) async {
        switch error {
        case let stopped as AttemptStopped where stopped.reason == .memory:
            failedCount += 1
            let failure = CoordinatorError.tooMuchMemory(
                ProcessLimits.privateByteCount ?? 0, max: settings.memoryByteCountMax ?? 0)
            note(failure)
            logger.error("task stopped", metadata: ["error": "\(failure.message)"])
            await sayFailed(work.token, failure, retryable: true)
        case let stopped as AttemptStopped where stopped.reason != .leaving:
            lostCount += 1
            logger.notice("task stopped", metadata: ["reason": "\(stopped.reason.rawValue)"])
        case is AttemptStopped, is CancellationError:
            failedCount += 1
            logger.notice("task stopped", metadata: ["reason": "leaving"])
            await sayFailed(work.token, .leaving(), retryable: true)
        default:
            failedCount += 1
            let failure = error as? CoordinatorError ?? .workFailed(error)
            note(failure)
            logger.error(
                "task failed",
                metadata: ["error": "\(failure.message)", "cause": "\(failure.cause ?? "-")"])
            await sayFailed(
                work.token, failure, retryable: Self.isWorthAnotherAttempt(failure.code))
        }
    }

    /// What another worker, or a later time, may well do better.
    private static func isWorthAnotherAttempt(_ code: ErrorCode) -> Bool {
        switch code {
        case .unavailable, .deadlineExceeded, .busy, .internal, .tooLarge, .cancelled: true
        default: false
        }
    }

    /// Tries for as long as it is worth anybody's while: afterwards the lease runs out by itself.
    private func sayFailed(_ token: LeaseToken, _ error: CoordinatorError, retryable: Bool)
        async
    {
        let directories = [state.path] + (settings.dataDirectory.map { [$0] } ?? [])
        let request = Languagesystem_V1_FailAttemptRequest(
            token: token, error: error.without(directories: directories), retryable: retryable)
        let link = link
        let patience: Duration = drainDeadline == nil ? .seconds(30) : .seconds(2)
        // A task of its own: the attempt's may have been cancelled, and this must still be said.
        let saying = Task {
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { _ = try await link.call { try await $0.failAttempt(request) } }
                group.addTask { try await Task.sleep(for: patience) }
                try await group.next()
                group.cancelAll()
            }
        }
        do {
            try await saying.value
        } catch {
            logger.notice("cannot say that an attempt failed", metadata: ["error": "\(error)"])
        }
    }

    private func note(
        _ token: LeaseToken, _ phase: LeaseBook.Phase, _ progress: Double, _ note: String
    ) {
        book.advance(token, to: phase)
        book.report(token, progress: progress, note: note)
    }

    func note(_ error: CoordinatorError) {
        // The same again is the same line with a new time.
        errors.removeAll { $0.message == error.message }
        errors.insert(.init(at: Date(), message: error.message, hint: error.hint), at: 0)
        errors = Array(errors.prefix(Self.errorCountMax))
    }

    private func stop(_ tokens: [LeaseToken], because reason: StopReason) {
        for token in tokens {
            stops[token]?.stop(because: reason)
            if book.isWaiting(token) {
                book.end(token)
                if reason == .leaving {
                    // Another worker need not wait until the lease runs out.
                    refuseLater(token, .leaving(), retryable: true)
                } else {
                    lostCount += 1
                }
            }
        }
    }

    private func stopAll(because reason: StopReason) {
        for stop in stops.values { stop.stop(because: reason) }
        startsInput.finish()
    }

    func sayInventory() async {
        let held = await cache.heldDigests
        outbound?.yield(.inventory(Array(held.prefix(WireLimits.heldDigestCountMax))))
    }

    // MARK: Session

    private func stayConnected() async throws {
        while true {
            do {
                if identity.certificate.isExpired(at: Date()) {
                    try await recover()
                } else if isTakenForExpired {
                    isTakenForExpired = false
                    try await recoverEarly()
                }
                try await connect()
            } catch {
                try Task.checkCancellation()
                let failure = await explained(Self.coordinatorError(error, identity.coordinator))
                isTakenForExpired =
                    failure.cause?.contains("ALERT_CERTIFICATE_EXPIRED") ?? false
                if failure.code == .identityRefused {
                    note(failure)
                    throw failure
                }
                note(failure)
                logger.warning(
                    connectedSince == nil ? "cannot connect" : "connection lost",
                    metadata: [
                        "coordinator": "\(identity.coordinator)", "error": "\(failure.message)",
                        "cause": "\(failure.cause ?? "-")",
                    ])
            }
            connectedSince = nil
            await saveStatus()
            try await clock.sleep(for: backoff.next())
        }
    }

    /// When it was for certificates that there is no connection, whose and why.
    private func explained(_ failure: CoordinatorError) async -> CoordinatorError {
        guard connectedSince == nil, let cause = failure.cause, TLSDiagnosis.concerns(cause) else {
            return failure
        }
        let fault = await TLSDiagnosis.fault(
            host: identity.place.host, port: identity.place.workerPort,
            trusting: identity.roots.pem, address: identity.coordinator, showsCertificate: true)
        return fault?.caused(by: cause) ?? failure
    }

    /// One connection, from its first byte to its end.
    private func connect() async throws {
        lastHeard = clock.now
        let client = GRPCClient(
            transport: try identity.transport { version in
                // Not structured: said on an event loop, which must not wait for an actor.
                Task { await self.agreed(on: version) }
            })
        let service = WorkerClient(wrapping: client)
        let (events, outbound) = AsyncStream.makeStream(of: WorkerEvent.self)
        let (ending, endSession) = AsyncStream.makeStream(of: Void.self)
        let held = await cache.heldDigests
        outbound.yield(
            .hello(
                WorkerHello(
                    programVersion: ProductVersion.current, capacity: settings.capacity,
                    taskKinds: settings.policy.taskKinds,
                    heldDigests: Array(held.prefix(WireLimits.heldDigestCountMax)),
                    heldLeases: book.tokens, domains: settings.policy.domains,
                    taskByteCountMax: settings.policy.taskByteCountMax,
                    reranks: settings.policy.reranks)))
        saidToTakeTasks = true
        if book.isDraining { outbound.yield(.draining) }
        self.outbound = outbound
        self.endSession = endSession
        defer {
            self.outbound = nil
            self.endSession = nil
        }
        do {
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await client.runConnections() }
                let process = self.process?.metadata ?? [:]
                group.addTask { try await self.listen(service, process, events) }
                group.addTask { try await self.keepTalking() }
                group.addTask { for await _ in ending { return } }
                defer { group.cancelAll() }
                try await group.next()
            }
        } catch {
            await link.close()
            throw error
        }
        await link.close()
    }

    private nonisolated func listen(
        _ service: WorkerClient, _ process: Metadata, _ events: AsyncStream<WorkerEvent>
    ) async throws {
        // A rerank's features, and room around them: by itself it takes no message of more than 4
        // MiB.
        var options = CallOptions.defaults
        options.maxRequestMessageBytes = WireLimits.sessionMessageByteCountMax
        try await service.session(metadata: process, options: options) { writer in
            for await event in events {
                try await writer.write(Languagesystem_V1_WorkerMessage(event))
            }
        } onResponse: { response in
            for try await message in response.messages { try await self.receive(message, service) }
        }
        throw CoordinatorError.sessionEnded(await identity.coordinator)
    }

    private func receive(
        _ message: Languagesystem_V1_CoordinatorMessage, _ service: WorkerClient
    ) async throws {
        lastHeard = clock.now
        let command: CoordinatorCommand
        do {
            command = try CoordinatorCommand(message)
        } catch {
            // A rerank or a task we cannot read must not take the session with it.
            if case .rerank(let work) = message.message {
                note(error)
                outbound?.yield(.reranked(EdgeRerankReply(number: work.requestNumber, error)))
                return
            }
            guard case .task(let lease) = message.message,
                let token = try? LeaseToken(wire: lease.leaseToken)
            else { throw error }
            note(error)
            refuseLater(token, error, retryable: false)
            return
        }
        switch command {
        case .welcome(let name, let version, let interval):
            heartbeatInterval = interval
            connectedSince = Date()
            backoff.reset()
            await link.open(service)
            logger.info(
                "connected",
                metadata: [
                    "coordinator": "\(identity.coordinator)", "worker": "\(name)",
                    "coordinator.version": "\(version)", "leases": "\(book.tokens.count)",
                ])
            outbound?.yield(.heartbeat(book.heartbeat))
            sayAvailability()
            offerLocalData()
            await saveStatus()
        case .begin(let work): accept(work)
        case .refuse(let refusals): answered(refusals)
        case .prefetch(let blobs): prefetchLater(blobs)
        case .rerank(let order):
            // To the session that asked: another's numbers are others.
            guard let outbound else { return }
            reranks.take(order) { outbound.yield(.reranked($0)) }
        case .stop(let lost, let cancelled, let leaseDuration):
            stop(lost, because: .lost)
            stop(cancelled, because: .cancelled)
            book.renew(for: leaseDuration, at: clock.now)
        }
    }

    private func accept(_ work: TaskLease) {
        if let refusal = settings.policy.refusal(of: work, at: Date()) {
            logger.warning(
                "task not allowed here",
                metadata: ["task.id": "\(work.taskID)", "reason": "\(refusal.message)"])
            refuseLater(work.token, refusal, retryable: true)
            return
        }
        switch book.admit(work, at: clock.now) {
        case .known: return
        case .refused:
            logger.notice("task not taken", metadata: ["task.id": "\(work.taskID)"])
            refuseLater(
                work.token, book.isDraining ? .leaving() : .full(capacity: settings.capacity),
                retryable: true)
        case .accepted:
            beginWaiting()
            outbound?.yield(.heartbeat(book.heartbeat))
        }
    }

    private func beginWaiting() {
        for work in book.begin() {
            let stop = StopSignal()
            stops[work.token] = stop
            startsInput.yield(.work(work, stop))
        }
    }

    /// Said aside, so that neither the session nor whoever noticed waits for the answer.
    private func refuseLater(_ token: LeaseToken, _ error: CoordinatorError, retryable: Bool) {
        refusalCount += 1
        startsInput.yield(.refusal(token, error, retryable: retryable))
    }

    /// Every interval while there are leases to renew, every fourth while there are none.
    ///
    /// - Throws: When the coordinator has been silent for too long.
    private func keepTalking() async throws {
        var quietCount = 0
        while true {
            try await clock.sleep(for: heartbeatInterval)
            let silence = clock.now - lastHeard
            let silenceMax = max(heartbeatInterval * Self.silentHeartbeatCountMax, .seconds(10))
            if silence > (book.isEmpty ? silenceMax * Self.idleHeartbeatFactor : silenceMax) {
                throw CoordinatorError.silentCoordinator(identity.coordinator, for: silence)
            }
            quietCount = book.isEmpty ? quietCount + 1 : Self.idleHeartbeatFactor
            guard quietCount >= Self.idleHeartbeatFactor else { continue }
            quietCount = 0
            if connectedSince != nil { outbound?.yield(.heartbeat(book.heartbeat)) }
        }
    }

    // MARK: Upkeep

    private func keepUp() async throws {
        var ticks = 0
        while true {
            try await clock.sleep(for: upkeepInterval)
            stop(book.overdue(at: clock.now), because: .abandoned)
            holdToMemory()
            sayAvailability()
            if let drainDeadline, clock.now >= drainDeadline {
                stop(book.tokens, because: .leaving)
                endIfDrained()
            }
            if Date() >= nextRenewal, connectedSince != nil,
                renewalRetry.map({ clock.now >= $0 }) ?? true
            {
                await renew()
            }
            ticks += 1
            if ticks.isMultiple(of: 4) { await saveStatus() }
        }
    }

    /// A fresh certificate for the same key, then a connection that shows it.
    private func renew() async {
        do {
            var request = Languagesystem_V1_RenewCertificateRequest()
            request.certificateRequest = Data(
                try identity.key.certificateRequest(name: identity.workerName))
            let message = request
            let reply = try await withThrowingTaskGroup(of: String?.self) { [link] group in
                group.addTask {
                    try await link.call { try await $0.renewCertificate(message) }.certificateChain
                }
                group.addTask {
                    try await Task.sleep(for: .seconds(20))
                    return nil
                }
                defer { group.cancelAll() }
                return try await group.next() ?? nil
            }
            guard let reply else {
                throw CoordinatorError.silentCoordinator(identity.coordinator, for: .seconds(20))
            }
            let renewed = try identity.renewed(chainPEM: reply)
            try state.save(renewed)
            take(renewed)
            logger.notice(
                "certificate renewed",
                metadata: ["until": "\(renewed.certificate.notAfter.formatted(.iso8601))"])
            backoff.reset()
            endSession?.yield()
        } catch {
            renewalRetry = clock.now + renewalBackoff.next()
            let failure = Self.coordinatorError(error, identity.coordinator)
            note(failure)
            logger.warning(
                "cannot renew the certificate", metadata: ["error": "\(failure.message)"])
        }
    }

    private func take(_ renewed: WorkerIdentity) {
        identity = renewed
        nextRenewal = renewed.certificate.renewalTime(receivedAt: Date())
        renewalBackoff.reset()
        renewalRetry = nil
    }

    /// The certificate ran out while this worker was off, or while nobody answered.
    private func recover() async throws {
        logger.notice(
            "the certificate has run out: asking for another",
            metadata: ["until": "\(identity.certificate.notAfter.formatted(.iso8601))"])
        let renewed = try await identity.recovered(savedIn: state)
        take(renewed)
        logger.notice(
            "certificate renewed",
            metadata: ["until": "\(renewed.certificate.notAfter.formatted(.iso8601))"])
    }

    /// The coordinator's clock says that it ran out, ours does not. Who is wrong will be set right:
    /// a refusal is no reason to end.
    private func recoverEarly() async throws {
        do {
            try await recover()
        } catch {
            let cause = Self.coordinatorError(error, identity.coordinator)
            throw CoordinatorError.takenForExpired(
                identity.coordinator, until: identity.certificate.notAfter, now: Date(),
                cause: cause.message)
        }
    }

    private static func coordinatorError(_ error: any Error, _ coordinator: String)
        -> CoordinatorError
    {
        switch error {
        case let error as CoordinatorError: error
        case let error as RPCError: CoordinatorError(error)
        default: .noAnswer(coordinator, cause: error)
        }
    }

    private func agreed(on tlsVersion: String) { self.tlsVersion = tlsVersion }

    private func saveStatus(_ connection: StatusReport.Connection? = nil) async {
        let cacheLine = StatusReport.CacheLine(
            blobCount: await cache.blobCount, byteCount: await cache.byteCount,
            byteCountMax: cache.byteCountMax)
        let now: StatusReport.Connection =
            drainDeadline != nil ? .draining : connectedSince != nil ? .connected : .connecting
        let report = StatusReport(
            programVersion: ProductVersion.current,
            processId: ProcessInfo.processInfo.processIdentifier, writtenAt: Date(),
            worker: identity.workerName, coordinator: identity.coordinator,
            connection: connection ?? now, connectedSince: connectedSince,
            certificateUntil: identity.certificate.notAfter,
            tasks: book.all.map { entry in
                .init(
                    taskId: entry.work.taskID.rawValue, attempt: entry.work.attempt,
                    kind: entry.work.kind, ranker: entry.work.rankerName,
                    phase: entry.phase.rawValue, progress: entry.progress, note: entry.note)
            },
            completedCount: completedCount, failedCount: failedCount, lostCount: lostCount,
            cache: cacheLine, errors: errors, tlsVersion: tlsVersion,
            takesTasks: settings.policy.takesTasks(at: Date()), allows: settings.policy.lines,
            localData: localDataLine(), reranks: reranks.statusLine())
        do {
            try state.save(report)
        } catch {
            // Work goes on without it.
            logger.debug("cannot write the status", metadata: ["error": "\(error.message)"])
        }
    }
}
