// How a machine becomes a worker. The authorities are fetched from whoever answers, and only the
// one with the pin in the token counts (while the authority's key is rotated there are two); only
// then, over a new connection that this authority must vouch for, is the secret sent. Repeating it
// with the same key is harmless: that is what a lost reply calls for.
import AsyncHTTPClient
import Foundation
import LanguageSystem
public import Logging
import NIOCore
import NIOHTTP1
import NIOSSL
public import PKI
import TLSDiagnosis
import WorkerWire

public struct Joining: Sendable {
    private let address: CoordinatorAddress
    private let token: JoinToken
    private let name: String?
    private let logger: Logger

    /// - Parameter name: What the worker would like to be called; the token's name wins.
    public init(address: CoordinatorAddress, token: JoinToken, name: String?, logger: Logger) {
        self.address = address
        self.token = token
        self.name = name
        self.logger = logger
    }

    /// - Returns: The identity, saved in `state`.
    /// - Throws: `identityRefused` for another authority than the token's; `tokenRefused`;
    ///   `unavailable` when nobody answers.
    public func join(_ state: StateDirectory) async throws -> WorkerIdentity {
        try state.prepare()
        let key = try state.keyForJoining()
        let answer = "the coordinator's answer"
        let shown = try TrustedRoots(pem: try await fetchAuthorities(), place: answer)
        guard let pinned = shown.only(token.authorityPin) else {
            throw LanguageSystemError.anotherAuthority(
                address.description, found: shown.pins, expected: token.authorityPin)
        }
        let https = CoordinatorHTTPS(address: address, roots: pinned)
        let request = JoinRequest(
            id: token.id, secret: token.secret, name: name,
            certificateRequest: try key.certificateRequest(name: name ?? "worker"))
        let reply: JoinReply = try await https.post(request, to: JoinPaths.join)
        let identity = try WorkerIdentity(
            endpoint: CoordinatorEndpoint(
                host: address.host, restPort: address.port, workerPort: reply.workerPort),
            // What the pinned authority's server says of authorities is as good as the pin.
            roots: try TrustedRoots(behindLeafOf: reply.certificateChain, place: answer),
            chainPEM: reply.certificateChain, chainPath: answer, key: key)
        guard identity.workerName == reply.worker, (1...65_535).contains(reply.workerPort) else {
            throw LanguageSystemError.contradictoryJoinReply(address.description)
        }
        try state.save(identity)
        logger.notice(
            "joined",
            metadata: [
                "worker": "\(identity.workerName)", "coordinator": "\(address)",
                "certificate.until": "\(identity.certificate.notAfter.formatted(.iso8601))",
            ])
        return identity
    }

    private func fetchAuthorities() async throws -> String {
        String(
            buffer: try await CoordinatorHTTPS(address: address, roots: nil)
                .get(JoinPaths.authority))
    }
}

extension WorkerIdentity {
    /// How a worker whose certificate ran out while it was off comes back, with the key it has.
    ///
    /// - Returns: The same worker with a fresh certificate, saved in `state`.
    /// - Throws: `identityRefused` when the coordinator will not have it; `unavailable` when nobody
    ///   answers.
    public func recovered(savedIn state: StateDirectory) async throws -> WorkerIdentity {
        let https = CoordinatorHTTPS(
            address: try CoordinatorAddress(host: endpoint.host, port: endpoint.restPort),
            roots: roots)
        let request = RecoverRequest(
            name: workerName, certificateRequest: try key.certificateRequest(name: workerName))
        let reply: JoinReply = try await https.post(request, to: JoinPaths.recover)
        let renewed = try renewed(chainPEM: reply.certificateChain)
        try state.save(renewed)
        return renewed
    }
}

/// The coordinator's HTTPS port, as a worker without a certificate speaks to it.
private struct CoordinatorHTTPS: Sendable {
    let address: CoordinatorAddress
    /// Who may be there; nil: anybody. What such a request brings is compared with a pin.
    let roots: TrustedRoots?
    private let timeout: TimeAmount = .seconds(15)

    init(address: CoordinatorAddress, roots: TrustedRoots?) {
        self.address = address
        self.roots = roots
    }

    func get(_ path: String) async throws -> ByteBuffer {
        try await answer(to: HTTPClientRequest(url: address.url + path))
    }

    func post<Reply: Decodable>(_ body: some Encodable, to path: String) async throws -> Reply {
        var request = HTTPClientRequest(url: address.url + path)
        request.method = .POST
        request.headers.add(name: "content-type", value: "application/json")
        request.body = .bytes(ByteBuffer(bytes: try JSONEncoder().encode(body)))
        let answer = try await answer(to: request)
        guard
            let reply = try? JSONDecoder().decode(
                Reply.self, from: Data(answer.readableBytesView))
        else { throw LanguageSystemError.unreadableAnswer(address.description) }
        return reply
    }

    private func answer(to request: HTTPClientRequest) async throws -> ByteBuffer {
        var tls = TLSConfiguration.makeClientConfiguration()
        if let roots {
            tls.certificateVerification = .fullVerification
            tls.trustRoots = .certificates(
                try NIOSSLCertificate.fromPEMBytes(Array(roots.pem.utf8)))
        } else {
            tls.certificateVerification = .none
        }
        var configuration = HTTPClient.Configuration(
            tlsConfiguration: tls, redirectConfiguration: .disallow)
        configuration.timeout.connect = timeout
        // Trying again is the caller's decision.
        configuration.connectionPool.retryConnectionEstablishment = false
        let client = HTTPClient(
            eventLoopGroupProvider: .singleton, configuration: configuration)
        do {
            let response = try await client.execute(request, timeout: timeout)
            let body = try await response.body.collect(upTo: JoinPaths.byteCountMax)
            try await client.shutdown()
            guard response.status == .ok else { throw refusal(response.status.code, body) }
            return body
        } catch let error as LanguageSystemError {
            throw error
        } catch {
            try? await client.shutdown()
            throw await explained(.noAnswer(address.description, cause: error))
        }
    }

    private func explained(_ failure: LanguageSystemError) async -> LanguageSystemError {
        guard let cause = failure.cause, TLSDiagnosis.concerns(cause) else { return failure }
        let fault = await TLSDiagnosis.fault(
            host: address.host, port: address.port, trusting: roots?.pem,
            address: address.description, showsCertificate: false)
        return fault?.caused(by: cause) ?? failure
    }

    private func refusal(_ status: UInt, _ body: ByteBuffer) -> LanguageSystemError {
        guard
            let refusal = try? JSONDecoder().decode(
                RefusalBody.self, from: Data(body.readableBytesView)),
            let code = ErrorCode(rawValue: refusal.error.code)
        else { return .unexpectedStatus(address.description, status) }
        return LanguageSystemError(
            code, WireLimits.line(refusal.error.message),
            hint: refusal.error.hint.map(WireLimits.line))
    }
}
