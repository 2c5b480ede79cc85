// The calls of applications: rerank, one or many, and prefetch. Who asks is known by the API key;
// what it may ask for and who serves is decided in Coordination.
import Coordination
import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdCore
import LanguageSystem
import Ledger
import Logging

struct RerankRoutes: Sendable {
    static let batchCountMax = 64

    let reranker: Reranker
    let apiKeys: APIKeyCache
    let admission: Admission
    let ledger: LedgerStore
    let bodyByteCountMax: Int
    let stages = SurfaceStages()

    func add(to router: Router<ServingContext>) {
        for path in RestPaths.rerank {
            router.post(RouterPath(path)) { try await rerank($0, $1) }
        }
        router.post(RouterPath(RestPaths.batch)) { try await batch($0, $1) }
        router.post(RouterPath(RestPaths.prefetch)) { try await prefetch($0, $1) }
        router.get(RouterPath(RestPaths.models)) { request, _ in
            let scope = try await key(of: request).scope
            let asked = try ModelQuery(request.uri.queryString(of: "question for models"))
            return try await admission.admitListing {
                try Response.json(
                    ModelList(
                        await ledger.models(
                            for: scope, after: asked.after, upTo: asked.limit)))
            }
        }
    }

    private func rerank(_ request: Request, _ context: ServingContext) async throws -> Response {
        let caller = try await caller(request, context)
        return try await admission.admit {
            let type = try request.mediaType()
            return try await request.withBytes(upTo: bodyByteCountMax, admission) { bytes in
                let call = try await decoded(type, bytes, request.uri)
                let reply = try await reranker.rerank(call.request, for: caller)
                var response = Response.json(
                    stages.encode(
                        RerankReplyBody(id: context.requestID, reply, as: call.presentation)))
                for (name, value) in reply.headers { response.headers[name] = value }
                return response
            }
        }
    }

    /// Bodies of more bytes take milliseconds to read, which the other connections of a loop must
    /// not wait for.
    private static let quickByteCountMax = 1 << 20

    static func isQuick(_ body: [UInt8]) -> Bool { body.count <= quickByteCountMax }

    /// Read here, or elsewhere when it takes long.
    func decoded(
        _ type: RerankMediaType, _ body: [UInt8], _ uri: URI
    ) async throws -> RerankCall {
        try await Self.whereItMayTakeLong(body) { try stages.decode(type, $0, uri) }
    }

    private static func whereItMayTakeLong<Value: Sendable>(
        _ body: [UInt8], _ read: @Sendable ([UInt8]) throws -> Value
    ) async throws -> Value {
        guard !isQuick(body) else { return try read(body) }
        return try await withTaskExecutorPreference(globalConcurrentExecutor) {
            try await elsewhere { try read(body) }
        }
    }

    /// Runs on the executor that whoever calls it prefers, not on the event loop.
    @concurrent private static func elsewhere<Value: Sendable>(
        _ body: @Sendable () throws -> Value
    ) async throws -> Value { try body() }

    /// Each answered by itself, in their order.
    private func batch(_ request: Request, _ context: ServingContext) async throws -> Response {
        let caller = try await caller(request, context)
        return try await admission.admit {
            guard try request.mediaType() == .json else {
                throw CoordinatorError.wrongMediaType("safetensors", expected: "application/json")
            }
            return try await request.withBytes(upTo: bodyByteCountMax, admission) { bytes in
                try await answer(bytes, caller, context)
            }
        }
    }

