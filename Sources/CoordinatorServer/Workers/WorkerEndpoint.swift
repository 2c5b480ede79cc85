// The port workers connect to, and other coordinators: gRPC over mutual TLS, and nothing else on
// it. A service: it listens until asked to stop, then ends the sessions, which would otherwise last
// for ever.
public import Coordination
import GRPCCore
import GRPCNIOTransportHTTP2Posix
public import Ledger
public import Logging
public import ServiceLifecycle
import WorkerWire

public struct WorkerEndpoint: Service {
    private let hub: DispatchHub
    private let results: ResultIntake
    private let port: GRPCPort
    private let onListening: @Sendable (Int) async -> Void

    /// - Parameter onListening: Told the port once it is open.
    public init(
        host: String, port: Int, certificates: ServerCertificates, hub: DispatchHub,
        ledger: LedgerStore, enrolment: Enrolment, patience: CallPatience = CallPatience(),
        logger: Logger,
        onListening: @escaping @Sendable (Int) async -> Void
    ) throws {
        self.hub = hub
        self.onListening = onListening
        results = ResultIntake(ledger: ledger, hub: hub, logger: logger)
        self.port = GRPCPort(
            for: "workers", host: host, port: port,
            security: try .mTLS(certificateReloader: certificates) {
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
            },
            services: [
                WorkerService(hub: hub, results: results, ledger: ledger, enrolment: enrolment),
                CoordinatorService(hub: hub, logger: logger),
            ],
            interceptors: [
                CallerIdentityInterceptor(ledger: ledger, patience: patience, logger: logger)
            ])
    }

    /// - Throws: `addressInUse` when the port is taken.
    public func run() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            // Until the port is closed: what came before is taken.
            group.addTask { await results.run() }
            defer { group.cancelAll() }
            try await port.run(
                onListening: onListening,
                // The server ends when its sessions have.
                afterShutdown: { await hub.endAllSessions() })
        }
    }
}
