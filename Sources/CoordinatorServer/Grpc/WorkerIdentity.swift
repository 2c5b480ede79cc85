// Who calls is what the verified client certificate says, and nothing in a message can change it.
// Every call is checked against the ledger, so that a revoked worker is refused on its next call.
import Coordination
import GRPCCore
import GRPCNIOTransportHTTP2Posix
import LanguageSystem
import Ledger
import Logging
import PKI
import WorkerWire
import X509

/// The worker behind a call; takes the place of the transport's own context.
struct CallingWorker: ServerContext.TransportSpecific {
    let worker: Worker
}

extension ServerContext {
    /// - Precondition: `WorkerIdentityInterceptor` ran before.
    var worker: Worker {
        guard let calling = transportSpecific as? CallingWorker else {
            preconditionFailure("a worker's call reached its handler without an identity")
        }
        return calling.worker
    }
}

struct WorkerIdentityInterceptor: ServerInterceptor {
    let ledger: LedgerStore
    let logger: Logger

    func intercept<Input: Sendable, Output: Sendable>(
        request: StreamingServerRequest<Input>, context: ServerContext,
        next:
            @Sendable (StreamingServerRequest<Input>, ServerContext) async throws ->
            StreamingServerResponse<Output>
    ) async throws -> StreamingServerResponse<Output> {
        do {
            guard
                let transport = context.transportSpecific
                    as? HTTP2ServerTransport.Posix.Context,
                let certificate = transport.peerCertificate
            else { throw CoordinatorError.noClientCertificate() }
            let identity = try PeerIdentity(certificate)
            let id = try await ledger.authenticateWorker(
                identity.workerName, serial: identity.serial)
            var context = context
            context.transportSpecific = CallingWorker(
                worker: Worker(id: id, name: identity.workerName))
            return try await next(request, context)
        } catch let error as CoordinatorError {
            if error.code == .identityRefused {
                logger.warning(
                    "worker refused",
                    metadata: [
                        "peer": "\(context.remotePeer)", "method": "\(context.descriptor)",
                        "reason": "\(error.message)",
                    ])
            } else if error.code == .internal {
                logger.error(
                    "call failed",
                    metadata: [
                        "method": "\(context.descriptor)", "message": "\(error.message)",
                        "cause": "\(error.cause ?? "-")",
                    ])
            }
            throw RPCError(error)
        }
    }
}

extension CoordinatorError {
    static func noClientCertificate() -> Self {
        Self(
            .identityRefused, "cannot serve this caller: found no client certificate",
            hint: "join first: lsworker join --coordinator HOST --token TOKEN")
    }
}
