// Which coordinators run, where they reach each other, and which workers are connected to which.
public import LanguageSystem
import PostgresAccess

/// Another coordinator that runs.
public struct RunningCoordinator: Sendable, Hashable {
    public let name: String
    /// Where it takes reranks for its workers: `host:port`.
    public let address: String
    /// Those that are connected to it.
    public let workers: [WorkerID]

    public init(name: String, address: String, workers: [WorkerID]) {
        self.name = name
        self.address = address
        self.workers = workers
    }
}

extension LedgerStore {
    /// Says that a coordinator runs and where others reach it.
    ///
    /// - Returns: The others that were seen within the last ten seconds.
    public func coordinatorSeen(_ name: String, at address: String) async throws(CoordinatorError)
        -> [RunningCoordinator]
    {
        try await call("select * from ls.coordinator_seen($1, $2)", name, address) { rows in
            try rows.map {
                RunningCoordinator(
                    name: try $0.decode("coordinator"), address: try $0.decode("address"),
                    workers: try $0.decode("worker_ids"))
            }
        }
    }

    /// Says that a coordinator stops.
    ///
    /// - Returns: Whether it was known.
    @discardableResult
    public func coordinatorLeft(_ name: String) async throws(CoordinatorError) -> Bool {
        try await call("select ls.coordinator_left($1)", name) { try $0.one().decode() }
    }
}