    private func answer(
        _ bytes: [UInt8], _ caller: RerankCaller, _ context: ServingContext
    ) async throws -> Response {
        let calls = try await Self.whereItMayTakeLong(bytes) { bytes in
            try BatchBody.parse(Data(bytes))
        }.requests
        guard (1...Self.batchCountMax).contains(calls.count) else {
            throw CoordinatorError.malformedRerank(
                "found \(calls.count) requests, expected 1 to \(Self.batchCountMax)",
                field: "requests")
        }
        let replies = try await admission.admitRest(of: calls.count) {
            await withTaskGroup(of: (Int, JSONText).self) { group in
                for (place, body) in calls.enumerated() {
                    // Side by side, not one after the other on this connection's thread.
                    group.addTask(executorPreference: globalConcurrentExecutor) {
                        (place, await answer(body, place, caller, context.logger))
                    }
                }
                var replies = [JSONText](repeating: JSONText(), count: calls.count)
                for await (place, reply) in group { replies[place] = reply }
                return replies
            }
        }
        var json = JSONText()
        json.raw(#"{"id":"#)
        json.string(context.requestID)
        json.raw(#","responses":["#)
        for (place, reply) in replies.enumerated() {
            if place > 0 { json.raw(",") }
            json.raw(reply)
        }
        json.raw("]}")
        return Response.json(json)
    }

    private func answer(
        _ body: BatchBody.Element, _ place: Int, _ caller: RerankCaller, _ logger: Logger
    ) async -> JSONText {
        let caller = caller.part(place)
        let id = caller.requestID
        do {
            let call = try body.body.get().call()
            let reply = try await reranker.rerank(call.request, for: caller)
            return RerankReplyBody(id: id, reply, as: call.presentation).json
        } catch {
            // Counted and logged as any other.
            return Refusal(
                CoordinatorError(answering: error),
                RequestIdentity(id: id, traceParent: caller.traceParent), path: RestPaths.batch,
                logger
            ).json
        }
    }

    private func prefetch(_ request: Request, _ context: ServingContext) async throws -> Response {
        let caller = try await caller(request, context)
        guard try request.mediaType() == .json else {
            throw CoordinatorError.wrongMediaType("safetensors", expected: "application/json")
        }
        return try await admission.admit {
            let body = try await request.withBytes(upTo: 64 << 10, admission) {
                try PrefetchBody.parse(Data($0))
            }
            let prefetched = try await reranker.prefetch(
                body.model, user: body.user,
                domain: try RerankCall.domain(body.domain),
                pin: body.pin, for: caller)
            return try Response.json(PrefetchReplyBody(prefetched))
        }
    }

    private func caller(_ request: Request, _ context: ServingContext) async throws -> RerankCaller
    {
        RerankCaller(
            requestID: context.requestID, key: try await key(of: request),
            keepsDecision: request.headers[.keep] == "true", traceParent: context.traceParent)
    }

    /// - Throws: `keyRefused`.
    private func key(of request: Request) async throws -> KnownKey {
        guard let key = Self.bearer(request.headers[.authorization]) else {
            throw CoordinatorError.keyRefused()
        }
        return try await apiKeys.key(key)
    }

    static func bearer(_ authorization: String?) -> Substring? {
        guard let text = authorization, text.utf8.count <= 512,
            text.utf8.prefix(7).elementsEqual(Self.scheme, by: { $0 | 0x20 == $1 })
        else { return nil }
        return text.dropFirst(7)
    }

    /// In lower case; a space stays one with the bit of lower case set.
    private static let scheme = Array("bearer ".utf8)
}

struct BatchBody: Decodable {
    /// One that cannot be read is answered by itself, as any other.
    struct Element: Decodable {
        let body: Result<RerankBody, CoordinatorError>

        init(from decoder: any Decoder) throws {
            do {
                body = .success(try RerankBody(from: decoder))
            } catch {
                body = .failure(CoordinatorError(decoding: error, of: "rerank request"))
            }
        }
    }

    let requests: [Element]

    static func parse(_ bytes: Data) throws(CoordinatorError) -> BatchBody {
        try RerankBody.decode(BatchBody.self, bytes, of: "batch")
    }
}

struct PrefetchBody: Decodable {
    let model: String
    let user: String?
    let domain: String?
    let pin: Bool?

    static func parse(_ bytes: Data) throws(CoordinatorError) -> PrefetchBody {
        try RerankBody.decode(PrefetchBody.self, bytes, of: "prefetch request")
    }
}

struct PrefetchReplyBody: Encodable {
    let model: String
    let ranker: String
    let version: Int
    let digest: String
    let was_cached: Bool
    let pinned: Bool

    init(_ prefetched: Reranker.Prefetched) {
        let route = prefetched.route
        model = "\(route.rankerName)@\(route.versionNumber)"
        ranker = route.rankerName
        version = route.versionNumber
        digest = route.digest.description
        was_cached = prefetched.wasCached
        pinned = prefetched.isPinned
    }
}
