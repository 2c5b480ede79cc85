// Which coordinators run, where they reach each other, and which workers are connected to which.
public import LanguageSystem
import PostgresAccess

/// Another coordinator that is running.
public struct RunningCoordinator: Sendable, Hashable {
    /// The coordinator's name: its machine, process and a random part.
    public let name: String
    /// The address `host:port` at which it accepts reranks for its workers.
    public let address: String
    /// The workers that are connected to it.
    public let workers: [WorkerID]

    public init(name: String, address: String, workers: [WorkerID]) {
        self.name = name
        self.address = address
        self.workers = workers
    }
}

extension LedgerStore {
    /// Records a sign of life of a coordinator, and the address at which others reach it.
    ///
    /// - Returns: The other coordinators that were seen within the last ten seconds.
    public func coordinatorSeen(_ name: String, at address: String)
        async throws(LanguageSystemError)
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

    /// Removes a coordinator that stops from the list.
    ///
    /// - Returns: Whether it was known.
    @discardableResult
    public func coordinatorLeft(_ name: String) async throws(LanguageSystemError) -> Bool {
        try await call("select ls.coordinator_left($1)", name) { try $0.one().decode() }
    }
}
