// PeerRerank to and from its message.
public import LanguageSystem

extension PeerRerank {
    public init(_ message: Languagesystem_V1_PeerRerank) throws(LanguageSystemError) {
        guard message.workerID > 0, message.hasWork else {
            throw .malformedOnTheWire(
                "rerank for another coordinator", "it names no worker or no work")
        }
        self.init(worker: WorkerID(message.workerID), order: try EdgeRerankOrder(message.work))
    }
}

extension Languagesystem_V1_PeerRerank {
    public init(_ rerank: PeerRerank) {
        self.init()
        workerID = rerank.worker.rawValue
        work = Languagesystem_V1_RerankWork(rerank.order)
    }
}
