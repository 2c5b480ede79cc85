// The same for many workers in one call: a coordinator with five hundred of them asks as often as
// one with five.
public import Foundation
public import LanguageSystem
import PostgresAccess

/// What waits of one kind of task.
public struct WaitingTasks: Sendable, Hashable {
    public let kind: TaskKind
    /// How many may be leased now; counted up to what was asked.
    public let count: Int
    /// The feature sets that the first of them need.
    public let digests: Set<Digest>
    /// The one worker that may have them; nil: any.
    public let home: WorkerID?

    public init(
        kind: TaskKind, count: Int, digests: Set<Digest> = [], home: WorkerID? = nil
    ) {
        self.kind = kind
        self.count = count
        self.digests = digests
        self.home = home
    }
}

/// What one worker could take.
public struct LeaseOffer: Sendable, Hashable {
    public let worker: WorkerID
    public let kinds: [TaskKind]
    public let countMax: Int
    /// Features it holds that matter now.
    public let heldDigests: [Digest]

    public init(worker: WorkerID, kinds: [TaskKind], countMax: Int, heldDigests: [Digest] = []) {
        self.worker = worker
        self.kinds = kinds
        self.countMax = countMax
        self.heldDigests = heldDigests
    }
}

/// The result of one evaluate task.
public struct EvaluationResult: Sendable {
    public let worker: WorkerID
    public let token: LeaseToken
    /// One for each feature set of the task.
    public let reports: [EvaluationResultReport]

    public init(worker: WorkerID, token: LeaseToken, reports: [EvaluationResultReport]) {
        self.worker = worker
        self.token = token
        self.reports = reports
    }
}

/// What many workers hear about their leases.
public struct RenewalAnswers: Sendable, Hashable {
    public var answers: [WorkerID: [LeaseToken: LeaseAnswer]] = [:]
    /// Unknown, revoked, or speaking over a session that is not the newest: nothing of theirs was
    /// renewed.
    public var refused: Set<WorkerID> = []

    public init() {}
}

extension LedgerStore {
    /// One look at an index when nothing waits.
    ///
    /// - Parameter workers: Whose tasks at home are counted, each apart.
    public func waitingTasks(
        of kinds: [TaskKind], countMax: Int, atHomeWith workers: [WorkerID] = []
    ) async throws(CoordinatorError) -> [WaitingTasks] {
        try await call(
            "select * from ls.waiting_tasks($1, $2, $3)", kinds, countMax, workers
        ) { rows in
            try rows.map {
                WaitingTasks(
                    kind: try $0.decode("kind"), count: try $0.decode("task_count"),
                    digests: Set(try $0.decode([Digest].self, "digests")),
                    home: try $0.decode("home_worker_id"))
            }
        }
    }

    /// Each worker is served as `leaseTasks(for:kinds:countMax:lasting:held:)` serves one, in the
    /// order given. A worker that is unknown or revoked gets nothing, nor does one that has a newer
    /// session.
    ///
    /// - Parameter connections: Over which session each is offered them; none: not asked.
    public func leaseTasks(
        for offers: [LeaseOffer], over connections: [WorkerID: UUID] = [:], lasting: Duration
    ) async throws(CoordinatorError) -> [(worker: WorkerID, task: TaskLease)] {
        try await call(
            "select * from ls.lease_tasks_for_workers($1, $2, $3, $4, $5, $6, $7)",
            offers.map(\.worker),
            offers.map { $0.kinds.map(\.rawValue).joined(separator: ",") },
            offers.map(\.countMax), offers.map(\.heldDigests.count),
            offers.flatMap(\.heldDigests), lasting.seconds, offers.map { connections[$0.worker] }
        ) { rows in
            try rows.map { (try $0.decode("worker_id"), try TaskLease(row: $0, lasting: lasting)) }
        }
    }

    /// The heartbeats of one tick.
    ///
    /// - Parameters:
    ///   - seen: Workers to note as seen, with or without leases.
    ///   - connections: Over which session each speaks; one that has a newer one is refused.
    public func renewLeases(
        _ leases: [WorkerID: [LeaseProgress]], seen: Set<WorkerID>,
        over connections: [WorkerID: UUID] = [:], lasting: Duration
    ) async throws(CoordinatorError) -> RenewalAnswers {
        let speakers = Array(connections)
        let listed = leases.flatMap { worker, leases in leases.map { (worker, $0) } }
        return try await call(
            "select * from ls.renew_leases_for_workers($1, $2, $3, $4, $5, $6, $7, $8)",
            listed.map(\.0), listed.map(\.1.token), listed.map(\.1.progress),
            listed.map(\.1.note), Array(seen), lasting.seconds, speakers.map(\.key),
            speakers.map(\.value)
        ) { rows in
            var answers = RenewalAnswers()
            for row in rows {
                let worker: WorkerID = try row.decode("worker_id")
                if let token: LeaseToken = try row.decode(LeaseToken?.self, "token") {
                    answers.answers[worker, default: [:]][token] = try row.decode("answer")
                } else {
                    answers.refused.insert(worker)
                }
            }
            return answers
        }
    }

    /// Takes the results of many evaluate tasks, all in one transaction.
    ///
    /// - Returns: Of each result, in order, whether it counts: not when the lease was lost.
    /// - Throws: What is wrong with one of them, or that one waits for a lock; then none was taken.
    public func completeEvaluations(_ results: [EvaluationResult])
        async throws(CoordinatorError) -> [Bool]
    {
        try await call(
            "select counted from ls.complete_evaluations($1, $2, $3, $4, $5) order by item",
            results.map(\.worker), results.map(\.token), results.map(\.reports.count),
            results.flatMap { $0.reports.map(\.featureSet) },
            results.flatMap { $0.reports.map(\.report) }
        ) { rows in try rows.map { try $0.decode() } }
    }
}
