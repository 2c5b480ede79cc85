// The port workers connect to, and other coordinators: gRPC over mutual TLS, and nothing else on
// it. A service: it listens until asked to stop, then ends the sessions, which would otherwise last
// for ever.
public import Coordination
import GRPCCore
import GRPCNIOTransportHTTP2Posix
public import LanguageSystem
public import Ledger
public import Logging
public import ServiceLifecycle
import WorkerWire

public struct WorkerEndpoint: Service {
    private let hub: DispatchHub
    private let server: GRPCServer<CheckedServerTransport>
    private let transport: HTTP2ServerTransport.Posix
    private let onListening: @Sendable (Int) async -> Void
    private let address: String

    public init(
        host: String, port: Int, certificates: ServerCertificates, hub: DispatchHub,
        ledger: LedgerStore, enrolment: Enrolment, patience: CallPatience = CallPatience(),
        logger: Logger,
        onListening: @escaping @Sendable (Int) async -> Void
    ) throws {
        self.hub = hub
        self.onListening = onListening
        self.address = "\(host):\(port)"
        transport = HTTP2ServerTransport.Posix(
            address: host.contains(":")
                ? .ipv6(host: host, port: port) : .ipv4(host: host, port: port),
            transportSecurity: try .mTLS(certificateReloader: certificates) {
                $0.trustRoots = .certificates([
                    .bytes(Array(certificates.authoritiesPEM.utf8), format: .pem)
                ])
                $0.requireALPN = true
            },
            config: .defaults {
                $0.http2.targetWindowSize = WireLimits.windowByteCount
                $0.http2.maxFrameSize = WireLimits.frameByteCount
                // A session, uploads, downloads: what WorkerBudget lets through and room for
                // refusals.
                $0.http2.maxConcurrentStreams = 64
                // Another coordinator sends what a session carries.
                $0.rpc.maxRequestPayloadSize = WireLimits.sessionMessageByteCountMax
                // A worker behind a vanished NAT entry is noticed, and the entry kept alive.
                $0.connection.keepalive.time = .seconds(20)
                $0.connection.keepalive.timeout = .seconds(10)
                $0.channelDebuggingCallbacks.onAcceptTCPConnection = { channel in
                    HandshakeWatch.add(to: channel, surface: "workers", logger: logger)
                }
            })
        server = GRPCServer(
            transport: CheckedServerTransport(transport: transport),
            services: [
                WorkerService(
                    hub: hub, batcher: EvaluationBatcher(ledger: ledger), ledger: ledger,
                    enrolment: enrolment, logger: logger),
                CoordinatorService(hub: hub, logger: logger),
            ],
            interceptors: [
                CallerIdentityInterceptor(ledger: ledger, patience: patience, logger: logger)
            ])
    }

    /// - Throws: `addressInUse` when the port is taken.
    public func run() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                do {
                    try await withGracefulShutdownHandler {
                        try await server.serveUntilStopped()
                    } onGracefulShutdown: {
                        server.beginGracefulShutdown()
                        // Not structured: the handler is synchronous, and ending sessions is what
                        // lets serve() return.
                        Task { await hub.endAllSessions() }
                    }
                } catch {
                    throw CoordinatorError.cannotListen(address, what: "workers", cause: error)
                }
            }
            group.addTask {
                if let port = try? await transport.listeningAddress.port { await onListening(port) }
            }
            try await group.waitForAll()
        }
    }
}

extension GRPCNIOTransportHTTP2Posix.SocketAddress {
    var port: Int? { ipv4?.port ?? ipv6?.port }
}

extension CoordinatorError {
    /// For any listener that could not open its port.
    public static func cannotListen(_ address: String, what: String, cause: any Error) -> Self {
        let inUse = "\(cause)".lowercased().contains("in use")
        return Self(
            inUse ? .addressInUse : .unavailable,
            inUse
                ? "cannot listen for \(what) on \(address): the port is in use"
                : "cannot listen for \(what) on \(address)",
            hint: inUse ? "stop the other program, or choose another port" : nil, cause: "\(cause)")
    }
}
