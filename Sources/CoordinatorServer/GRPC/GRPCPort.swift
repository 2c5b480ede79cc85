// A port of gRPC from its opening to its end, the same for workers and for applications. Cancelling
// a server while a connection or a stream is being opened ends the program: what was accepted and
// not yet taken is dropped, and NIOAsyncWriter insists on being finished. So a cancellation is a
// graceful shutdown first, after which nothing is being opened any more.
import Concurrency
import GRPCCore
import GRPCNIOTransportHTTP2Posix
public import LanguageSystem
import ServiceLifecycle

struct GRPCPort: Sendable {
    /// How long what is under way has to end when the server is cancelled.
    private static let grace: Duration = .seconds(1)

    /// Who calls here, in an error's words.
    private let callers: String
    private let address: String
    private let server: GRPCServer<CheckedServerTransport>
    private let transport: HTTP2ServerTransport.Posix

    init(
        for callers: String, host: String, port: Int,
        security: HTTP2ServerTransport.Posix.TransportSecurity,
        config: HTTP2ServerTransport.Posix.Config, services: [any RegistrableRPCService],
        interceptors: [any ServerInterceptor]
    ) {
        self.callers = callers
        address = "\(host):\(port)"
        transport = HTTP2ServerTransport.Posix(
            address: host.contains(":")
                ? .ipv6(host: host, port: port) : .ipv4(host: host, port: port),
            transportSecurity: security, config: config)
        server = GRPCServer(
            transport: CheckedServerTransport(transport: transport), services: services,
            interceptors: interceptors)
    }

    /// Serves until it is asked to shut down, or cancelled.
    ///
    /// - Parameters:
    ///   - onListening: Told the port once it is open.
    ///   - beforeShutdown: What goes before a graceful shutdown.
    ///   - afterShutdown: What lets the calls end that are under way.
    /// - Throws: `addressInUse` when the port is taken.
    func run(
        onListening: @escaping @Sendable (Int) async -> Void,
        beforeShutdown: @escaping @Sendable () async -> Void = {},
        afterShutdown: @escaping @Sendable () async -> Void = {}
    ) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                if let port = try? await transport.listeningAddress.port { await onListening(port) }
            }
            group.addTask {
                guard (try? await gracefulShutdown()) != nil else { return }
                await beforeShutdown()
                server.beginGracefulShutdown()
                await afterShutdown()
            }
            defer { group.cancelAll() }
            do {
                try await serveUntilStopped()
            } catch {
                throw LanguageSystemError.cannotListen(address, what: callers, cause: error)
            }
        }
    }

    private func serveUntilStopped() async throws {
        let (stops, stop) = AsyncStream.makeStream(of: Void.self)
        // Not structured: its cancellation must come later than ours.
        let serving = Task {
            try await withInterruption {
                for await _ in stops {}
                try await Task.sleep(for: Self.grace)
            } _: {
                try await server.serve()
            }
        }
        try await withTaskCancellationHandler {
            _ = try await serving.value
        } onCancel: {
            server.beginGracefulShutdown()
            stop.finish()
        }
    }
}

extension GRPCNIOTransportHTTP2Posix.SocketAddress {
    fileprivate var port: Int? { ipv4?.port ?? ipv6?.port }
}

extension LanguageSystemError {
    /// Says of any listener that it could not open its port.
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
