// Keeps one session for each connected worker and pushes leased tasks into it. Which task goes to
// whom is decided by ls.lease_tasks(); how many a worker may have, by SessionState; this actor asks,
// pushes and listens. It holds nothing that matters: whatever it forgets, leases bring back.
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
    /// The name this coordinator gives itself in the worker table.
    public var coordinatorName: String

    public init(
        leaseDuration: Duration = .seconds(10), heartbeatInterval: Duration = .milliseconds(2_500),
        pollInterval: Duration = .seconds(2), coordinatorName: String
    ) {
        self.leaseDuration = leaseDuration
        self.heartbeatInterval = heartbeatInterval
        self.pollInterval = pollInterval
        self.coordinatorName = coordinatorName
    }
}

public actor DispatchHub: Service {
    public struct SessionID: Hashable, Sendable {
        let number: UInt64
    }

    private struct Session {
        let worker: Worker
        let taskKinds: [TaskKind]
        let connection: UUID
        let outbound: AsyncStream<WorkerInstruction>.Continuation
        var state: SessionState
    }

    /// More unread instructions than this and the newest are dropped: their leases run out.
    private static let unreadCountMax = 256

    private let ledger: LedgerStore
    private let hints: LedgerHints
    private let settings: DispatchSettings
    private let logger: Logger
    private let clock = ContinuousClock()
    private var sessions: [SessionID: Session] = [:]
    private var lastSession: UInt64 = 0
    private var isFilling = false
    private var mustFillAgain = false

    public init(
        ledger: LedgerStore, hints: LedgerHints, settings: DispatchSettings, logger: Logger
    ) {
        self.ledger = ledger
        self.hints = hints
        self.settings = settings
        self.logger = logger
    }

    // MARK: What workers do

    /// Opens a session; an older one of the same worker is ended, for its connection is dead or
    /// about to be. Leases of the worker that it no longer knows of go back to the queue at once.
    ///
    /// - Returns: the instructions to pass on, ending when the session does.
    public func open(_ worker: Worker, _ hello: WorkerHello) async throws -> (
        SessionID, AsyncStream<WorkerInstruction>
    ) {
        let connection = try await ledger.workerConnected(
            worker.id,
            WorkerConnection(
                coordinator: settings.coordinatorName, programVersion: hello.programVersion,
                capacity: hello.capacity, taskKinds: hello.taskKinds))
        let releasedCount = try await ledger.releaseLeases(of: worker.id, keeping: hello.heldLeases)
        for (id, session) in sessions where session.worker.id == worker.id { end(id) }

        lastSession += 1
        let id = SessionID(number: lastSession)
        let (stream, outbound) = AsyncStream.makeStream(
            of: WorkerInstruction.self, bufferingPolicy: .bufferingOldest(Self.unreadCountMax))
        sessions[id] = Session(
            worker: worker, taskKinds: hello.taskKinds, connection: connection, outbound: outbound,
            state: SessionState(
                capacity: hello.capacity, heldDigests: Set(hello.heldDigests),
                heldLeases: hello.heldLeases))
        outbound.yield(
            .welcome(workerName: worker.name, heartbeatInterval: settings.heartbeatInterval))
        logger.info(
            "worker connected",
            metadata: [
                "worker": "\(worker.name)", "capacity": "\(hello.capacity)",
                "program": "\(hello.programVersion)", "leases.kept": "\(hello.heldLeases.count)",
                "leases.released": "\(releasedCount)",
            ])
        await fill()
        return (id, stream)
    }

    /// Renews every lease listed, and answers which of them to stop.
    public func heartbeat(_ id: SessionID, _ leases: [LeaseProgress]) async throws {
        guard let session = sessions[id] else { return }
        let answers = try await ledger.renewLeases(
            of: session.worker.id, leases, lasting: settings.leaseDuration)
        guard sessions[id] != nil else { return }
        sessions[id]?.state.heartbeat(listing: leases.map(\.token))
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
            .stop(lost: lost, cancelled: cancelled, leaseDuration: settings.leaseDuration))
        if sessions[id].map({ $0.state.freeSlotCount(at: clock.now) > 0 }) ?? false { await fill() }
    }

    public func inventory(_ id: SessionID, _ heldDigests: [Digest]) {
        sessions[id]?.state.heldDigests = Set(heldDigests)
    }

    public func drain(_ id: SessionID) {
        sessions[id]?.state.drain()
    }

    /// An attempt of this worker was handed in or failed: its place is free.
    public func attemptEnded(_ token: LeaseToken, of worker: WorkerID) async {
        for id in sessions.keys where sessions[id]?.worker.id == worker {
            sessions[id]?.state.end(token)
        }
        await fill()
    }

    /// The stream ended. Its leases stay with the worker until they run out: it may come back.
    public func close(_ id: SessionID) async {
        guard let session = sessions[id] else { return }
        end(id)
        logger.info("worker disconnected", metadata: ["worker": "\(session.worker.name)"])
        do {
            try await ledger.workerDisconnected(
                session.worker.id, connection: session.connection)
        } catch {
            // Only the status view reads it, and `seen_at` shows the same a little later.
            logger.warning(
                "cannot record that a worker left",
                metadata: ["worker": "\(session.worker.name)", "error": "\(error)"])
        }
    }

    /// For shutdown: workers reconnect, here or elsewhere, and keep their leases.
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
            }
        }
        endAllSessions()
    }

    private func followHints() async {
        for await hint in hints.hints(of: [.task, .cancellation]) {
            switch hint {
            case .cancelled(let token): cancel(token)
            case .taskWaiting, .mayHaveMissed, .aliasMoved: await fill()
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
                    logger.notice(
                        "lease expired",
                        metadata: [
                            "task.id": "\(expired.taskID)", "attempt": "\(expired.attempt)",
                            "worker": "\(expired.worker)", "state": "\(expired.taskState.rawValue)",
                        ])
                }
            } catch {
                logger.warning("cannot expire leases", metadata: ["error": "\(error)"])
            }
            await fill()
        }
    }

    private func cancel(_ token: LeaseToken) {
        for id in sessions.keys where sessions[id]?.state.leaseTokens.contains(token) ?? false {
            sessions[id]?.state.end(token)
            sessions[id]?.outbound.yield(
                .stop(lost: [], cancelled: [token], leaseDuration: settings.leaseDuration))
        }
    }

    /// Leases what free places allow. One pass at a time; what happens meanwhile asks for another.
    private func fill() async {
        if isFilling {
            mustFillAgain = true
            return
        }
        isFilling = true
        defer { isFilling = false }
        repeat {
            mustFillAgain = false
            for id in sessions.keys.sorted(by: { $0.number < $1.number }) { await fill(id) }
        } while mustFillAgain
    }

    private func fill(_ id: SessionID) async {
        guard let session = sessions[id] else { return }
        let freeCount = session.state.freeSlotCount(at: clock.now)
        guard freeCount > 0 else { return }
        do {
            let leased = try await ledger.leaseTasks(
                for: session.worker.id, kinds: session.taskKinds, countMax: freeCount,
                lasting: settings.leaseDuration, held: Array(session.state.heldDigests))
            for task in leased {
                // The session may have ended while we asked: then the lease runs out by itself.
                guard sessions[id] != nil else { return }
                sessions[id]?.state.push(task.token, until: clock.now + settings.leaseDuration)
                sessions[id]?.outbound.yield(.lease(task, lasting: settings.leaseDuration))
                logger.info(
                    "task leased",
                    metadata: [
                        "task.id": "\(task.taskID)", "kind": "\(task.kind.rawValue)",
                        "ranker": "\(task.rankerName)", "attempt": "\(task.attempt)",
                        "worker": "\(session.worker.name)",
                    ])
            }
        } catch {
            logger.warning(
                "cannot lease tasks",
                metadata: ["worker": "\(session.worker.name)", "error": "\(error)"])
        }
    }

    private func end(_ id: SessionID) {
        sessions.removeValue(forKey: id)?.outbound.finish()
    }
}
