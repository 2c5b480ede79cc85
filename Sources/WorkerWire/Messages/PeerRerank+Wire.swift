// A rerank that one coordinator hands to another, because the worker's session is there.
public import LanguageSystem

public struct PeerRerank: Hashable, Sendable {
    public let worker: WorkerID
    /// Its number means nothing here.
    public let work: RerankWork

    public init(worker: WorkerID, work: RerankWork) {
        self.worker = worker
        self.work = work
    }
}

extension PeerRerank {
    public init(_ message: Languagesystem_V1_PeerRerank) throws(CoordinatorError) {
        guard message.workerID > 0, message.hasWork else {
            throw .malformedOnTheWire(
                "rerank for another coordinator", "it names no worker or no work")
        }
        self.init(worker: WorkerID(message.workerID), work: try RerankWork(message.work))
    }
}

extension Languagesystem_V1_PeerRerank {
    public init(_ rerank: PeerRerank) {
        self.init()
        workerID = rerank.worker.rawValue
        work = Languagesystem_V1_RerankWork(rerank.work)
    }
}
