// The heartbeats that reached this coordinator since the last tick, to be told the database at
// once. A worker that speaks twice within a tick is heard once, with what it said last: each
// heartbeat lists everything it holds.
public import LanguageSystem
import Ledger

/// Heartbeats to renew leases by, as a value: sessions go in, one statement comes out.
public struct HeartbeatBatch: Sendable, Equatable {
    public private(set) var leases: [WorkerID: [LeaseProgress]] = [:]
    /// The workers to note as seen.
    public private(set) var seen: Set<WorkerID> = []

    public init() {}

    public var isEmpty: Bool { leases.isEmpty && seen.isEmpty }

    /// Takes what the worker said; it has leases, and waits to hear of them.
    public mutating func add(_ worker: WorkerID, _ listed: [LeaseProgress]) {
        leases[worker] = listed
    }

    public mutating func note(_ worker: WorkerID) { seen.insert(worker) }

    /// Forgets a worker that left: nobody waits for an answer.
    public mutating func remove(_ worker: WorkerID) { leases[worker] = nil }

    /// Takes everything out.
    public mutating func take() -> HeartbeatBatch {
        defer { self = HeartbeatBatch() }
        return self
    }

    /// Puts back what the database could not be told: it is told again with the next tick, unless
    /// the worker has said something newer since.
    public mutating func putBack(_ older: HeartbeatBatch) {
        leases.merge(older.leases) { newer, _ in newer }
        seen.formUnion(older.seen)
    }
}
