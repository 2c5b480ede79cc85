// What other coordinators ask of this one: a rerank by a worker whose session is here. It goes to
// that worker or to nobody; handing it on would be for the one that was asked first.
import Concurrency
import Coordination
import GRPCCore
import LanguageSystem
import Logging
import PKI
import WorkerWire

struct CoordinatorService: Languagesystem_V1_CoordinatorService.SimpleServiceProtocol {
    let hub: DispatchHub
    let logger: Logger

    func rerank(
        request: Languagesystem_V1_PeerRerank, context: ServerContext
    ) async throws -> Languagesystem_V1_RerankScores {
        let peer = context.coordinator
        let asked = try PeerRerank(request)
        // Whoever asked has left: the worker's place is free at once.
        let answer = try await withInterruption(by: { try await context.cancellation.cancelled }) {
            await hub.rerank(on: asked.worker, asked.order.rerank, within: asked.order.deadline)
        }
        guard let answer else {
            throw LanguageSystemError(.cancelled, "cannot rerank: whoever asked has left")
        }
        logger.debug(
            "rerank for another coordinator",
            metadata: ["coordinator": "\(peer.name)", "worker.id": "\(asked.worker)"])
        return Languagesystem_V1_RerankScores(EdgeRerankReply(number: 0, answer))
    }
}
