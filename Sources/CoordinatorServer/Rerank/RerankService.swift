// Reranks over gRPC. The same keys, bounds, ids, refusals and metrics as over HTTPS; who serves is
// decided in Coordination.
import Coordination
import GRPCCore
import HTTPTypes
import LanguageSystem
import Ledger
import Logging
import RerankWire
import SwiftProtobuf
import WorkerWire

struct RerankService: Languagesystem_V1_RerankService.ServiceProtocol {
    private static let path = "languagesystem.v1.RerankService"

    let reranker: Reranker
    let apiKeys: APIKeyCache
    let admission: Admission
    let logger: Logger

    func rerank(
        request: ServerRequest<Languagesystem_V1_RerankRequest>, context: ServerContext
    ) async throws -> ServerResponse<Languagesystem_V1_RerankReply> {
        try await answer(request.metadata, holding: request.message.byteCount) { caller in
            let call = try RerankCall(request.message)
            let reply = try await reranker.rerank(call.request, for: caller)
            return Languagesystem_V1_RerankReply(
                id: caller.requestID, reply, as: call.presentation)
        }
    }

    func rerankBatch(
        request: ServerRequest<Languagesystem_V1_RerankBatchRequest>, context: ServerContext
    ) async throws -> ServerResponse<Languagesystem_V1_RerankBatchReply> {
        let byteCount = request.message.requests.reduce(0) { $0 + $1.byteCount }
        return try await answer(request.metadata, holding: byteCount) { caller in
            let requests = request.message.requests
            guard (1...RerankRoutes.batchCountMax).contains(requests.count) else {
                throw LanguageSystemError.malformedRerank(
                    "found \(requests.count) requests, expected 1 to \(RerankRoutes.batchCountMax)")
            }
            let answers = try await admission.admitRest(of: requests.count) {
                await withTaskGroup(of: (Int, Languagesystem_V1_RerankAnswer).self) { group in
                    for (place, request) in requests.enumerated() {
                        group.addTask { (place, await self.answer(request, place, caller)) }
                    }
                    let none = [Languagesystem_V1_RerankAnswer](
                        repeating: Languagesystem_V1_RerankAnswer(), count: requests.count)
                    return await group.reduce(into: none) { $0[$1.0] = $1.1 }
                }
            }
            return .with {
                $0.id = caller.requestID
                $0.answers = answers
            }
        }
    }

    private func answer(
        _ request: Languagesystem_V1_RerankRequest, _ place: Int, _ caller: RerankCaller
    ) async -> Languagesystem_V1_RerankAnswer {
        let caller = caller.part(place)
        let id = caller.requestID
        do {
            let call = try RerankCall(request)
            let reply = try await reranker.rerank(call.request, for: caller)
            return .with {
                $0.reply = Languagesystem_V1_RerankReply(id: id, reply, as: call.presentation)
            }
        } catch {
            let refusal = Refusal(
                LanguageSystemError(answering: error),
                RequestIdentity(id: id, traceParent: caller.traceParent), path: Self.path)
            // Counted and logged as any other.
            refusal.record(to: logger)
            return .with { $0.failure = Languagesystem_V1_RerankFailure(id: id, refusal.error) }
        }
    }

    func prefetch(
        request: ServerRequest<Languagesystem_V1_PrefetchRequest>, context: ServerContext
    ) async throws -> ServerResponse<Languagesystem_V1_PrefetchReply> {
        try await answer(request.metadata, holding: 0) { caller in
            let message = request.message
            let prefetched = try await reranker.prefetch(
                message.model, user: message.hasUser ? message.user : nil,
                domain: try RerankCall.domain(message.hasDomain ? message.domain : nil),
                pin: message.hasPin ? message.pin : nil, for: caller)
            let route = prefetched.route
            return .with {
                $0.model = "\(route.rankerName)@\(route.versionNumber)"
                $0.ranker = route.rankerName
                $0.version = UInt32(clamping: route.versionNumber)
                $0.digest = route.digest.description
                $0.wasCached = prefetched.wasCached
                $0.pinned = prefetched.isPinned
            }
        }
    }

    /// Finds out who asks and whether there is room, and gives every refusal one form.
    private func answer<Reply: Sendable>(
        _ metadata: Metadata, holding byteCount: Int,
        _ body: (RerankCaller) async throws -> Reply
    ) async throws -> ServerResponse<Reply> {
        let head = RequestHead(metadata)
        do {
            let caller = head.caller(try await apiKeys.key(head.apiKey()))
            let reply = try await admission.admit {
                try admission.hold(byteCount, of: byteCount)
                defer { admission.release(byteCount) }
                return try await body(caller)
            }
            return ServerResponse(message: reply, metadata: Metadata(head.identity))
        } catch {
            throw Self.refusal(error, head.identity, logger)
        }
    }

    /// A refusal is counted and logged as the same one over HTTPS is.
    fileprivate static func refusal(
        _ error: any Error, _ identity: RequestIdentity, _ logger: Logger
    ) -> RPCError {
        let refusal = Refusal(LanguageSystemError(answering: error), identity, path: path)
        refusal.record(to: logger)
        var rpc = RPCError(refusal.error)
        identity.forEachField { rpc.metadata.addString($1, forKey: $0.rawName) }
        return rpc
    }
}

/// Refuses strangers before their message is read.
struct RerankGate: ServerInterceptor {
    let apiKeys: APIKeyCache
    let logger: Logger

    func intercept<Input: Sendable, Output: Sendable>(
        request: StreamingServerRequest<Input>, context: ServerContext,
        next:
            @Sendable (StreamingServerRequest<Input>, ServerContext) async throws ->
            StreamingServerResponse<Output>
    ) async throws -> StreamingServerResponse<Output> {
        let head = RequestHead(request.metadata)
        do {
            _ = try await apiKeys.key(head.apiKey())
        } catch {
            throw RerankService.refusal(error, head.identity, logger)
        }
        return try await next(request, context)
    }
}

extension Languagesystem_V1_RerankRequest {
    /// How many bytes its large part has.
    fileprivate var byteCount: Int { features.data.count }
}

extension Metadata {
    /// What every answer says.
    fileprivate init(_ identity: RequestIdentity) {
        self.init()
        identity.forEachField { addString($1, forKey: $0.rawName) }
    }
}
