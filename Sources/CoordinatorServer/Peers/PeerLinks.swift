// The connections to other coordinators: mutual TLS to their workers' port, one for each, opened
// when it is first needed and thrown away when it fails. Each shows a certificate made for it, so
// none has to be renewed in place.
public import Coordination
public import Foundation
import GRPCCore
import GRPCNIOTransportHTTP2Posix
public import LanguageSystem
public import Logging
public import PKI
import WorkerWire

public actor PeerLinks: PeerTransport {
    private struct Link {
        let number: UInt64
        let client: GRPCClient<HTTP2ClientTransport.Posix>
        /// Ends when it is cancelled, or shut down and idle.
        let running: Task<Void, Never>
        /// Of its certificate: at half of it, what comes gets another connection.
        let life: CertificateLife
        var heardAt: ContinuousClock.Instant
    }

    /// A connection on which nothing was heard for so long and a request ran out of time is taken
    /// for dead. gRPC's own pings take half a minute to find that out.
    private static let silence: Duration = .seconds(2)

    private let authority: CertificateAuthority
    private let name: String
    private let logger: Logger
    private let clock = ContinuousClock()
    private let wallClock: @Sendable () -> Date
    private var links: [Peer: Link] = [:]
    private var lastNumber: UInt64 = 0

    /// - Parameters:
    ///   - name: This coordinator's.
    ///   - wallClock: What certificates are compared with.
    public init(
        authority: CertificateAuthority, name: String, logger: Logger,
        wallClock: @escaping @Sendable () -> Date = { Date() }
    ) {
        self.wallClock = wallClock
        self.authority = authority
        self.name = name
        self.logger = logger
    }

    public func rerank(
        by worker: WorkerID, _ work: EdgeRerank, at peer: Peer, within deadline: Duration
    ) async -> PeerAnswer {
        let until = clock.now + deadline
        let link: Link
        do {
            link = try self.link(to: peer)
        } catch {
            logger.warning(
                "cannot reach another coordinator",
                metadata: ["peer": "\(peer.name) at \(peer.address)", "reason": "\(error)"])
            return .lost
        }
        var options = CallOptions.defaults
        options.timeout = deadline
        options.waitForReady = false
        options.maxRequestMessageBytes = WireLimits.sessionMessageByteCountMax
        do {
            let reply = try await Self.call(
                link.client,
                PeerRerank(
                    worker: worker,
                    order: EdgeRerankOrder(number: 0, work, deadline: deadline)), options)
            heard(link, of: peer)
            return .answered(reply.result)
        } catch {
            // Whoever waits counts the same time, and may have been the first to see that it was
            // over.
            if clock.now >= until { return silent(link, of: peer) }
            if Task.isCancelled { return .silent }
            return ended(link, of: peer, error)
        }
    }

    public func keep(only peers: Set<Peer>) {
        for (peer, link) in links where !peers.contains(peer) {
            links[peer] = nil
            link.running.cancel()
        }
    }

    private nonisolated static func call(
        _ client: GRPCClient<HTTP2ClientTransport.Posix>, _ rerank: PeerRerank,
        _ options: CallOptions
    ) async throws -> EdgeRerankReply {
        try EdgeRerankReply(
            try await Languagesystem_V1_CoordinatorService.Client(wrapping: client).rerank(
                Languagesystem_V1_PeerRerank(rerank), options: options))
    }

    private func heard(_ link: Link, of peer: Peer) {
        guard links[peer]?.number == link.number else { return }
        links[peer]?.heardAt = clock.now
    }

    private func silent(_ link: Link, of peer: Peer) -> PeerAnswer {
        if let known = links[peer], known.number == link.number,
            clock.now - known.heardAt > Self.silence
        {
            drop(link, of: peer)
        }
        return .silent
    }

    private func ended(_ link: Link, of peer: Peer, _ error: any Error) -> PeerAnswer {
        let failure =
            (error as? RPCError).map { LanguageSystemError($0) } ?? error as? LanguageSystemError
            ?? LanguageSystemError(.unavailable, "\(error)")
        switch failure.code {
        case .deadlineExceeded: return silent(link, of: peer)
        case .busy: return .answered(.busy)
        // The request's fault, or what cannot be read of the answer.
        case .tooLarge, .invalidArgument, .invalidFeatures: return .answered(.refused(failure))
        default:
            // Of all that were under way on it, the first says so.
            if drop(link, of: peer) {
                logger.warning(
                    "cannot reach another coordinator",
                    metadata: [
                        "peer": "\(peer.name) at \(peer.address)", "reason": "\(failure.message)",
                        "cause": "\(failure.cause ?? "-")",
                    ])
            }
            return .lost
        }
    }

    /// - Returns: Whether it was still in use.
    @discardableResult
    private func drop(_ link: Link, of peer: Peer) -> Bool {
        guard links[peer]?.number == link.number else { return false }
        links[peer] = nil
        link.running.cancel()
        return true
    }

    private func link(to peer: Peer) throws -> Link {
        if let link = links[peer] {
            if link.life.action(at: wallClock(), authority: authority.life) != .reissue {
                return link
            }
            links[peer] = nil
            // What is under way on it ends there.
            link.client.beginGracefulShutdown()
        }
        let certificate = try authority.issueCoordinatorCertificate(name: name, at: wallClock())
        let client = GRPCClient(transport: try transport(to: peer, showing: certificate))
        lastNumber += 1
        let link = Link(
            number: lastNumber, client: client,
            // Not structured: it lasts until it is dropped.
            running: Task { try? await client.runConnections() },
            life: certificate.life, heardAt: clock.now)
        links[peer] = link
        return link
    }

    private func transport(to peer: Peer, showing certificate: CoordinatorCertificate) throws
        -> HTTP2ClientTransport.Posix
    {
        guard let place = try? HostPort(peer.address) else {
            throw LanguageSystemError(
                .invalidArgument, "'\(peer.address.printable(80))' is not host:port")
        }
        let (host, port) = (place.host, place.port)
        if let fault = HostAddress.fault(in: host) {
            throw LanguageSystemError(
                .invalidArgument, "cannot use '\(host.printable(80))': \(fault)",
                hint: "start that coordinator with --peer-address HOST:PORT")
        }
        let target: any ResolvableTarget
        var serverName: String?
        switch HostAddress.bytes(of: host)?.count {
        case 4: target = .ipv4(address: host, port: port)
        case 16: target = .ipv6(address: host, port: port)
        default:
            target = .dns(host: host, port: port)
            // Names the host in TLS; an address is verified as what we connected to.
            serverName = host
        }
        return try HTTP2ClientTransport.Posix(
            target: target,
            transportSecurity: .mTLS(
                certificateChain: certificate.chain.map { .bytes(Array($0.utf8), format: .pem) },
                privateKey: .bytes(Array(certificate.keyPEM.utf8), format: .pem)
            ) {
                $0.trustRoots = .certificates([
                    .bytes(Array(authority.trustedPEM.utf8), format: .pem)
                ])
                $0.serverCertificateVerification = .fullVerification
            },
            config: .defaults {
                $0.http2.authority = serverName
                $0.http2.targetWindowSize = WireLimits.windowByteCount
                $0.http2.maxFrameSize = WireLimits.frameByteCount
                $0.connection.maxIdleTime = nil
                $0.connection.keepalive = .init(
                    time: .seconds(20), timeout: .seconds(10), allowWithoutCalls: false)
                // Whoever asks again after a failure gets another transport.
                $0.backoff = .init(
                    initial: .seconds(1), max: .seconds(5), multiplier: 1.6, jitter: 0.2)
            })
    }
}
