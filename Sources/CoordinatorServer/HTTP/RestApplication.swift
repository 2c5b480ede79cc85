// The HTTPS surface: rerank, what there is to rerank with, joining, health. One function builds the
// application, for `serve` and for tests. It translates and never decides.
import Concurrency
public import Coordination
import Foundation
import Hummingbird
import HummingbirdCore
import HummingbirdTLS
import LanguageSystem
public import Ledger
public import Logging
import NIOCore
import NIOFoundationCompat
import NIOPosix
public import NIOSSL
public import ProgramSupport
import WorkerWire

public struct RestSettings: Sendable {
    static let serverName = "lscoord"

    public var host: String
    public var port: Int
    public var tls: TLSConfiguration
    /// A request's body may have this many bytes; one more is refused with 413.
    public var bodyByteCountMax: Int
    /// So many rerank requests may be under way; one more is refused with 429.
    public var inFlightMax: Int
    /// Bodies under way and answers that were not taken may hold so many bytes; a body that would
    /// go beyond is refused with 429.
    public var heldByteCountMax: Int
    /// A feature file may have this many bytes; one more is refused with 413.
    public var featureFileByteCountMax: Int
    /// Where feature files are kept while they come, under no name.
    public var uploadDirectory: String
    /// How long a database may take before this coordinator is not ready.
    public var databaseDeadline: Duration
    /// How long this coordinator is not ready, once told to leave, before it stops listening.
    public var drainLead: Duration
    /// How long connections then have to end.
    public var drainDuration: Duration

    public init(
        host: String, port: Int, tls: TLSConfiguration, bodyByteCountMax: Int = 24 << 20,
        inFlightMax: Int = 128, heldByteCountMax: Int = 256 << 20,
        featureFileByteCountMax: Int = 4 << 30, uploadDirectory: String = "/var/tmp",
        databaseDeadline: Duration = .seconds(2),
        drainLead: Duration = .seconds(1), drainDuration: Duration = .seconds(10)
    ) {
        self.host = host
        self.port = port
        self.tls = tls
        self.bodyByteCountMax = bodyByteCountMax
        self.inFlightMax = inFlightMax
        self.heldByteCountMax = heldByteCountMax
        self.featureFileByteCountMax = featureFileByteCountMax
        self.uploadDirectory = uploadDirectory
        self.databaseDeadline = databaseDeadline
        self.drainLead = drainLead
        self.drainDuration = drainDuration
    }
}

/// Builds the HTTPS surface, for `serve` and for tests.
///
/// - Parameter onListening: Told the port once it is open.
public func buildRestApplication(
    _ settings: RestSettings, reranker: Reranker, apiKeys: APIKeyCache, hub: DispatchHub,
    health: DatabaseHealth, metrics: PrometheusMetrics, ledger: LedgerStore, enrolment: Enrolment,
    logger: Logger, onListening: @escaping @Sendable (Int) async -> Void
) throws -> RestService {
    let admission = Admission(
        inFlightMax: settings.inFlightMax, byteCountMax: settings.heldByteCountMax)
    // A revoked key's pins go with it.
    apiKeys.onRead { reranker.keepPins(of: $0) }
    CoordinatorMetrics.read(into: metrics, reranker, hub, health, admission)
    // Balancers ask with HEAD, too.
    let router = Router(context: ServingContext.self, options: .autoGenerateHeadEndpoints)
    router.add(middleware: RequestFrame(admission: admission))
    let routes = RerankRoutes(
        reranker: reranker, apiKeys: apiKeys, admission: admission, ledger: ledger,
        bodyByteCountMax: settings.bodyByteCountMax,
        uploadByteCountMax: settings.featureFileByteCountMax)
    routes.add(to: router)
    FeatureRoutes(
        intake: FeatureIntake(ledger: ledger), apiKeys: apiKeys, admission: admission,
        directory: settings.uploadDirectory, byteCountMax: settings.featureFileByteCountMax
    ).add(to: router)
    CanaryRoute(ledger: ledger, apiKeys: apiKeys, admission: admission).add(to: router)

    router.get(RouterPath(JoinPaths.authority)) { _, _ in
        Response(
            status: .ok, headers: [.contentType: "application/x-pem-file"],
            body: .init(byteBuffer: ByteBuffer(string: enrolment.authoritiesPEM)))
    }
    router.post(RouterPath(JoinPaths.join)) { request, _ in
        let bytes = try await request.body.collect(upTo: JoinPaths.byteCountMax)
        let join = try LanguageSystemError.readingJoin(JoinRequest.self, Data(buffer: bytes))
        return try Response.json(await enrolment.join(join))
    }

    router.post(RouterPath(JoinPaths.recover)) { request, _ in
        let bytes = try await request.body.collect(upTo: JoinPaths.byteCountMax)
        let recover = try LanguageSystemError.readingJoin(RecoverRequest.self, Data(buffer: bytes))
        return try Response.json(await enrolment.recover(recover))
    }

    // Alive: this process answers. Ready: it may be sent requests, and reaches its database.
    for path in RestPaths.live {
        router.get(RouterPath(path)) { _, _ in try Response.json(["status": "ok"]) }
    }
    router.get(RouterPath(RestPaths.ready)) { _, _ in
        guard !admission.isLeaving else { throw LanguageSystemError.draining() }
        try await health.checkAnswering(within: settings.databaseDeadline)
        return try Response.json(["status": "ready"])
    }

    router.get(RouterPath(RestPaths.metrics)) { _, _ in
        Response(
            status: .ok, headers: [.contentType: "text/plain; version=0.0.4; charset=utf-8"],
            body: .init(byteBuffer: ByteBuffer(string: await metrics.render())))
    }

    router.get(RouterPath(RestPaths.description)) { _, _ in
        Response(
            status: .ok, headers: [.contentType: "application/json"],
            body: .init(byteBuffer: ByteBuffer(bytes: PackageResources.openapi_json)))
    }

    let listener = Locked<(any Channel)?>(nil)
    let eventLoops = MultiThreadedEventLoopGroup.singleton
    let application = Application(
        router: router,
        server: HTTPServerBuilder { responder in
            let http = HTTP1Channel(
                responder: responder,
                configuration: .init(
                    // Idle connections are seen to before they get there.
                    additionalChannelHandlers: [HandshakeWatch(surface: "https", logger: logger)],
                    idleTimeout: nil))
            return OnEventLoop(
                try TLSChannel(http, tlsConfiguration: settings.tls), of: eventLoops,
                routes: routes, logger: logger)
        },
        configuration: .init(
            address: .hostname(settings.host, port: settings.port),
            serverName: RestSettings.serverName),
        onServerRunning: { channel in
            listener.withLock { $0 = channel }
            await onListening(channel.localAddress?.port ?? settings.port)
        },
        eventLoopGroupProvider: .shared(eventLoops), logger: logger)
    return RestService(
        application: application, admission: admission, listener: listener,
        drainLead: settings.drainLead, drainDuration: settings.drainDuration, logger: logger)
}

extension LanguageSystemError {
    static func draining() -> Self {
        Self(.unavailable, "cannot take requests: this coordinator is leaving")
    }

    fileprivate static func readingJoin<Body: Decodable>(
        _ type: Body.Type, _ json: Data
    ) throws(LanguageSystemError) -> Body {
        do throws(LanguageSystemError) {
            return try RerankBody.decode(type, json, of: "join request")
        } catch {
            throw Self(
                error.code, error.message, hint: "are lsworker and lscoord of the same version?",
                field: error.field)
        }
    }
}
