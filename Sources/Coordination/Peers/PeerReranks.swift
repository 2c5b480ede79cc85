// Has workers score that are connected to another coordinator: finds out which, asks it once, and
// waits no longer than the deadline. A peer asks its own workers and nobody else, so nothing goes
// in circles. No request waits for the database here: what is known when it comes has to do.
import Concurrency
public import LanguageSystem
public import Ledger
public import Logging
public import ServiceLifecycle

/// How a peer is reached; who it is has been decided.
public protocol PeerTransport: Sendable {
    /// Has `peer` ask its worker. Ends soon after the deadline, or when it is cancelled.
    func rerank(
        by worker: WorkerID, _ work: EdgeRerank, at peer: Peer, within deadline: Duration
    ) async -> PeerAnswer

    /// Ends the connections to all others.
    func keep(only peers: Set<Peer>) async
}

public final class PeerReranks: Service {
    /// How often this coordinator says that it is there, and reads who else is.
    private static let interval: Duration = .seconds(2)
    /// The least time between two readings: hints that come together are one.
    private static let hintInterval: Duration = .milliseconds(100)
    /// As long as the database takes others for running, they may need to be seen again after it
    /// was away.
    private static let absence: Duration = .seconds(10)

    private let ledger: LedgerStore
    private let hints: LedgerNotifications
    private let name: String
    private let transport: any PeerTransport
    private let logger: Logger
    private let clock = ContinuousClock()
    private let metrics = PeerMetrics()
    private let directory = Locked(PeerDirectory())
    private let addresses: AsyncStream<String>
    private let address: AsyncStream<String>.Continuation

    /// - Parameter name: What DispatchHub calls this coordinator, too.
    public init(
        ledger: LedgerStore, hints: LedgerNotifications, name: String, transport: any PeerTransport,
        logger: Logger
    ) {
        self.ledger = ledger
        self.hints = hints
        self.name = name
        self.transport = transport
        self.logger = logger
        (addresses, address) = AsyncStream.makeStream(
            of: String.self, bufferingPolicy: .bufferingNewest(1))
    }

    /// Says that the workers' port is open: from now on others may ask.
    public func announce(at address: String) { self.address.yield(address) }

    /// Has a worker score `work` that has no session here, as `DispatchHub.rerank` does.
    public func rerank(
        by worker: WorkerID, _ work: EdgeRerank, within deadline: Duration
    ) async -> EdgeRerankResult {
        let until = clock.now + deadline
        let peer: Peer
        switch directory.withLock({ $0.ask(for: worker, at: clock.now) }) {
        case .unreachable: return .unreachable
        case .busy:
            metrics.count(.answered(.busy))
            return .busy
        case .ask(let found): peer = found
        }
        guard deadline > .zero else {
            // Nobody is to blame for an answer that there was no time for.
            directory.withLock { $0.ended(worker, at: peer, nil, at: clock.now) }
            return .late
        }
        let answer = await ask(peer, for: worker, work, until: until)
        directory.withLock { $0.ended(worker, at: peer, answer, at: clock.now) }
        guard let answer else { return .refused(.rerankCancelled()) }
        metrics.count(answer)
        return switch answer {
        case .answered(let answer): answer.checked(for: work)
        case .silent: .late
        case .lost: .unreachable
        }
    }

    /// - Returns: Nil when whoever asked has left.
    private func ask(
        _ peer: Peer, for worker: WorkerID, _ work: EdgeRerank,
        until deadline: ContinuousClock.Instant
    ) async -> PeerAnswer? {
        let left = deadline - clock.now
        guard left > .zero else { return .silent }
        let answer = try? await withDeadline(deadline, clock: clock) { [transport] in
            await transport.rerank(by: worker, work, at: peer, within: left)
        }
        return Task.isCancelled ? nil : answer ?? .silent
    }

    /// Says that this coordinator is there and follows who else is, until asked to stop.
    public func run() async throws {
        await cancelWhenGracefulShutdown { await self.follow() }
        // Ten seconds later it is the same: a database that is away is not waited for.
        // It goes on when this service is cancelled: others would ask here in vain meanwhile.
        let wasTold = try? await SingleFlight<String, Bool>().value(
            for: name, within: .seconds(2)
        ) { [ledger, name] in
            _ = try await ledger.coordinatorLeft(name)
            return true
        }
        if wasTold == nil {
            logger.notice("the database was not told that this coordinator stops")
        }
        await transport.keep(only: [])
    }

    private func follow() async {
        guard let address = await addresses.first(where: { _ in true }) else { return }
        // One request is as good as many.
        let (requests, request) = AsyncStream.makeStream(
            of: Void.self, bufferingPolicy: .bufferingNewest(1))
        request.yield()
        await withDiscardingTaskGroup { group in
            group.addTask {
                for await _ in self.hints.hints(of: [.presence]) { request.yield() }
            }
            group.addTask {
                // Jitter: several coordinators on one database must not ask in step.
                while (try? await self.clock.sleep(
                    for: Self.interval * Double.random(in: 0.75...1.25))) != nil
                { request.yield() }
            }
            group.addTask {
                var failedAt: ContinuousClock.Instant?
                for await _ in requests {
                    await self.read(address, &failedAt)
                    if (try? await self.clock.sleep(for: Self.hintInterval)) == nil { return }
                }
            }
        }
    }

    private func read(_ address: String, _ failedAt: inout ContinuousClock.Instant?) async {
        let running: [RunningCoordinator]
        do {
            running = try await ledger.coordinatorSeen(name, at: address)
        } catch {
            // What is known goes on being used.
            if failedAt == nil, !ledger.isLogged(error) {
                logger.warning(
                    "cannot read where workers are", metadata: ["error": "\(error.message)"])
            }
            failedAt = clock.now
            return
        }
        let wasAway = failedAt.map { clock.now - $0 < Self.absence } ?? false
        if !wasAway { failedAt = nil }
        let (before, after) = directory.withLock { directory in
            let before = directory.peers
            directory.learn(running, keepsMissing: wasAway)
            return (before, directory.peers)
        }
        guard before != after else { return }
        logger.info(
            "other coordinators",
            metadata: ["peers": "\(after.map { "\($0.name) at \($0.address)" }.sorted())"])
        await transport.keep(only: after)
    }
}

extension EdgeRerankResult {
    /// The answer as far as it is to be believed. A peer has looked already; but it is not for it
    /// to say what we do with numbers that are none.
    fileprivate func checked(for work: EdgeRerank) -> EdgeRerankResult {
        guard case .scored(let scores, let combined, _) = self,
            let fault = Self.fault(in: scores, combined, candidateCount: work.candidateCount)
        else { return self }
        return .refused(.wrongScores(fault, expected: work.candidateCount))
    }
}
