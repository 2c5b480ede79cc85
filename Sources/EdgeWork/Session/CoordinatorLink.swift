// The way to the coordinator for everything that is not the session itself: fetching, handing in.
// Calls wait while there is no connection, and are made again when it broke under them.
import Foundation
import GRPCCore
package import GRPCNIOTransportHTTP2Posix
import LanguageSystem
import PKI
package import WorkerWire

package typealias WorkerClient = Languagesystem_V1_WorkerService.Client<HTTP2ClientTransport.Posix>

package actor CoordinatorLink {
    package init() {}

    private var client: WorkerClient?
    private var isShutDown = false
    private var waiting: [UInt64: CheckedContinuation<WorkerClient, any Error>] = [:]
    private var lastWaiter: UInt64 = 0

    package func open(_ client: WorkerClient) {
        self.client = client
        for one in waiting.values { one.resume(returning: client) }
        waiting = [:]
    }

    package func close() { client = nil }

    /// For good: whoever waits is told, and nobody waits again.
    package func shutDown() {
        isShutDown = true
        client = nil
        for one in waiting.values { one.resume(throwing: CancellationError()) }
        waiting = [:]
    }

    /// Makes a call until it is answered. What is worth another try is tried again, for as long as
    /// the caller is not cancelled; our own side's refusals and the coordinator's are thrown.
    package func call<Value: Sendable>(
        _ body: @Sendable (WorkerClient) async throws -> Value
    ) async throws -> Value {
        var backoff = Backoff()
        var internalCount = 0
        while true {
            let client = try await current()
            do {
                return try await body(client)
            } catch let rpc as RPCError {
                try Task.checkCancellation()
                let error = CoordinatorError(rpc)
                switch error.code {
                case .unavailable, .deadlineExceeded, .cancelled, .busy: break
                // A broken stream reads like this, too; but a coordinator that fails each time
                // must not be asked for ever.
                case .internal where internalCount < 5: internalCount += 1
                default: throw error
                }
            }
            try await Task.sleep(for: backoff.next())
        }
    }

    private func current() async throws -> WorkerClient {
        if let client { return client }
        lastWaiter += 1
        let waiter = lastWaiter
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                if Task.isCancelled || isShutDown {
                    continuation.resume(throwing: CancellationError())
                } else {
                    waiting[waiter] = continuation
                }
            }
        } onCancel: {
            // Not structured: the handler is synchronous, and all it does is let go.
            Task { await self.forget(waiter) }
        }
    }

    private func forget(_ waiter: UInt64) {
        waiting.removeValue(forKey: waiter)?.resume(throwing: CancellationError())
    }
}

extension WorkerIdentity {
    /// One connection's transport: mutual TLS, the coordinator verified against our authority alone.
    package func transport() throws -> HTTP2ClientTransport.Posix {
        let target: any ResolvableTarget
        var authority: String?
        switch HostAddress.bytes(of: place.host)?.count {
        case 4: target = .ipv4(address: place.host, port: place.workerPort)
        case 16: target = .ipv6(address: place.host, port: place.workerPort)
        default:
            target = .dns(host: place.host, port: place.workerPort)
            // Names the host in TLS; an address is verified as what we connected to.
            authority = place.host
        }
        return try HTTP2ClientTransport.Posix(
            target: target,
            transportSecurity: .mTLS(
                certificateChain: [.bytes(Array(chainPEM.utf8), format: .pem)],
                privateKey: .bytes(Array(key.pem.utf8), format: .pem)
            ) {
                $0.trustRoots = .certificates([.bytes(Array(authorityPEM.utf8), format: .pem)])
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
            })
    }
}
