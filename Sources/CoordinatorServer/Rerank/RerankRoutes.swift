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
    private static let prefetchByteCountMax = 64 << 10

    let reranker: Reranker
    let apiKeys: APIKeyCache
    let admission: Admission
    let ledger: LedgerStore
    let bodyByteCountMax: Int
    /// A feature file may have this many bytes.
    var uploadByteCountMax = 0
    let stages = SurfaceStages()

    func add(to router: Router<ServingContext>) {
        for path in RestPaths.rerank {
            router.post(RouterPath(path)) { try await rerank($0, $1) }
        }
        router.post(RouterPath(RestPaths.batch)) { try await batch($0, $1) }
        router.post(RouterPath(RestPaths.prefetch)) { try await prefetch($0, $1) }
        router.get(RouterPath(RestPaths.models)) { request, context in
            let scope = try await caller(context).scope
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
        let caller = try await caller(context)
        return try await admission.admit {
            let body = try context.head.body(upTo: bodyByteCountMax)
            return try await request.withBytes(of: body, upTo: bodyByteCountMax, admission) {
                let call = try await decoded(body.type, $0, query: request.uri.query ?? "")
                let reply = try await reranker.rerank(call.request, for: caller)
                var response = Response.json(
                    stages.encode(
                        RerankReplyBody(id: context.requestID, reply, as: call.presentation)))
                for (name, value) in reply.headers { response.headers[name] = value }
                return response
            }
        }
    }

    /// Larger bodies take milliseconds to read, and the other connections of a loop must not wait
    /// for that.
    private static let quickByteCountMax = 1 << 20

    static func isQuick(_ body: [UInt8]) -> Bool { body.count <= quickByteCountMax }

    /// Reads the body here, or elsewhere when it takes long.
    func decoded(
        _ type: RerankMediaType, _ body: [UInt8], query: String
    ) async throws -> RerankCall {
        try await Self.whereItMayTakeLong(body) { try stages.decode(type, $0, query: query) }
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

    /// Answers each request by itself, in their order.
    private func batch(_ request: Request, _ context: ServingContext) async throws -> Response {
        let caller = try await caller(context)
        return try await admission.admit {
            let body = try context.head.jsonBody(upTo: bodyByteCountMax)
            return try await request.withBytes(of: body, upTo: bodyByteCountMax, admission) {
                try await answer($0, caller, context)
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
            throw LanguageSystemError.malformedRerank(
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
            let refusal = Refusal(
                LanguageSystemError(answering: error),
                RequestIdentity(id: id, traceParent: caller.traceParent), path: RestPaths.batch)
            // Counted and logged as any other.
            refusal.record(to: logger)
            return refusal.json
        }
    }

    private func prefetch(_ request: Request, _ context: ServingContext) async throws -> Response {
        let caller = try await caller(context)
        return try await admission.admit {
            let head = try context.head.jsonBody(upTo: Self.prefetchByteCountMax)
            let body = try await request.withBytes(
                of: head, upTo: Self.prefetchByteCountMax, admission
            ) { try PrefetchBody.parse(Data($0)) }
            let prefetched = try await reranker.prefetch(
                body.model, user: body.user,
                domain: try RerankCall.domain(body.domain),
                pin: body.pin, for: caller)
            return try Response.json(PrefetchReplyBody(prefetched))
        }
    }

    private func caller(_ context: ServingContext) async throws -> RerankCaller {
        context.head.caller(try await apiKeys.key(context.head.apiKey()))
    }

    /// Whether a request with this head brings a feature file and may: its body is larger than
    /// others', and may take longer.
    func isUpload(_ path: String, _ head: RequestHead) -> Bool {
        guard path == RestPaths.featureSets, let key = try? head.apiKey() else { return false }
        return apiKeys.knownKey(key)?.permissions.contains(.features) == true
    }

    /// What the short way needs of a head. Nil: the head is the router's, which asks for a key that
    /// is not in memory, and says what is wrong with the others.
    func shortHead(_ head: RequestHead) -> (key: KnownKey, body: RequestHead.Body)? {
        do throws(LanguageSystemError) {
            try head.checkTransferEncoding()
            guard let key = apiKeys.knownKey(try head.apiKey()) else { return nil }
            return (key, try head.body(upTo: bodyByteCountMax))
        } catch {
            return nil
        }
    }
}

struct BatchBody: Decodable {
    /// A request that cannot be read is answered by itself, as any other.
    struct Element: Decodable {
        let body: Result<RerankBody, LanguageSystemError>

        init(from decoder: any Decoder) throws {
            do {
                body = .success(try RerankBody(from: decoder))
            } catch {
                body = .failure(LanguageSystemError(decoding: error, of: "rerank request"))
            }
        }
    }

    let requests: [Element]

    static func parse(_ bytes: Data) throws(LanguageSystemError) -> BatchBody {
        try RerankBody.decode(BatchBody.self, bytes, of: "batch")
    }
}

struct PrefetchBody: Decodable {
    let model: String
    let user: String?
    let domain: String?
    let pin: Bool?

    static func parse(_ bytes: Data) throws(LanguageSystemError) -> PrefetchBody {
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
