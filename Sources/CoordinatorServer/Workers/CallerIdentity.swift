// Who calls is what the verified client certificate says, and nothing in a message can change it.
// It also says which of the two services is the caller's: a worker never gets to the coordinators'
// service, nor a coordinator to the workers'. A worker's calls are checked against the ledger, so
// that a revoked one is refused on its next.
import Coordination
import GRPCCore
import GRPCNIOTransportHTTP2Posix
import LanguageSystem
import Ledger
import Logging
import PKI
import WorkerWire
import X509

/// The worker behind a call takes the place of the transport's own context.
struct CallingWorker: ServerContext.TransportSpecific {
    let worker: Worker
    /// Nil where an older lsworker does not say.
    let process: WorkerProcess?
}

extension ServerContext {
    /// - Precondition: `CallerIdentityInterceptor` ran before.
    var worker: Worker { calling.worker }

    /// - Precondition: `CallerIdentityInterceptor` ran before.
    var process: WorkerProcess? { calling.process }

    private var calling: CallingWorker {
        guard let calling = transportSpecific as? CallingWorker else {
            preconditionFailure("a worker's call reached its handler without an identity")
        }
        return calling
    }
}

/// The coordinator behind a call takes the place of the transport's own context.
struct CallingCoordinator: ServerContext.TransportSpecific {
    let identity: CoordinatorIdentity
}

extension ServerContext {
    /// - Precondition: `CallerIdentityInterceptor` ran before.
    var coordinator: CoordinatorIdentity {
        guard let calling = transportSpecific as? CallingCoordinator else {
            preconditionFailure("a coordinator's call reached its handler without an identity")
        }
        return calling.identity
    }
}

struct CallerIdentityInterceptor: ServerInterceptor {
    let ledger: LedgerStore
    let patience: CallPatience
    let logger: Logger

    func intercept<Input: Sendable, Output: Sendable>(
        request: StreamingServerRequest<Input>, context: ServerContext,
        next:
            @Sendable (StreamingServerRequest<Input>, ServerContext) async throws ->
            StreamingServerResponse<Output>
    ) async throws -> StreamingServerResponse<Output> {
        let isOfCoordinators =
            context.descriptor.service == Languagesystem_V1_CoordinatorService.descriptor
        do {
            guard
                let transport = context.transportSpecific
                    as? HTTP2ServerTransport.Posix.Context,
                let certificate = transport.peerCertificate
            else { throw LanguageSystemError.noClientCertificate() }
            var context = context
            if isOfCoordinators {
                // Of the authority that TLS verified, and recorded nowhere: there is nobody to ask.
                context.transportSpecific = CallingCoordinator(
                    identity: try CoordinatorIdentity(certificate))
            } else {
                let identity = try PeerIdentity(certificate)
                let id = try await ledger.authenticateWorker(
                    identity.workerName, serial: identity.serial)
                context.transportSpecific = CallingWorker(
                    worker: Worker(
                        id: id, name: identity.workerName, serial: identity.serial),
                    process: WorkerProcess(request.metadata))
            }
            var request = request
            let isSession =
                context.descriptor == Languagesystem_V1_WorkerService.Method.Session.descriptor
            request.messages = RPCAsyncSequence(
                wrapping: TimelyMessages(
                    base: request.messages, first: patience.first,
                    next: isSession ? nil : patience.next))
            let response = try await next(request, context)
            return explaining(response, isOfCoordinators, context)
        } catch let error as LanguageSystemError {
            throw refusal(error, isOfCoordinators, context)
        }
    }

    /// What streams an answer runs after us: its refusals would reach the caller without a word.
    private func explaining<Output: Sendable>(
        _ response: StreamingServerResponse<Output>, _ isOfCoordinators: Bool,
        _ context: ServerContext
    ) -> StreamingServerResponse<Output> {
        guard case .success(var contents) = response.accepted else { return response }
        let producer = contents.producer
        contents.producer = { writer in
            do {
                return try await producer(writer)
            } catch let error as LanguageSystemError {
                throw refusal(error, isOfCoordinators, context)
            }
        }
        var response = response
        response.accepted = .success(contents)
        return response
    }

    private func refusal(
        _ error: LanguageSystemError, _ isOfCoordinators: Bool, _ context: ServerContext
    ) -> RPCError {
        if error.code == .identityRefused {
            logger.warning(
                isOfCoordinators ? "coordinator refused" : "worker refused",
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
        return RPCError(error)
    }
}

extension LanguageSystemError {
    static func noClientCertificate() -> Self {
        Self(
            .identityRefused, "cannot serve this caller: found no client certificate",
            hint: "join first: lsworker join --coordinator HOST --token TOKEN")
    }
}
