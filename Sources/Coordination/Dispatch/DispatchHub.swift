// Keeps one session for each connected worker and pushes leased tasks into it. Which task goes to
// whom is decided by ls.lease_tasks(); how many a worker may have, by SessionState; who is offered
// how many, by FillPlan; this actor asks, pushes and listens. It speaks to the database for all its
// workers at once. It holds nothing that matters: whatever it forgets, leases bring back.
import CoreMetrics
import Foundation
public import LanguageSystem
public import Ledger
public import Logging
public import ServiceLifecycle

/// How dispatch keeps time.
public struct DispatchSettings: Sendable {
    /// How long a lease is good for without a heartbeat.
    public var leaseDuration: Duration
    /// How often a worker is asked to speak.
    public var heartbeatInterval: Duration
    /// How often the queue is looked at although no hint came.
    public var pollInterval: Duration
    /// How long heartbeats are gathered before the database is told.
    public var heartbeatTick: Duration
    /// The name this coordinator gives itself in the worker table.
    public var coordinatorName: String

    public init(
        leaseDuration: Duration = .seconds(10), heartbeatInterval: Duration = .milliseconds(2_500),
        pollInterval: Duration = .seconds(2), heartbeatTick: Duration = .milliseconds(100),
        coordinatorName: String
    ) {
        self.leaseDuration = leaseDuration
        self.heartbeatInterval = heartbeatInterval
        self.pollInterval = pollInterval
        self.heartbeatTick = heartbeatTick
        self.coordinatorName = coordinatorName
    }
}

