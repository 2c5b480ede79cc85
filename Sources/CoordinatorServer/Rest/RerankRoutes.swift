// The calls of applications: rerank, one or many, and prefetch. Who asks is known by the API key; what it may ask for
// and who serves is decided in Coordination.
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
    let keyring: Keyring
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
            let scope = try await scope(of: request)
            return try Response.json(ModelList(await ledger.rankers(), for: scope))
        }
    }

    private func rerank(_ request: Request, _ context: ServingContext) async throws -> Response {
        let caller = try await caller(request, context)
        return try await admission.admit {
            let type = try request.mediaType()
            let bytes = try await request.bytes(upTo: bodyByteCountMax)
            let call = try await decoded(type, bytes, request.uri)
            let reply = try await reranker.rerank(call.request, for: caller)
            var response = Response.json(
                stages.encode(
                    RerankReplyBody(id: context.requestID, reply, as: call.presentation)))
            for (name, value) in reply.headers { response.headers[name] = value }
            return response
        }
    }

    /// Bodies of more bytes take milliseconds to read, which the other connections of a loop must not wait for.
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
            let bytes = try await request.bytes(upTo: bodyByteCountMax)
            let calls = try await Self.whereItMayTakeLong(bytes) { bytes in
                try BatchBody.parse(Data(bytes))
            }.requests
            guard (1...Self.batchCountMax).contains(calls.count) else {
                throw CoordinatorError.malformedRerank(
                    "found \(calls.count) requests, expected 1 to \(Self.batchCountMax)")
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
    }

    private func answer(
        _ body: BatchBody.Element, _ place: Int, _ caller: RerankCaller, _ logger: Logger
    ) async -> JSONText {
        let id = "\(caller.requestID).\(place)"
        let caller = RerankCaller(
            requestID: id, scope: caller.scope, keepsDecision: caller.keepsDecision,
            traceParent: caller.traceParent)
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
        let scope = try await scope(of: request)
        guard try request.mediaType() == .json else {
            throw CoordinatorError.wrongMediaType("safetensors", expected: "application/json")
        }
        return try await admission.admit {
            let bytes = try await request.bytes(upTo: 64 << 10)
            let body = try PrefetchBody.parse(Data(bytes))
            let prefetched = try await reranker.prefetch(
                body.model, user: body.user,
                domain: try body.domain.map { name throws(CoordinatorError) in
                    try DomainName(name)
                },
                pin: body.pin, for: scope)
            return try Response.json(PrefetchReplyBody(prefetched))
        }
    }

    private func caller(_ request: Request, _ context: ServingContext) async throws -> RerankCaller
    {
        RerankCaller(
            requestID: context.requestID, scope: try await scope(of: request),
            keepsDecision: request.headers[.keep] == "true", traceParent: context.traceParent)
    }

    /// - Throws: `keyRefused`.
    private func scope(of request: Request) async throws -> KeyScope {
        guard let key = Self.bearer(request.headers[.authorization]) else {
            throw CoordinatorError.keyRefused()
        }
        return try await keyring.scope(of: key).1
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

/// What `GET /v1/models` answers, in OpenAI's list shape: the base models, and every ranker that has a champion.
struct ModelList: Encodable {
    struct Model: Encodable {
        let id: String
        let object = "model"
        let owned_by: String
        let kind: String?
        let champion: Int?
    }
    let object = "list"
    let data: [Model]

    /// Only what the key may see.
    init(_ rankers: [RankerStatus], for scope: KeyScope) {
        let seen = rankers.filter { ranker in
            ranker.championNumber != nil && scope.permits(baseModel: ranker.baseModel)
                && ranker.user.map(scope.permits(user:)) ?? true
                && ranker.domain.map(scope.permits(domain:)) ?? true
        }
        let baseModels = Set(seen.map(\.baseModel)).sorted().map {
            Model(id: $0, owned_by: "system", kind: nil, champion: nil)
        }
        data =
            baseModels
            + seen.map {
                Model(
                    id: $0.name, owned_by: $0.user ?? "system", kind: $0.kind.rawValue,
                    champion: $0.championNumber)
            }
    }
}
