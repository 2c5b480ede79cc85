// The way to the coordinator for everything that is not the session itself: fetching, handing in.
// Calls wait while there is no connection, and are made again when it broke under them. No call
// outlives its connection: the transport forgets one that comes while its connection is being
// ended, and such a call would wait for ever, its lease renewed by the next session.
import Concurrency
import Foundation
import GRPCCore
package import GRPCNIOTransportHTTP2Posix
import LanguageSystem
import PKI
package import WorkerWire

package typealias WorkerClient = Languagesystem_V1_WorkerService.Client<HTTP2ClientTransport.Posix>

/// Calls to the coordinator, over whichever connection there is.
package actor CoordinatorLink {
    package init() {}

    private struct Connection {
        let client: WorkerClient
        let number: UInt64
    }

    private var connection: Connection?
    private var isShutDown = false
    /// Those who wait for a connection.
    private var waiting: [UInt64: AsyncStream<Connection>.Continuation] = [:]
    /// Those who call on the connection that is open, to be told of its end.
    private var calls: [UInt64: AsyncStream<Void>.Continuation] = [:]
    private var lastNumber: UInt64 = 0

    package func open(_ client: WorkerClient) {
        close()
        let connection = Connection(client: client, number: nextNumber())
        self.connection = connection
        for one in waiting.values { one.yield(connection) }
        waiting = [:]
    }

    /// Cancels the calls that are under way: they are made again on the next connection.
    package func close() {
        connection = nil
        for call in calls.values { call.finish() }
        calls = [:]
    }

    /// Closes for good: whoever waits is told, and nobody waits again.
    package func shutDown() {
        isShutDown = true
        close()
        for one in waiting.values { one.finish() }
        waiting = [:]
    }

    /// Makes a call until it is answered. What is worth another try is tried again, for as long as
    /// the caller is not cancelled; our own side's refusals and the coordinator's are thrown.
    package func call<Value: Sendable>(
        _ body: @escaping @Sendable (WorkerClient) async throws -> Value
    ) async throws -> Value {
        var backoff = Backoff.ofCoordinator
        var internalCount = 0
        while true {
            let connection = try await current()
            do {
                return try await whileOpen(connection, body)
            } catch let rpc as RPCError {
                try Task.checkCancellation()
                let error = LanguageSystemError(rpc)
                switch error.code {
                case .unavailable, .deadlineExceeded, .cancelled, .busy: break
                // A broken stream reads like this, too; but a coordinator that fails each time
                // must not be asked for ever.
                case .internal where internalCount < 5: internalCount += 1
                default: throw error
                }
            } catch let error where error is CancellationError || error is RuntimeError {
                try Task.checkCancellation()
                // Its connection ended first: that is how the transport says so.
                if connection.number == self.connection?.number { throw error }
            }
            try await Task.sleep(for: backoff.next())
        }
    }

    /// - Throws: What `body` throws; `CancellationError` when the connection ends first.
    private func whileOpen<Value: Sendable>(
        _ connection: Connection, _ body: @escaping @Sendable (WorkerClient) async throws -> Value
    ) async throws -> Value {
        guard connection.number == self.connection?.number else { throw CancellationError() }
        let (open, call) = AsyncStream.makeStream(of: Void.self)
        let number = nextNumber()
        calls[number] = call
        defer { calls[number] = nil }
        let value = try await withInterruption(by: { for await _ in open {} }) {
            try await body(connection.client)
        }
        guard let value else { throw CancellationError() }
        return value
    }

    private func nextNumber() -> UInt64 {
        lastNumber += 1
        return lastNumber
    }

    private func current() async throws -> Connection {
        if let connection { return connection }
        guard !isShutDown else { throw CancellationError() }
        let (opened, waiter) = AsyncStream.makeStream(of: Connection.self)
        let number = nextNumber()
        waiting[number] = waiter
        defer { waiting[number] = nil }
        for await connection in opened { return connection }
        throw CancellationError()
    }
}

extension Backoff {
    /// How a worker waits before it tries its coordinator again.
    static var ofCoordinator: Backoff { Backoff(first: .milliseconds(250), most: .seconds(5)) }
}

extension WorkerIdentity {
    /// One connection's transport: mutual TLS, the coordinator verified against our authorities
    /// alone.
    ///
    /// - Parameter onTLS: Told which version of TLS was agreed on.
    package func transport(onTLS: (@Sendable (String) -> Void)? = nil) throws
        -> HTTP2ClientTransport.Posix
    {
        let target: any ResolvableTarget
        var authority: String?
        switch HostAddress.bytes(of: endpoint.host)?.count {
        case 4: target = .ipv4(address: endpoint.host, port: endpoint.workerPort)
        case 16: target = .ipv6(address: endpoint.host, port: endpoint.workerPort)
        default:
            target = .dns(host: endpoint.host, port: endpoint.workerPort)
            // Names the host in TLS; an address is verified as what we connected to.
            authority = endpoint.host
        }
        return try HTTP2ClientTransport.Posix(
            target: target,
            transportSecurity: .mTLS(
                certificateChain: [.bytes(Array(chainPEM.utf8), format: .pem)],
                privateKey: .bytes(Array(key.pem.utf8), format: .pem)
            ) {
                $0.trustRoots = .certificates([.bytes(Array(roots.pem.utf8), format: .pem)])
                $0.serverCertificateVerification = .fullVerification
            },
            config: .defaults {
                $0.http2.authority = authority
                $0.http2.targetWindowSize = WireLimits.windowByteCount
                $0.http2.maxFrameSize = WireLimits.frameByteCount
                $0.connection.maxIdleTime = nil
                // A path that went dead behind a NAT is noticed, and kept open while it lives.
                $0.connection.keepalive = .init(
                    time: .seconds(20), timeout: .seconds(10), allowWithoutCalls: true)
                // One try for each transport: waiting in between is ours.
                $0.backoff = .init(
                    initial: .seconds(1), max: .seconds(5), multiplier: 1.6, jitter: 0.2)
                if let onTLS {
                    $0.channelDebuggingCallbacks.onCreateTCPConnection = { channel in
                        TLSVersionProbe.add(to: channel, onTLS)
                    }
                }
            })
    }
}
