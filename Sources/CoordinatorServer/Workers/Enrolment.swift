// Lets workers in: a single-use token becomes a certificate, a certificate a fresh one. The ledger
// decides whether a token is good; the authority checks the request and signs; here they meet.
public import Coordination
import LanguageSystem
public import Ledger
public import Logging
public import PKI
public import WorkerWire

public struct Enrolment: Sendable {
    private let authority: CertificateAuthority
    private let ledger: LedgerStore
    private let workerPort: @Sendable () async -> Int
    private let logger: Logger

    /// - Parameter workerPort: Where workers will find the gRPC port.
    public init(
        authority: CertificateAuthority, ledger: LedgerStore, logger: Logger,
        workerPort: @escaping @Sendable () async -> Int
    ) {
        self.authority = authority
        self.ledger = ledger
        self.workerPort = workerPort
        self.logger = logger
    }

    /// Holds two authorities while the key is rotated: a joiner takes the one that its token pins.
    var authoritiesPEM: String { authority.trustedPEM }

    /// A join whose reply was lost can be repeated with the same key.
    ///
    /// - Throws: `tokenRefused`; `identityRefused` when the certificate request is not acceptable.
    public func join(_ request: JoinRequest) async throws -> JoinReply {
        let asked = try authority.check(certificateRequest: request.certificateRequest)
        let enrolled = try await ledger.redeemJoinToken(
            id: request.id, secret: request.secret, publicKeySHA256: asked.publicKeySHA256,
            workerName: request.name)
        let worker = Worker(id: enrolled.id, name: enrolled.name)
        let chain = try await issue(asked, to: worker)
        logger.notice("worker joined", metadata: ["worker": "\(worker.name)"])
        return JoinReply(
            worker: worker.name, certificateChain: chain, workerPort: await workerPort())
    }

    /// Gives a fresh certificate to a worker whose last one ran out not long ago.
    ///
    /// The request is signed with the worker's key: nothing else could show who asks.
    ///
    /// - Throws: `identityRefused` for another key than the one it joined with, or too late.
    public func recover(_ request: RecoverRequest) async throws -> JoinReply {
        let asked = try authority.check(certificateRequest: [UInt8](request.certificateRequest))
        let id = try await ledger.recoverWorker(
            request.name, publicKeySHA256: asked.publicKeySHA256)
        let worker = Worker(id: id, name: request.name)
        let chain = try await issue(asked, to: worker)
        logger.notice("worker's certificate renewed late", metadata: ["worker": "\(worker.name)"])
        return JoinReply(
            worker: worker.name, certificateChain: chain, workerPort: await workerPort())
    }

    /// Gives a fresh certificate to a worker that TLS has already verified, for the key that it
    /// joined with: whoever got hold of one certificate for a day must not have one of their own
    /// for ever. So it may be asked for again when a reply was lost.
    ///
    /// - Throws: `identityRefused` for another key, or a request that is not acceptable.
    public func renew(_ worker: Worker, certificateRequest: [UInt8]) async throws -> String {
        let asked = try authority.check(certificateRequest: certificateRequest)
        return try await issue(asked, to: worker)
    }

    private func issue(_ asked: CheckedCertificateRequest, to worker: Worker) async throws -> String
    {
        let issued = try authority.issueWorkerCertificate(asked, workerName: worker.name)
        // Recorded first: a certificate nobody knows of could never be refused.
        try await ledger.recordCertificate(
            of: worker.id, serial: issued.serial, notBefore: issued.notBefore,
            notAfter: issued.notAfter, issuer: authority.publicKeySHA256,
            key: asked.publicKeySHA256)
        return issued.chainPEM
    }
}
