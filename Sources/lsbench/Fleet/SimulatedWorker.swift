// A worker in all but the work: it joins, connects and talks as a real one does, and hands in
// figures it made up. With mischief it says everything twice, too late and in another order, which
// must change nothing. Many of them run in one process.
import EdgeWork
import Foundation
import GRPCCore
import GRPCNIOTransportHTTP2Posix
import LanguageSystem
import RankerMath
import WorkerWire

/// Faults that a simulated worker makes, as a bad network would.
struct Mischief: Sendable {
    /// Whether each result is sent twice at once, and old results and heartbeats are sent again.
    var duplicates: Bool
    /// Whether each result is delayed by a different time.
    var reorders: Bool
    var seed: UInt64
}

/// The progress of the run. It opens when all workers are connected, and ends when all tasks have
/// counted.
actor FleetProgress {
    private let taskCount: Int
    private let workerCount: Int
    private var connectedCount = 0
    private var counted: Set<TaskID> = []
    private var isOpen = false
    private var waiting: [CheckedContinuation<Void, Never>] = []
    private var finished: CheckedContinuation<Void, Never>?
    private(set) var callCount = 0
    private(set) var lostCount = 0
    private(set) var openedAt = ContinuousClock.now
    private(set) var endedAt = ContinuousClock.now

    init(taskCount: Int, workerCount: Int) {
        self.taskCount = taskCount
        self.workerCount = workerCount
    }

    func connected() {
        connectedCount += 1
        if connectedCount == workerCount { finished?.resume() }
    }

    /// Returns when every worker was welcomed.
    func waitForWorkers() async {
        if connectedCount >= workerCount { return }
        await withCheckedContinuation { finished = $0 }
        finished = nil
    }

    func open() {
        isOpen = true
        openedAt = .now
        for one in waiting { one.resume() }
        waiting = []
    }

    /// Waits until all workers are connected. Results are held back until then, so that the whole
    /// fleet is measured.
    func waitUntilOpen() async {
        if isOpen { return }
        await withCheckedContinuation { waiting.append($0) }
    }

    func answered(_ task: TaskID, counted isCounted: Bool) {
        callCount += 1
        guard isCounted else {
            lostCount += 1
            return
        }
        counted.insert(task)
        if counted.count == taskCount {
            endedAt = .now
            finished?.resume()
            finished = nil
        }
    }

    func waitForTasks() async {
        if counted.count >= taskCount { return }
        await withCheckedContinuation { finished = $0 }
    }

    var countedCount: Int { counted.count }
}

actor SimulatedWorker {
    private static let historyCountMax = 16

    private let identity: WorkerIdentity
    private let capacity: Int
    private let mischief: Mischief?
    private let progress: FleetProgress
    private let link = CoordinatorLink()
    private var generator: Generator
    private var held: Set<LeaseToken> = []
    private var history: [TaskLease] = []
    private let reports: AsyncStream<WorkerEvent>
    private let outbound: AsyncStream<WorkerEvent>.Continuation

    init(
        identity: WorkerIdentity, index: Int, capacity: Int, mischief: Mischief?,
        progress: FleetProgress
    ) {
        self.identity = identity
        self.capacity = capacity
        self.mischief = mischief
        self.progress = progress
        generator = Generator(seed: mischief?.seed ?? 0, stream: UInt64(index))
        (reports, outbound) = AsyncStream.makeStream()
    }

    /// Runs one session until it is cancelled.
    func run() async throws {
        let client = GRPCClient(transport: try identity.transport())
        let service = WorkerClient(wrapping: client)
        await link.open(service)
        outbound.yield(
            .hello(
                WorkerHello(
                    programVersion: ProductVersion.current, capacity: capacity,
                    taskKinds: [.evaluate], heldDigests: [], heldLeases: [],
                    combinesSignals: true)))
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await client.runConnections() }
            group.addTask { try await self.talk(service) }
            defer { group.cancelAll() }
            try await group.next()
        }
    }

    private nonisolated func talk(_ service: WorkerClient) async throws {
        try await service.session { writer in
            for await report in self.reports {
                try await writer.write(Languagesystem_V1_WorkerMessage(report))
            }
        } onResponse: { response in
            try await withThrowingDiscardingTaskGroup { group in
                for try await message in response.messages {
                    switch try CoordinatorCommand(message) {
                    case .welcome(_, _, let interval):
                        await self.progress.connected()
                        group.addTask { try await self.beat(each: interval) }
                    case .begin(let work):
                        await self.take(work)
                        group.addTask { try await self.complete(work) }
                    case .stop, .refuse, .prefetch, .rerank: break
                    }
                }
                group.cancelAll()
            }
        }
    }

    private func take(_ work: TaskLease) { held.insert(work.token) }

    private nonisolated func beat(each interval: Duration) async throws {
        while true {
            try await Task.sleep(for: interval)
            await sayHeartbeat(adding: [])
        }
    }

    private func sayHeartbeat(adding others: [LeaseToken]) {
        outbound.yield(
            .heartbeat(
                (Array(held) + others).prefix(WireLimits.leaseCountMax).map {
                    LeaseProgress(token: $0, progress: 0, note: "")
                }))
    }

    private func complete(_ work: TaskLease) async throws {
        await progress.waitUntilOpen()
        if mischief?.reorders == true {
            try await Task.sleep(for: .milliseconds(generator.below(200)))
        }
        if mischief?.duplicates == true {
            async let once: Void = handIn(work)
            async let again: Void = handIn(work)
            _ = try await (once, again)
            held.remove(work.token)
            try await repeatOld(after: work)
        } else {
            try await handIn(work)
            held.remove(work.token)
        }
    }

    /// Sends an earlier message once more.
    private func repeatOld(after work: TaskLease) async throws {
        history.append(work)
        if history.count > Self.historyCountMax { history.removeFirst() }
        switch generator.below(4) {
        case 0: try await handIn(history[generator.below(history.count)])
        case 1: sayHeartbeat(adding: history.map(\.token))
        default: break
        }
    }

    private nonisolated func handIn(_ work: TaskLease) async throws {
        guard case .evaluate(let evaluate) = work.work else {
            throw LanguageSystemError(.internal, "got a task that was not asked for: \(work.kind)")
        }
        let report = TaskLoad.report(for: evaluate.evaluationConfiguration)
        let message = Languagesystem_V1_EvaluationResult(
            token: work.token,
            reports: evaluate.features.map {
                EvaluationResultReport(featureSet: $0.digest, report: report)
            })
        let completion = try await link.call { client in
            Completion(try await client.completeEvaluation(message))
        }
        await progress.answered(work.taskID, counted: completion.counted)
    }
}
