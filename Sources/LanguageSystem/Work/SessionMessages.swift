// All that worker and coordinator say to each other on a session.

/// A message from the worker to the coordinator.
public enum WorkerEvent: Hashable, Sendable {
    case hello(WorkerHello)
    case heartbeat([LeaseProgress])
    case inventory([Digest])
    case draining
    case localData(LocalData)
    /// Whether the worker takes tasks now; outside of its owner's hours it does not.
    case availability(takesTasks: Bool)
    case reranked(EdgeRerankReply)
}

/// A message from the coordinator to the worker.
public enum CoordinatorCommand: Hashable, Sendable {
    case welcome(workerName: String, coordinatorVersion: String, heartbeatInterval: Duration)
    case begin(TaskLease)
    /// The answer to a heartbeat, or a cancellation at any time. The worker stops the named leases;
    /// all others last for `leaseDuration` from now.
    case stop(lost: [LeaseToken], cancelled: [LeaseToken], leaseDuration: Duration)
    /// The offered feature sets that the coordinator refuses.
    case refuse([DataRefusal])
    /// The worker should fetch these blobs, which waiting tasks need.
    case prefetch([BlobReference])
    case rerank(EdgeRerankOrder)
}
