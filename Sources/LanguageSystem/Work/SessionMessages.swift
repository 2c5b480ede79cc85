// All that worker and coordinator say to each other on a session.

/// From the worker.
public enum WorkerEvent: Hashable, Sendable {
    case hello(WorkerHello)
    case heartbeat([LeaseProgress])
    case inventory([Digest])
    case draining
    case localData(LocalData)
    /// Outside its owner's hours it takes no tasks.
    case availability(takesTasks: Bool)
    case reranked(EdgeRerankReply)
}

/// From the coordinator.
public enum CoordinatorCommand: Hashable, Sendable {
    case welcome(workerName: String, coordinatorVersion: String, heartbeatInterval: Duration)
    case begin(TaskLease)
    /// The answer to a heartbeat, or an unasked cancellation: stop these; the others are good for
    /// `leaseDuration` from now.
    case stop(lost: [LeaseToken], cancelled: [LeaseToken], leaseDuration: Duration)
    /// Of the feature sets offered those that are not taken.
    case refuse([DataRefusal])
    /// Fetch what tasks that wait will need.
    case prefetch([BlobReference])
    case rerank(EdgeRerankOrder)
}
