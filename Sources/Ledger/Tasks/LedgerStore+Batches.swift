// The same for many workers in one call: a coordinator with five hundred of them asks as often as
// one with five.
public import Foundation
public import LanguageSystem
import PostgresAccess

/// The waiting tasks of one kind.
public struct WaitingTasks: Sendable, Hashable {
    public let kind: TaskKind
    /// The number of tasks that may be leased now, counted up to the requested limit.
    public let count: Int
    /// The digests of the feature sets that the first of them need.
    public let digests: Set<Digest>
    /// The only worker that may do them; nil when any may.
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

/// The tasks that one worker could take.
public struct LeaseOffer: Sendable, Hashable {
    public let worker: WorkerID
    public let kinds: [TaskKind]
    /// The most tasks to lease to the worker.
    public let countMax: Int
    /// The digests of feature sets that it holds and that waiting tasks need.
    public let heldDigests: [Digest]

    public init(worker: WorkerID, kinds: [TaskKind], countMax: Int, heldDigests: [Digest] = []) {
        self.worker = worker
        self.kinds = kinds
        self.countMax = countMax
        self.heldDigests = heldDigests
    }
}

/// The result of one evaluation.
public struct EvaluationResult: Sendable {
    public let worker: WorkerID
    public let token: LeaseToken
    /// The reports, one for each feature set of the task.
    public let reports: [EvaluationResultReport]

    public init(worker: WorkerID, token: LeaseToken, reports: [EvaluationResultReport]) {
        self.worker = worker
        self.token = token
        self.reports = reports
    }
}

/// The answers to the renewals of many workers.
public struct RenewalAnswers: Sendable, Hashable {
    public var answers: [WorkerID: [LeaseToken: LeaseAnswer]] = [:]
    /// The workers of which nothing was renewed: unknown or revoked ones, and those whose session
    /// is not their newest.
    public var refused: Set<WorkerID> = []

    public init() {}
}

extension LedgerStore {
    /// Counts the waiting tasks. When none waits, this costs one index look-up.
    ///
    /// - Parameter workers: The workers whose local tasks are counted, each separately.
    public func waitingTasks(
        of kinds: [TaskKind], countMax: Int, atHomeWith workers: [WorkerID] = []
    ) async throws(LanguageSystemError) -> [WaitingTasks] {
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

    /// Leases tasks to many workers, in the given order, by the rules of
    /// `leaseTasks(for:kinds:countMax:lasting:held:)`. A worker that is unknown, revoked or has a
    /// newer session gets nothing.
    ///
    /// - Parameter connections: The session of each worker; a worker without one is not checked.
    public func leaseTasks(
        for offers: [LeaseOffer], over connections: [WorkerID: UUID] = [:], lasting: Duration
    ) async throws(LanguageSystemError) -> [(worker: WorkerID, task: TaskLease)] {
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

    /// Renews the leases of the heartbeats of one interval.
    ///
    /// - Parameters:
    ///   - seen: The workers to record as seen, with or without leases.
    ///   - connections: The session of each worker; a worker with a newer one is refused.
    public func renewLeases(
        _ leases: [WorkerID: [LeaseProgress]], seen: Set<WorkerID>,
        over connections: [WorkerID: UUID] = [:], lasting: Duration
    ) async throws(LanguageSystemError) -> RenewalAnswers {
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

    /// Records the results of many evaluations in one transaction.
    ///
    /// - Returns: Whether each result counts, in order; it does not when its lease was lost.
    /// - Throws: The error of one of them, also when one waits for a lock; then none was recorded.
    public func completeEvaluations(_ results: [EvaluationResult])
        async throws(LanguageSystemError) -> [Bool]
    {
        try await call(
            "select counted from ls.complete_evaluations($1, $2, $3, $4, $5) order by item",
            results.map(\.worker), results.map(\.token), results.map(\.reports.count),
            results.flatMap { $0.reports.map(\.featureSet) },
            results.flatMap { $0.reports.map(\.report) }
        ) { rows in try rows.map { try $0.decode() } }
    }
}
