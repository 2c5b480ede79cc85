// Runs the attempts that are leased to this worker, tells them to stop, and says what became of
// them. What happens to which lease is for SupervisorState to say; here it is done.
import Concurrency
import Foundation
import LanguageSystem
import Logging
import WorkerWire

actor AttemptSupervisor {
    /// What comes from outside the actor, or is done beside it, in the order in which it is said.
    private enum Event: Sendable {
        case begin(TaskLease, StopSignal)
        case refuse(LeaseToken, LanguageSystemError, retryable: Bool)
        case advanced(LeaseToken, LeaseBook.Phase, progress: Double, note: String)
        case reranksEnded
    }

    private let settings: EdgeSettings
    /// What the coordinator must not read in an error.
    private let privateDirectories: [String]
    private let cache: BlobCache
    private let link: CoordinatorLink
    private let localData: LocalDataOffer
    private let reranks: EdgeRerankServer
    private let outbox: SessionOutbox
    private let reporter: StatusReporter
    private let logger: Logger
    private let clock = ContinuousClock()

    private var state: SupervisorState
    private var stops: [LeaseToken: StopSignal] = [:]
    private let events: AsyncStream<Event>
    private let event: AsyncStream<Event>.Continuation
    /// Ends when the worker has drained.
    private let drained: AsyncStream<Void>
    private let endDraining: AsyncStream<Void>.Continuation

    init(
        _ settings: EdgeSettings, state directory: StateDirectory, cache: BlobCache,
        link: CoordinatorLink, localData: LocalDataOffer, reranks: EdgeRerankServer,
        outbox: SessionOutbox, reporter: StatusReporter, logger: Logger
    ) {
        self.settings = settings
        privateDirectories = [directory.path] + (settings.dataDirectory.map { [$0] } ?? [])
        self.cache = cache
        self.link = link
        self.localData = localData
        self.reranks = reranks
        self.outbox = outbox
        self.reporter = reporter
        self.logger = logger
        state = SupervisorState(
            capacity: settings.capacity, memoryByteCountMax: settings.memoryByteCountMax)
        (events, event) = AsyncStream.makeStream()
        (drained, endDraining) = AsyncStream.makeStream()
    }

    var book: LeaseBook { state.book }
    var counts: SupervisorState.Counts { state.counts }
    var isDraining: Bool { state.isDraining }

    /// Runs what begins, until it is cancelled or `end` was called; then until that has ended.
    func run() async {
        await withDiscardingTaskGroup { group in
            for await event in events {
                switch event {
                case .begin(let work, let stop): group.addTask { await self.attempt(work, stop) }
                case .refuse(let token, let error, let retryable):
                    group.addTask { await self.refuse(token, error, retryable: retryable) }
                case .advanced(let token, let phase, let progress, let note):
                    state.advanced(token, to: phase, progress: progress, note: note)
                case .reranksEnded: perform(state.reranksEnded(at: clock.now))
                }
            }
        }
    }

    /// Looks at what time alone changes, until it is cancelled.
    func keepUp(every interval: Duration) async throws {
        let isLimited = settings.memoryByteCountMax != nil
        while true {
            try await clock.sleep(for: interval)
            perform(
                state.passed(
                    at: clock.now, memory: isLimited ? ProcessLimits.privateByteCount : nil))
        }
    }

    /// Returns when the worker has drained, or when the task that waits is cancelled.
    func waitUntilDrained() async { for await _ in drained {} }

    /// Takes no more tasks; what runs may go on for the settings' `drainDuration`.
    func drain() {
        guard !state.isDraining else { return }
        perform(state.drain(for: settings.drainDuration, at: clock.now))
        outbox.send(.draining)
        logger.notice("draining", metadata: ["tasks": "\(state.book.all.count)"])
        reranks.drain { [event] in event.yield(.reranksEnded) }
    }

    /// The worker ends: stops all attempts, and begins none.
    func end() {
        for stop in stops.values { stop.stop(because: .leaving) }
        event.finish()
    }

    // MARK: What the session brings

    /// Says hello on `line` with what is held now. What changes from here on is said there, too.
    func open(_ line: SessionLine, _ hello: WorkerHello) {
        var hello = hello
        hello.heldLeases = state.book.tokens
        line.send(.hello(hello))
        if state.isDraining { line.send(.draining) }
        outbox.open(line)
    }

    func accept(_ work: TaskLease) {
        if let refusal = settings.policy.refusal(of: work, at: Date()) {
            logger.warning(
                "task not allowed here",
                metadata: ["task.id": "\(work.taskID)", "reason": "\(refusal.message)"])
            return perform(state.refuse(work.token, refusal, retryable: true))
        }
        let actions = state.offered(work, at: clock.now)
        if case .refuse? = actions.first {
            logger.notice("task not taken", metadata: ["task.id": "\(work.taskID)"])
        }
        perform(actions)
    }

    /// Gives back a lease that cannot be read.
    func refuse(_ token: LeaseToken, _ error: LanguageSystemError) {
        perform(state.refuse(token, error, retryable: false))
    }

    func renewed(lost: [LeaseToken], cancelled: [LeaseToken], for leaseDuration: Duration) {
        perform(
            state.renewed(
                lost: lost, cancelled: cancelled, for: leaseDuration, at: clock.now))
    }

    func sendHeartbeat() { outbox.sendIfOpen(.heartbeat(state.book.heartbeat)) }

    // MARK: Doing

    private func perform(_ actions: [SupervisorState.Action]) {
        for action in actions {
            switch action {
            case .begin(let work):
                let stop = StopSignal()
                stops[work.token] = stop
                event.yield(.begin(work, stop))
            case .stop(let token, let reason): stops[token]?.stop(because: reason)
            case .refuse(let token, let error, let retryable):
                // Beside the actor: neither the session nor whoever noticed waits for the answer.
                event.yield(.refuse(token, error, retryable: retryable))
            case .sendHeartbeat: outbox.send(.heartbeat(state.book.heartbeat))
            case .leave: endDraining.finish()
            }
        }
    }

    private func refuse(_ token: LeaseToken, _ error: LanguageSystemError, retryable: Bool) async {
        await sayFailed(token, error, retryable: retryable)
        perform(state.refused(at: clock.now))
    }

    private func attempt(_ work: TaskLease, _ stop: StopSignal) async {
        var logger = logger
        logger[metadataKey: "task.id"] = "\(work.taskID)"
        logger[metadataKey: "attempt"] = "\(work.attempt)"
        logger.info(
            "task begun",
            metadata: ["kind": "\(work.kind.rawValue)", "ranker": "\(work.rankerName)"])
        let end = await run(work, stop, logger)
        log(end, logger)
        if case .outOfMemory(let error) = end { reporter.note(error) }
        if case .failed(let error) = end { reporter.note(error) }
        if let failure = end.failure {
            await sayFailed(work.token, failure.error, retryable: failure.isRetryable)
        }
        stops[work.token] = nil
        perform(state.ended(work.token, end, at: clock.now))
        await outbox.sendInventory(of: cache)
        // The weights of an edge-only ranker are new here, and it is not for the lease to say so.
        if case .train(let train) = work.work, train.weightsStay { await localData.offer() }
    }

    private func run(_ work: TaskLease, _ stop: StopSignal, _ logger: Logger) async -> AttemptEnd {
        let runner = AttemptRunner(
            cache: cache, link: link, files: localData.files, weights: localData.weights,
            threadCount: settings.threadCount, nice: settings.nice, logger: logger
        ) { [event] phase, progress, note in
            event.yield(.advanced(work.token, phase, progress: progress, note: note))
        }
        do {
            let completion = try await runner.run(work, stop)
            return completion.counted ? .completed(completion.versionID) : .uncounted
        } catch {
            return AttemptEnd(
                error, memory: ProcessLimits.privateByteCount,
                memoryMax: settings.memoryByteCountMax)
        }
    }

    private func log(_ end: AttemptEnd, _ logger: Logger) {
        switch end {
        case .completed(let version):
            logger.info(
                "task completed", metadata: ["version": "\(version.map { "\($0)" } ?? "-")"])
        case .uncounted: logger.notice("result did not count: the lease was lost")
        case .lost(let reason):
            logger.notice("task stopped", metadata: ["reason": "\(reason.rawValue)"])
        case .leaving: logger.notice("task stopped", metadata: ["reason": "leaving"])
        case .outOfMemory(let error):
            logger.error("task stopped", metadata: ["error": "\(error.message)"])
        case .failed(let error):
            logger.error(
                "task failed",
                metadata: ["error": "\(error.message)", "cause": "\(error.cause ?? "-")"])
        }
    }

    /// Tries for as long as it is worth anybody's while: afterwards the lease runs out by itself.
    private func sayFailed(
        _ token: LeaseToken, _ error: LanguageSystemError, retryable: Bool
    ) async {
        let request = Languagesystem_V1_FailAttemptRequest(
            token: token, error: error.without(directories: privateDirectories),
            retryable: retryable)
        do {
            _ = try await withDeadline(within: state.isDraining ? .seconds(2) : .seconds(30)) {
                [link] in
                try await link.call { _ = try await $0.failAttempt(request) }
            }
        } catch {
            logger.notice("cannot say that an attempt failed", metadata: ["error": "\(error)"])
        }
    }
}
