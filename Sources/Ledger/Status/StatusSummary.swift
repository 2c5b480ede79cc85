// One row of counts, for `lscoord status` and the metrics.
public import LanguageSystem
import PostgresAccess

/// The counts of `ls.status_summary`.
public struct StatusSummary: Sendable, Hashable {
    public let baseModelCount: Int
    public let domainCount: Int
    public let rankerCount: Int
    public let versionCount: Int
    public let championCount: Int
    public let featureSetCount: Int
    /// The size of all stored feature sets together.
    public let featureByteCount: Int64
    public let evaluationCount: Int
    /// The number of workers that are not revoked.
    public let workerCount: Int
    /// The number of workers that are connected: seen within the last minute, and not gone.
    public let connectedWorkerCount: Int
    public let taskCounts: [TaskState: Int]
}

extension LedgerStore {
    public func statusSummary() async throws(LanguageSystemError) -> StatusSummary {
        try await call("select * from ls.status_summary()") { rows in
            let row = try rows.one()
            return StatusSummary(
                baseModelCount: try row.decode("base_models"),
                domainCount: try row.decode("domains"),
                rankerCount: try row.decode("rankers"),
                versionCount: try row.decode("versions"),
                championCount: try row.decode("champions"),
                featureSetCount: try row.decode("feature_sets"),
                featureByteCount: try row.decode("feature_bytes"),
                evaluationCount: try row.decode("evaluations"),
                workerCount: try row.decode("workers"),
                connectedWorkerCount: try row.decode("workers_connected"),
                taskCounts: [
                    .blocked: try row.decode("tasks_blocked"),
                    .waiting: try row.decode("tasks_waiting"),
                    .leased: try row.decode("tasks_leased"),
                    .done: try row.decode("tasks_done"),
                    .dead: try row.decode("tasks_dead"),
                    .cancelled: try row.decode("tasks_cancelled"),
                ])
        }
    }
}