public actor DispatchHub: Service {
    public struct SessionID: Hashable, Sendable {
        let number: UInt64
    }

    /// What waits to be sent to a worker.
    public enum Outbound: Sendable {
        case command(CoordinatorCommand)
        /// Its features stay with the hub until its turn comes: `takeRerank` gives them, if anybody
        /// waits still.
        case rerank(EdgeReranks.Number)
    }

    struct Session {
        let worker: Worker
        /// The process that it is of; nil: an lsworker of before.
        let instance: String?
        let taskKinds: [TaskKind]
        /// Whether its owner allows reranks.
        let reranks: Bool
        /// Whether its program combines a version's score with signals.
        let combinesSignals: Bool
        let allowance: PrefetchHints.Allowance
        let connection: OpenedConnection
        let outbound: AsyncStream<Outbound>.Continuation
        /// Why it ends, if its worker is to hear that.
        let ending: AsyncStream<LanguageSystemError>
        let endingInput: AsyncStream<LanguageSystemError>.Continuation
        var state: SessionState
        /// When the database last heard that the worker is there.
        var notedAt: ContinuousClock.Instant
        var prefetch = PrefetchHints()

        /// Whether its owner does not allow every task, or its program does not know how to do
        /// each.
        var isRestricted: Bool {
            !allowance.allowsAnything || (!combinesSignals && taskKinds.contains(.evaluate))
        }
        var known: WorkerSession {
            WorkerSession(
                worker: worker.id, connection: connection.id, instance: instance,
                serial: worker.serial)
        }
    }

    /// A worker is noted as seen no more often than this; the status views call it connected for a
    /// minute after.
    private static let noteInterval: Duration = .seconds(15)

    /// How many instructions may be unread; the newest beyond are dropped: their leases run out.
    private static let unreadCountMax = 256

    private let ledger: LedgerStore
    private let hints: LedgerNotifications
    private let settings: DispatchSettings
    let logger: Logger
    let clock = ContinuousClock()
    private(set) var sessions: [SessionID: Session] = [:]
    private(set) var sessionOfWorker: [WorkerID: SessionID] = [:]
    var edgeReranks = EdgeReranks()
    /// Where whoever waits for a rerank hears its answer.
    var rerankWaiters: [EdgeReranks.Number: AsyncStream<EdgeRerankResult>.Continuation] = [:]
    private let metrics = DispatchMetrics()
    private var heartbeats = HeartbeatBatch()
    private var lastSession: UInt64 = 0
    private var dispatchCount = 0
    private var lookCount = 0
    /// How many looks at the queue, since it was asked for, found that nobody took what waits.
    private var fruitlessCount = 0
    /// Requests to look, since somebody has room or something waits: one is as good as many.
    private let dispatchRequests: AsyncStream<Void>
    private let dispatchRequest: AsyncStream<Void>.Continuation

    public init(
        ledger: LedgerStore, hints: LedgerNotifications, settings: DispatchSettings, logger: Logger
    ) {
        self.ledger = ledger
        self.hints = hints
        self.settings = settings
        self.logger = logger
        (dispatchRequests, dispatchRequest) = AsyncStream.makeStream(
            of: Void.self, bufferingPolicy: .bufferingNewest(1))
    }

    /// How many workers have a session here, and how many leases they hold.
    public var counts: (workers: Int, leases: Int) {
        (
            sessionOfWorker.count,
            sessions.values.reduce(0) { $0 + $1.state.leaseTokens.count }
        )
    }

    // MARK: What workers do

    /// Opens a session; an older one of the same worker is ended: of the same process, for its
    /// connection is dead or about to be; of another one, which is told so, since two machines with
    /// one identity would evict each other for ever. Leases of the worker that it no longer knows
    /// of go back to the queue at once.
    ///
    /// - Returns: the instructions to pass on, ending when the session does.
    /// - Throws: `identityRefused` when another machine took over from this process, or the name
    ///   joined again.
    public func open(_ worker: Worker, _ hello: WorkerHello) async throws -> (
        SessionID, AsyncStream<Outbound>
    ) {
        let connection = try await ledger.workerConnected(
            worker.id, hello, to: settings.coordinatorName, serial: worker.serial)
        if let id = sessionOfWorker[worker.id], let other = sessions[id] {
            let reason: LanguageSystemError? =
                other.instance == hello.process?.instance ? nil : .anotherMachine(worker.name)
            // Of two that open at once the database says which came later.
            guard other.connection.number < connection.number else {
                throw reason ?? .sessionReplaced(worker.name)
            }
            end(id, because: reason)
        }
        if connection.tookOver {
            logger.warning(
                "another machine uses the identity of a worker; the older one is told to stop",
                metadata: ["worker": "\(worker.name)"])
        }

        lastSession += 1
        let id = SessionID(number: lastSession)
        let (stream, outbound) = AsyncStream.makeStream(
            of: Outbound.self, bufferingPolicy: .bufferingOldest(Self.unreadCountMax))
        let (ending, endingInput) = AsyncStream.makeStream(
            of: LanguageSystemError.self, bufferingPolicy: .bufferingOldest(1))
        sessions[id] = Session(
            worker: worker, instance: hello.process?.instance, taskKinds: hello.taskKinds,
            reranks: hello.reranks, combinesSignals: hello.combinesSignals,
            allowance: PrefetchHints.Allowance(
                taskKinds: hello.taskKinds, domains: hello.domains,
                byteCountMax: hello.taskByteCountMax),
            connection: connection, outbound: outbound, ending: ending, endingInput: endingInput,
            state: SessionState(
                capacity: hello.capacity, heldDigests: Set(hello.heldDigests),
                heldLeases: hello.heldLeases), notedAt: clock.now)
        sessionOfWorker[worker.id] = id
        outbound.yield(
            .command(
                .welcome(
                    workerName: worker.name, coordinatorVersion: ProductVersion.current,
                    heartbeatInterval: settings.heartbeatInterval)))
        logger.info(
            "worker connected",
            metadata: [
                "worker": "\(worker.name)", "capacity": "\(hello.capacity)",
                "program": "\(hello.programVersion)", "leases.kept": "\(hello.heldLeases.count)",
                "leases.released": "\(connection.releasedCount)",
            ])
        requestDispatch()
        return (id, stream)
    }

    /// Why the session ends, if its worker is to hear that; ends with the session.
    public func ending(of id: SessionID) -> AsyncStream<LanguageSystemError> {
        sessions[id]?.ending ?? AsyncStream { $0.finish() }
    }

    /// Whether the worker was told, over the session it has here, to fetch these bytes ahead.
    public func hasSuggested(_ digest: Digest, to worker: WorkerID) -> Bool {
        sessionOfWorker[worker].flatMap { sessions[$0] }?.prefetch.suggested.contains(digest)
            ?? false
    }

    /// Renews every lease listed with the next tick, and answers then which of them to stop. A
    /// worker that holds none is answered at once.
    public func heartbeat(_ id: SessionID, _ leases: [LeaseProgress]) async {
        guard let session = sessions[id] else { return }
        let freeBefore = session.state.freeSlotCount(at: clock.now)
        sessions[id]?.state.heartbeat(listing: leases.map(\.token))
        if clock.now - session.notedAt >= Self.noteInterval {
            heartbeats.note(session.worker.id)
            sessions[id]?.notedAt = clock.now
        }
        if leases.isEmpty {
            heartbeats.remove(session.worker.id)
            session.outbound.yield(
                .command(
                    .stop(lost: [], cancelled: [], leaseDuration: settings.leaseDuration)))
        } else {
            heartbeats.add(session.worker.id, leases)
        }
        if (sessions[id]?.state.freeSlotCount(at: clock.now) ?? 0) > freeBefore {
            requestDispatch()
        }
    }

    public func inventory(_ id: SessionID, _ heldDigests: [Digest]) {
        sessions[id]?.state.heldDigests = Set(heldDigests)
    }

    public func drain(_ id: SessionID) {
        sessions[id]?.state.drain()
    }

    /// Notes whether a worker takes tasks: inside its owner's hours it does.
    public func setAvailability(_ id: SessionID, takesTasks: Bool) {
        guard let session = sessions[id], session.state.takesTasks != takesTasks else { return }
        sessions[id]?.state.takesTasks = takesTasks
        logger.info(
            takesTasks ? "worker takes tasks again" : "worker takes no tasks for now",
            metadata: ["worker": "\(session.worker.name)"])
        if takesTasks { requestDispatch() }
    }

    /// Takes the list of all that a worker has at home. It hears which of it is not taken; when the
    /// database is away, that is all of it, and it offers it again a little later.
    public func offerLocalData(
        _ id: SessionID, _ sets: [FeatureSetDescription], weights: [Digest]
    ) async {
        guard let session = sessions[id] else { return }
        let refused: [DataRefusal]
        do {
            refused = try await ledger.offerLocalData(
                of: session.worker.id, sets, weights: weights, over: session.connection.id)
        } catch {
            logger.warning(
                "cannot take local data",
                metadata: ["worker": "\(session.worker.name)", "error": "\(error.message)"])
            refused = sets.map {
                DataRefusal(digest: $0.digest, message: error.message, hint: error.hint)
            }
        }
        logger.info(
            "local data offered",
            metadata: [
                "worker": "\(session.worker.name)", "feature.sets": "\(sets.count)",
                "refused": "\(refused.count)", "weights": "\(weights.count)",
            ])
        sessions[id]?.outbound.yield(.command(.refuse(refused)))
        requestDispatch()
    }

    /// Frees the place of an attempt that this worker handed in or failed.
    public func attemptEnded(_ token: LeaseToken, of worker: WorkerID) async {
        guard let id = sessionOfWorker[worker] else { return }
        sessions[id]?.state.end(token)
        requestDispatch()
    }

    /// Closes a session whose stream ended. Its leases stay with the worker until they run out: it
    /// may come back.
    public func close(_ id: SessionID) async {
        guard let session = sessions[id] else { return }
        end(id)
        logger.info("worker disconnected", metadata: ["worker": "\(session.worker.name)"])
        do {
            try await ledger.workerDisconnected(
                session.worker.id, connection: session.connection.id)
        } catch {
            // Only the status view reads it, and `seen_at` shows the same a little later.
            logger.warning(
                "cannot record that a worker left",
                metadata: ["worker": "\(session.worker.name)", "error": "\(error)"])
        }
    }

    /// Ends all sessions, for shutdown: workers reconnect, here or elsewhere, and keep their
    /// leases.
    public func endAllSessions() {
        for id in sessions.keys { end(id) }
    }

    // MARK: What the queue does

    /// Follows the queue until asked to stop: hints first, polling as the truth, expired leases.
    public func run() async throws {
        await cancelWhenGracefulShutdown {
            await withTaskGroup(of: Void.self) { group in
                group.addTask { await self.followHints() }
                group.addTask { await self.poll() }
                group.addTask { await self.tellHeartbeats() }
                group.addTask { await self.dispatchWhenRequested() }
            }
        }
        endAllSessions()
    }

    private func followHints() async {
        for await hint in hints.hints(of: [.task, .cancellation, .worker]) {
            switch hint {
            case .cancelled(let token): cancel(token)
            case .workerRevoked: await endRefused()
            case .mayHaveMissed:
                await endRefused()
                requestDispatch()
            case .taskWaiting: requestDispatch()
            case .aliasMoved, .routesChanged, .keysChanged, .workerConnected, .userForgotten:
                continue  // of channels that the hub does not follow
            }
        }
    }

    private func poll() async {
        while true {
            // Jitter: several coordinators on one database must not ask in step.
            let pause = settings.pollInterval * Double.random(in: 0.75...1.25)
            do { try await clock.sleep(for: pause) } catch { return }  // asked to stop
            do {
                for expired in try await ledger.expireLeases() {
                    metrics.leaseExpired.increment()
                    logger.notice(
                        "lease expired",
                        metadata: [
                            "task.id": "\(expired.taskID)", "attempt": "\(expired.attempt)",
                            "worker": "\(expired.worker)", "state": "\(expired.taskState.rawValue)",
                        ])
                }
            } catch {
                if !ledger.isLogged(error) {
                    logger.warning("cannot expire leases", metadata: ["error": "\(error)"])
                }
            }
            await endRefused()
            requestDispatch()
            await suggestPrefetch()
        }
    }

    /// Tells workers that are busy what the next tasks need, one feature set each, and not all the
    /// same. A hint: who ends up with the task is decided when it is leased, and who holds its
    /// features comes first then.
    private func suggestPrefetch() async {
        let now = clock.now
        let busy = sessions.filter { _, session in
            !session.state.isDraining && session.state.takesTasks
                && session.state.freeSlotCount(at: now) == 0
        }.keys.sorted { $0.number < $1.number }
        guard !busy.isEmpty else { return }
        // Few workers differ in what their owners allow; of many kinds some wait for the next look.
        lookCount += 1
        let allowances = Set(busy.compactMap { sessions[$0]?.allowance }).sorted()
        let asked = (0..<min(allowances.count, Self.allowanceCountMax)).map {
            allowances[(lookCount * Self.allowanceCountMax + $0) % allowances.count]
        }
        for allowance in asked {
            let upcoming: [BlobReference]
            do {
                upcoming = try await ledger.upcomingFeatures(
                    of: allowance.taskKinds, countMax: Self.upcomingCountMax,
                    domains: allowance.domains, byteCountMax: allowance.byteCountMax)
            } catch {
                if !ledger.isLogged(error) {
                    logger.warning("cannot look ahead", metadata: ["error": "\(error.message)"])
                }
                return
            }
            for (place, id) in busy.enumerated() {
                guard let session = sessions[id], session.allowance == allowance,
                    let next = sessions[id]?.prefetch.next(
                        of: upcoming, holding: session.state.heldDigests, place: place)
                else { continue }
                session.outbound.yield(.command(.prefetch([next])))
            }
        }
    }

    private static let upcomingCountMax = 16
    private static let allowanceCountMax = 8

    /// Ends the sessions that are over: of workers that were revoked or put in quarantine, whose
    /// name has joined again, or that have a newer session, here or at another coordinator. Asked
    /// with each poll, so within three seconds also when no hint came.
    private func endRefused() async {
        guard !sessions.isEmpty else { return }
        do {
            for refused in try await ledger.refusedSessions(of: sessions.values.map(\.known)) {
                guard let id = sessionOfWorker[refused.worker], let session = sessions[id],
                    session.connection.id == refused.connection
                else { continue }
                logger.notice(
                    refused.reason == nil ? "session replaced" : "worker shut out",
                    metadata: [
                        "worker": "\(session.worker.name)",
                        "reason":
                            "\(refused.reason?.message ?? "the same process has a newer one")",
                    ])
                end(id, because: refused.reason)
            }
        } catch {
            if !ledger.isLogged(error) {
                logger.warning("cannot look for revoked workers", metadata: ["error": "\(error)"])
            }
        }
    }

    private func tellHeartbeats() async {
        while true {
            do { try await clock.sleep(for: settings.heartbeatTick) } catch { return }
            if heartbeats.isEmpty { continue }
            if await tellHeartbeatsOnce() { continue }
            // The database is away: it is not asked ten times a second.
            do { try await clock.sleep(for: .seconds(1)) } catch { return }
        }
    }

    /// Renews the leases of all who spoke since the last time, in one statement. What cannot be
    /// told now is told later: the worker hears nothing meanwhile, and whether its leases still
    /// stand is the database's to say.
    ///
    /// - Returns: Whether the database heard it.
    private func tellHeartbeatsOnce() async -> Bool {
        let batch = heartbeats.take()
        // What was put back may be of a session that has ended since: its leases run out, or are
        // kept anew.
        let leases = batch.leases.filter { sessionOfWorker[$0.key] != nil }
        let connections = connections(of: batch.seen.union(leases.keys))
        let renewal: RenewalAnswers
        do {
            renewal = try await ledger.renewLeases(
                leases, seen: batch.seen, over: connections, lasting: settings.leaseDuration)
        } catch {
            heartbeats.putBack(batch)
            if !ledger.isLogged(error) {
                logger.warning("cannot renew leases", metadata: ["error": "\(error)"])
            }
            return false
        }
        var isRoom = false
        for worker in leases.keys {
            guard let id = sessionOfWorker[worker] else { continue }
            isRoom = answer(id, renewal.answers[worker] ?? [:]) || isRoom
        }
        // Its next call is refused, and its stream is no better.
        if !renewal.refused.isEmpty { await endRefused() }
        if isRoom { requestDispatch() }
        return true
    }

    private func connections(of workers: some Sequence<WorkerID>) -> [WorkerID: UUID] {
        workers.reduce(into: [:]) { connections, worker in
            connections[worker] = sessionOfWorker[worker].flatMap { sessions[$0]?.connection.id }
        }
    }

    /// - Returns: Whether a place became free.
    private func answer(_ id: SessionID, _ answers: [LeaseToken: LeaseAnswer]) -> Bool {
        var lost: [LeaseToken] = []
        var cancelled: [LeaseToken] = []
        for (token, answer) in answers {
            switch answer {
            case .held: continue
            case .lost: lost.append(token)
            case .cancelled: cancelled.append(token)
            }
            sessions[id]?.state.end(token)
        }
        sessions[id]?.outbound.yield(
            .command(
                .stop(
                    lost: lost, cancelled: cancelled, leaseDuration: settings.leaseDuration)))
        return !lost.isEmpty || !cancelled.isEmpty
    }

    private func cancel(_ token: LeaseToken) {
        for id in sessions.keys where sessions[id]?.state.leaseTokens.contains(token) ?? false {
            sessions[id]?.state.end(token)
            sessions[id]?.outbound.yield(
                .command(
                    .stop(lost: [], cancelled: [token], leaseDuration: settings.leaseDuration)))
        }
    }

    /// Asks for a look at the queue. Nobody waits for it: a rush may last, and heartbeats, expired
    /// leases and cancellations must not wait behind it.
    private func requestDispatch() { dispatchRequest.yield() }

    /// Leases what free places allow, for as long as there is more; the only one who does.
    private func dispatchWhenRequested() async {
        for await _ in dispatchRequests {
            fruitlessCount = 0
            while !Task.isCancelled, await dispatchOnce() {}
        }
    }

    /// - Returns: Whether something was leased: then there may be more.
    private func dispatchOnce() async -> Bool {
        let now = clock.now
        let candidates = sessions.values.compactMap { session -> FillPlan.Candidate? in
            let freeCount = session.state.freeSlotCount(at: now)
            guard freeCount > 0, !session.taskKinds.isEmpty else { return nil }
            return FillPlan.Candidate(
                worker: session.worker.id, kinds: session.taskKinds, freeCount: freeCount,
                heldDigests: session.state.heldDigests, isRestricted: session.isRestricted)
        }
        guard !candidates.isEmpty else { return false }
        dispatchCount += 1
        do {
            let waiting = try await ledger.waitingTasks(
                of: TaskKind.leased.filter { kind in
                    candidates.contains { $0.kinds.contains(kind) }
                }, countMax: min(Self.waitingCountMax, candidates.reduce(0) { $0 + $1.freeCount }),
                atHomeWith: candidates.map(\.worker))
            let offers = FillPlan.offers(
                to: candidates.sorted { $0.worker.rawValue < $1.worker.rawValue }, of: waiting,
                startingAt: dispatchCount)
            guard !offers.isEmpty else { return false }
            let connections = connections(of: offers.map(\.worker))
            let leased = try await ledger.leaseTasks(
                for: offers, over: connections, lasting: settings.leaseDuration)
            for (worker, lease) in leased { push(lease, to: worker, over: connections[worker]) }
            if !leased.isEmpty { return true }
            // What waits may not be for those who were offered it (paused, or it failed there):
            // then the next in turn.
            fruitlessCount += 1
            return fruitlessCount < min(candidates.count, Self.fruitlessCountMax)
        } catch {
            if !ledger.isLogged(error) {
                logger.warning("cannot lease tasks", metadata: ["error": "\(error)"])
            }
            return false
        }
    }

    private static let fruitlessCountMax = 16

    /// How many waiting tasks one look counts.
    private static let waitingCountMax = 512

    private func push(_ lease: TaskLease, to worker: WorkerID, over connection: UUID?) {
        // The session may have ended while we asked: then the lease runs out by itself, or was
        // given back when a newer one opened.
        guard let id = sessionOfWorker[worker], let session = sessions[id],
            session.connection.id == connection
        else { return }
        sessions[id]?.state.push(lease.token, until: clock.now + settings.leaseDuration)
        session.outbound.yield(.command(.begin(lease)))
        metrics.count(leased: lease.kind)
        logger.info(
            "task leased",
            metadata: [
                "task.id": "\(lease.taskID)", "kind": "\(lease.kind.rawValue)",
                "ranker": "\(lease.rankerName)", "attempt": "\(lease.attempt)",
                "worker": "\(session.worker.name)",
            ])
    }

    /// - Parameter reason: What the worker is told; nil: it comes back when it can.
    private func end(_ id: SessionID, because reason: LanguageSystemError? = nil) {
        guard let session = sessions.removeValue(forKey: id) else { return }
        if sessionOfWorker[session.worker.id] == id {
            sessionOfWorker[session.worker.id] = nil
            heartbeats.remove(session.worker.id)
        }
        if let reason { session.endingInput.yield(reason) }
        session.endingInput.finish()
        session.outbound.finish()
        endReranks(of: id)
    }
}

extension LanguageSystemError {
    static func anotherMachine(_ worker: String) -> Self {
        Self(
            .identityRefused,
            "cannot go on as worker '\(worker)': another machine uses this identity",
            hint:
                """
                a state directory is for one machine: move it away here, and join with a token of \
                its own
                """
        )
    }

    static func sessionReplaced(_ worker: String) -> Self {
        Self(
            .unavailable, "cannot open a session for \(worker): a newer one of its process is open")
    }
}
