// A worker at work: builds its parts, runs them, and ends when one of them does. Each part says in
// its own file what it decides; the page A worker shows how they fit.
public import LanguageSystem
import Foundation
public import Logging

/// The parts of a worker that others ask.
struct WorkerParts: Sendable {
    let settings: EdgeSettings
    let outbox: SessionOutbox
    let renewal: CertificateRenewal
    let supervisor: AttemptSupervisor
    let cache: BlobCache
    let localData: LocalDataOffer
    let reranks: EdgeRerankServer
}

public final class EdgeWorker: Sendable {
    private let upkeepInterval: Duration
    private let logger: Logger
    private let link = CoordinatorLink()
    private let reporter: StatusReporter
    private let prefetcher: Prefetcher
    private let session: WorkerSession
    let parts: WorkerParts

    /// - Parameter identity: From `StateDirectory.identity()` or `Joining.join`.
    public convenience init(
        identity: WorkerIdentity, state: StateDirectory, settings: EdgeSettings, logger: Logger
    ) throws(LanguageSystemError) {
        try self.init(
            identity: identity, state: state, settings: settings,
            upkeepInterval: .milliseconds(250), logger: logger)
    }

    /// - Parameter upkeepInterval: How often it looks at what time alone changes.
    init(
        identity: WorkerIdentity, state: StateDirectory, settings: EdgeSettings,
        upkeepInterval: Duration, logger: Logger
    ) throws(LanguageSystemError) {
        self.upkeepInterval = upkeepInterval
        self.logger = logger
        let cache = try BlobCache(
            directory: state.cachePath, byteCountMax: settings.cacheByteCountMax)
        let outbox = SessionOutbox()
        let weights = LocalWeights(directory: state.weightsPath)
        reporter = StatusReporter(state, logger: logger)
        prefetcher = Prefetcher(
            policy: settings.policy, cache: cache, link: link, outbox: outbox, logger: logger)
        let reranks = EdgeRerankServer(
            isAllowed: settings.policy.reranks, weights: weights, cache: cache, link: link,
            logger: logger)
        let localData = LocalDataOffer(
            of: settings.dataDirectory.map { LocalFiles(directory: $0, user: settings.dataUser) },
            user: settings.dataUser, weights: weights, cache: cache, outbox: outbox,
            reporter: reporter, logger: logger)
        parts = WorkerParts(
            settings: settings, outbox: outbox,
            renewal: CertificateRenewal(
                of: identity, savedIn: state, link: link, outbox: outbox, reporter: reporter,
                logger: logger),
            supervisor: AttemptSupervisor(
                settings, state: state, cache: cache, link: link, localData: localData,
                reranks: reranks, outbox: outbox, reporter: reporter, logger: logger),
            cache: cache, localData: localData, reranks: reranks)
        session = WorkerSession(
            of: WorkerProcess(instance: UUID().uuidString, place: state.fingerprint), parts,
            prefetcher: prefetcher, link: link, reporter: reporter, logger: logger)
    }

    /// Works until drained.
    ///
    /// - Throws: `identityRefused` when the coordinator will not have this worker, another machine
    ///   uses its identity, or its certificate ran out too long ago; a lost connection is no reason
    ///   to end.
    public func run() async throws {
        let result: Result<Void, any Error>
        do {
            result = .success(try await runParts())
        } catch {
            result = .failure(error)
        }
        await reporter.write(parts, hasStopped: true)
        try result.get()
        let completedCount = await parts.supervisor.counts.completed
        logger.notice("stopped", metadata: ["tasks.completed": "\(completedCount)"])
    }

    /// Takes no more tasks, gives the running ones `drainDuration`, then `run` returns; at once
    /// when there are none, whatever the clocks do.
    public func drain() async { await parts.supervisor.drain() }

    private func runParts() async throws {
        let (interval, supervisor) = (upkeepInterval, parts.supervisor)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await supervisor.run() }
            group.addTask { try await supervisor.keepUp(every: interval) }
            group.addTask { try await self.session.run() }
            group.addTask { try await self.session.watchHours(every: interval) }
            group.addTask { try await self.parts.renewal.run(every: interval) }
            group.addTask { try await self.parts.localData.run() }
            group.addTask {
                await self.parts.reranks.run {
                    await self.parts.outbox.sendInventory(of: self.parts.cache)
                }
            }
            group.addTask { await self.prefetcher.run() }
            group.addTask { try await self.reporter.run(self.parts, every: interval * 4) }
            group.addTask { await supervisor.waitUntilDrained() }
            // Whoever ends first ends all: who waits for the drain, the session when refused.
            defer { group.cancelAll() }
            let first = await group.nextResult()
            await supervisor.end()
            await link.shutDown()
            try first?.get()
        }
    }
}
