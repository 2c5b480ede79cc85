// The port for reranks over gRPC, beside the HTTPS one: TLS with the server's certificate, an API
// key in each call. A service: asked to stop, it takes no new calls and ends when those under way
// are answered.
public import Coordination
import GRPCCore
import GRPCNIOTransportHTTP2Posix
public import Logging
public import ServiceLifecycle

public struct RerankEndpoint: Service {
    private let port: GRPCPort
    private let admission: Admission
    private let drainLead: Duration
    private let onListening: @Sendable (Int) async -> Void

    /// - Parameters:
    ///   - admission: The HTTPS surface's: one bound for both.
    ///   - onListening: Told the port once it is open.
    public init(
        host: String, port: Int, certificates: ServerCertificates,
        settings: RestSettings, reranker: Reranker, apiKeys: APIKeyCache, admission: Admission,
        logger: Logger, onListening: @escaping @Sendable (Int) async -> Void
    ) throws {
        drainLead = settings.drainLead
        self.admission = admission
        self.onListening = onListening
        self.port = GRPCPort(
            for: "gRPC", host: host, port: port,
            security: try .tls(certificateReloader: certificates) {
                $0.requireALPN = true
            },
            config: .defaults {
                $0.rpc.maxRequestPayloadSize = settings.bodyByteCountMax
                // A message is read before it is refused as one too many: a connection holds so
                // many at most.
                $0.http2.maxConcurrentStreams = 64
                $0.connection.maxGraceTime = settings.drainDuration
                $0.connection.keepalive.time = .seconds(60)
                $0.connection.keepalive.timeout = .seconds(10)
                $0.channelDebuggingCallbacks.onAcceptTCPConnection = { channel in
                    HandshakeWatch.add(to: channel, surface: "grpc", logger: logger)
                }
            },
            services: [
                RerankService(
                    reranker: reranker, apiKeys: apiKeys, admission: admission, logger: logger)
            ], interceptors: [RerankGate(apiKeys: apiKeys, logger: logger)])
    }

    /// - Throws: `addressInUse` when the port is taken.
    public func run() async throws {
        try await port.run(
            onListening: onListening,
            beforeShutdown: {
                // This surface is told first, and balancers ask the other one.
                admission.beginLeaving()
                try? await Task.sleep(for: drainLead)
            })
    }
}
