// The HTTPS surface: rerank, what there is to rerank with, joining, health. One function builds the
// application, for `serve` and for tests. It translates and never decides.
public import Coordination
import Foundation
public import Hummingbird
import HummingbirdTLS
import LanguageSystem
public import Ledger
public import Logging
import NIOCore
import NIOFoundationCompat
public import NIOSSL
import WorkerWire

public struct RestSettings: Sendable {
    public var host: String
    public var port: Int
    public var tls: TLSConfiguration
    /// A request's body may have this many bytes; one more is refused with 413.
    public var bodyByteCountMax: Int

    public init(host: String, port: Int, tls: TLSConfiguration, bodyByteCountMax: Int = 24 << 20) {
        self.host = host
        self.port = port
        self.tls = tls
        self.bodyByteCountMax = bodyByteCountMax
    }
}

/// - Parameter onListening: told the port once it is open.
public func buildRestApplication(
    _ settings: RestSettings, reranker: Reranker, ledger: LedgerStore, enrolment: Enrolment,
    logger: Logger, onListening: @escaping @Sendable (Int) async -> Void
) throws -> some ApplicationProtocol {
    let router = Router(context: BasicRequestContext.self)
    router.add(middleware: ErrorAnswer())

    for path: RouterPath in ["/v1/rerank", "/rerank", "/v2/rerank"] {
        router.post(path) { request, context in
            let type = try RerankMediaType(request)
            let bytes = try await request.bytes(upTo: settings.bodyByteCountMax)
            let call =
                switch type {
                case .json: try RerankBody.parse(Data(bytes)).call()
                case .safetensors:
                    try RerankSafetensors.call(bytes, request.uri.queryParameters)
                }
            let reply = try await reranker.rerank(call.request)
            var response = Response.json(
                RerankReplyBody(id: "\(context.id)", reply, as: call.presentation))
            response.headers.append(reply)
            return response
        }
    }
    router.get("/v1/models") { _, _ in
        Response.json(ModelList(try await ledger.rankers()))
    }

    router.get(RouterPath(JoinPaths.authority)) { _, _ in
        Response(
            status: .ok, headers: [.contentType: "application/x-pem-file"],
            body: .init(byteBuffer: ByteBuffer(string: enrolment.authoritiesPEM)))
    }
    router.post(RouterPath(JoinPaths.join)) { request, _ in
        let bytes = try await request.body.collect(upTo: JoinPaths.byteCountMax)
        guard let join = try? JSONDecoder().decode(JoinRequest.self, from: Data(buffer: bytes))
        else {
            throw CoordinatorError.malformedJoin()
        }
        return Response.json(try await enrolment.join(join))
    }

    router.post(RouterPath(JoinPaths.recover)) { request, _ in
        let bytes = try await request.body.collect(upTo: JoinPaths.byteCountMax)
        guard
            let recover = try? JSONDecoder().decode(RecoverRequest.self, from: Data(buffer: bytes))
        else {
            throw CoordinatorError.malformedJoin()
        }
        return Response.json(try await enrolment.recover(recover))
    }

    // Alive: this process answers. Ready: it can also reach its database.
    for path: RouterPath in ["/health", "/livez"] {
        router.get(path) { _, _ in Response.json(["status": "ok"]) }
    }
    router.get("/readyz") { _, _ in
        _ = try await ledger.statusSummary()
        return Response.json(["status": "ready"])
    }

    return Application(
        router: router,
        server: try .tls(
            .http1(
                configuration: .init(
                    additionalChannelHandlers: [HandshakeWatch(surface: "https", logger: logger)],
                    // Whoever says half a request and no more is not waited for.
                    idleTimeout: .seconds(60))),
            tlsConfiguration: settings.tls),
        configuration: .init(
            address: .hostname(settings.host, port: settings.port), serverName: "lscoord"),
        onServerRunning: { channel in await onListening(channel.localAddress?.port ?? settings.port)
        },
        logger: logger)
}

/// What `GET /v1/models` answers: every ranker that has a champion, in OpenAI's list shape.
struct ModelList: Encodable {
    struct Model: Encodable {
        let id: String
        let object = "model"
        let owned_by: String
        let kind: String
        let champion: Int
    }
    let object = "list"
    let data: [Model]

    init(_ rankers: [RankerStatus]) {
        data = rankers.compactMap { ranker in
            ranker.championNumber.map {
                Model(
                    id: ranker.name, owned_by: ranker.user ?? "system", kind: ranker.kind.rawValue,
                    champion: $0)
            }
        }
    }
}

extension CoordinatorError {
    static func malformedJoin() -> Self {
        Self(
            .invalidArgument,
            "cannot read the join request: it is not the JSON that lsworker sends",
            hint: "are lsworker and lscoord of the same version?")
    }
}
