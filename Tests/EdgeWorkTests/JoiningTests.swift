// Joining over real HTTPS: what is sent to whom, and what is kept.
import Foundation
import Hummingbird
import HummingbirdTLS
import LanguageSystem
import Logging
import NIOCore
import NIOPosix
import NIOSSL
import PKI
import Testing
import WorkerWire

@testable import EdgeWork

/// The HTTPS side of a coordinator: shows an authority, takes joins, remembers them.
actor JoinServer {
    let authority: CertificateAuthority
    /// What GET /v1/ca shows; another one is a man in the middle's.
    let shown: CertificateAuthority
    private(set) var port = 0
    private(set) var joins: [JoinRequest] = []
    var losesNextReply = false
    var refusal: LanguageSystemError?
    private var running: Task<Void, any Error>?

    init(authority: CertificateAuthority, shown: CertificateAuthority? = nil) {
        self.authority = authority
        self.shown = shown ?? authority
    }

    func loseNextReply() { losesNextReply = true }
    func refuse(_ error: LanguageSystemError) { refusal = error }

    /// - Parameter issued: When the server's certificate was made.
    func start(
        serverIssuer: CertificateAuthority? = nil, names: [String] = ["localhost"],
        issued: Date = Date()
    ) async throws {
        let certificate = try (serverIssuer ?? authority).issueServerCertificate(
            names: names, at: issued)
        let router = Router()
        let shownPEM = shown.trustedPEM
        router.get("/v1/ca") { _, _ in shownPEM }
        router.post("/v1/join") { request, _ in
            let bytes = try await request.body.collect(upTo: 1 << 16)
            let join = try JSONDecoder().decode(
                JoinRequest.self, from: Data(bytes.readableBytesView))
            let (status, body) = try await self.answer(join)
            return Response(status: status, body: .init(byteBuffer: ByteBuffer(bytes: body)))
        }
        let tls = TLSConfiguration.makeServerConfiguration(
            certificateChain: try NIOSSLCertificate.fromPEMBytes(
                Array(certificate.chain.joined().utf8)
            ).map { .certificate($0) },
            privateKey: .privateKey(
                try NIOSSLPrivateKey(bytes: Array(certificate.keyPEM.utf8), format: .pem)))
        let (ports, found) = AsyncStream.makeStream(of: Int.self)
        var logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
        logger.logLevel = .critical
        let application = Application(
            router: router, server: try .tls(.http1(), tlsConfiguration: tls),
            configuration: .init(address: .hostname("127.0.0.1", port: 0)),
            onServerRunning: { channel in found.yield(channel.localAddress?.port ?? 0) },
            logger: logger)
        running = Task { try await application.run() }
        for await port in ports {
            self.port = port
            break
        }
    }

    func stop() async {
        running?.cancel()
        _ = await running?.result
    }

    private func answer(_ join: JoinRequest) throws -> (HTTPResponse.Status, Data) {
        joins.append(join)
        if losesNextReply {
            losesNextReply = false
            return (.serviceUnavailable, Data())
        }
        if let refusal {
            let body =
                """
                {\"error\":{\"code\":\"\(refusal.code.rawValue)\",\"message\":\"\
                \(refusal.message)\",\"hint\":\"ask\"}}
                """
            return (.init(code: refusal.code.httpStatus), Data(body.utf8))
        }
        let issued = try authority.issueWorkerCertificate(
            try authority.check(certificateRequest: join.certificateRequest), workerName: "edge-7")
        return (
            .ok,
            try JSONEncoder().encode(
                JoinReply(worker: "edge-7", certificateChain: issued.chainPEM, workerPort: 8444))
        )
    }
}

/// Answers whatever comes with the same bytes and hangs up, as HTTP's servers do.
private final class PlainServer: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let greeting: String

    init(_ greeting: String) { self.greeting = greeting }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: greeting)), promise: nil)
        context.close(promise: nil)
    }
}

/// An authority, and the same after its key was rotated.
func rotatedAuthority(in directory: String) throws -> (
    old: CertificateAuthority, new: CertificateAuthority
) {
    let old = try CertificateAuthority.loadOrCreate(in: directory)
    let next = try CertificateAuthority.prepareRotation(in: directory, from: old.publicKeySHA256)
    let decided = DecidedKeys(present: next.publicKeySHA256, previous: old.publicKeySHA256)
    return (old, try CertificateAuthority.loadOrCreate(in: directory, following: decided))
}

@Suite(.timeLimit(.minutes(20))) struct `Joining a coordinator` {
    static let secret = String(repeating: "5e", count: 32)

    func with(
        authority: CertificateAuthority? = nil, pinned: CertificateAuthority? = nil,
        shown: CertificateAuthority? = nil, serverIssuer: CertificateAuthority? = nil,
        _ body: (JoinServer, Joining, StateDirectory) async throws -> Void
    ) async throws {
        try await withDirectory { directory in
            let authority = try authority ?? CertificateAuthority.ephemeral()
            let server = JoinServer(authority: authority, shown: shown)
            try await server.start(serverIssuer: serverIssuer)
            let joining = Joining(
                address: try CoordinatorAddress("localhost:\(await server.port)"),
                token: try JoinToken(
                    authorityPin: (pinned ?? authority).publicKeySHA256, id: "abc",
                    secret: Self.secret),
                name: "edge",
                logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }))
            do {
                try await body(server, joining, StateDirectory(directory + "/state"))
            } catch {
                await server.stop()
                throw error
            }
            await server.stop()
        }
    }

    @Test func `keeps an identity that later starts use, readable by its owner alone`() async throws
    {
        try await with { server, joining, state in
            #expect(try state.identity() == nil)
            let identity = try await joining.join(state)
            #expect(identity.workerName == "edge-7")
            let loaded = try #require(try state.identity())
            #expect(loaded.workerName == "edge-7")
            #expect(loaded.coordinator == "localhost:8444")
            let join = try #require(await server.joins.first)
            #expect(join.secret == Self.secret)
            #expect(join.name == "edge")
            let mode =
                try FileManager.default.attributesOfItem(atPath: state.keyPath)[.posixPermissions]
                as? Int
            #expect(mode == 0o600)
            let directoryMode =
                try FileManager.default.attributesOfItem(atPath: state.path)[.posixPermissions]
                as? Int
            #expect(directoryMode == 0o700)
        }
    }

    @Test func `takes the authority that its token pins, old or new, and learns both`() async throws
    {
        try await withDirectory { directory in
            let (old, new) = try rotatedAuthority(in: directory + "/ca")
            for pinned in [old, new] {
                try await with(authority: new, pinned: pinned) { server, joining, state in
                    let identity = try await joining.join(state)
                    #expect(identity.roots.pins == [new.publicKeySHA256, old.publicKeySHA256])
                    #expect(try state.identity()?.roots == identity.roots)
                    #expect(await server.joins.count == 1)
                }
            }
        }
    }

    @Test func `sends no secret when the pinned authority is only shown beside another`()
        async throws
    {
        try await withDirectory { directory in
            let (old, new) = try rotatedAuthority(in: directory + "/ca")
            let impostor = try CertificateAuthority.ephemeral()
            try await with(authority: new, pinned: old, serverIssuer: impostor) {
                server, joining, state in
                let error = await #expect(throws: LanguageSystemError.self) {
                    try await joining.join(state)
                }
                #expect(error?.code == .unavailable)
                #expect(await server.joins.isEmpty)
                let kept = try state.identity()
                #expect(kept == nil)
            }
        }
    }

    @Test func `sends no secret to an authority that the token does not pin`() async throws {
        let impostor = try CertificateAuthority.ephemeral()
        try await with(shown: impostor, serverIssuer: impostor) { server, joining, state in
            let error = await #expect(throws: LanguageSystemError.self) {
                try await joining.join(state)
            }
            #expect(error?.code == .identityRefused)
            #expect(error?.message.contains("nothing was sent") == true)
            #expect(await server.joins.isEmpty)
            let kept = try state.identity()
            #expect(kept == nil)
        }
    }

    @Test func `sends no secret to a server that only shows the right authority`() async throws {
        let impostor = try CertificateAuthority.ephemeral()
        try await with(serverIssuer: impostor) { server, joining, state in
            let error = await #expect(throws: LanguageSystemError.self) {
                try await joining.join(state)
            }
            #expect(error?.code == .unavailable)
            #expect(error?.message.contains("its certificate is of another authority") == true)
            #expect(await server.joins.isEmpty)
        }
    }

    @Test(arguments: [
        (-40, ["localhost"], "its certificate ended at "),
        (2, ["localhost"], "its certificate begins at "),
        (
            0, ["elsewhere.example.org", "::1"],
            "its certificate names elsewhere.example.org, ::1, and not this"
        ),
    ])
    func `says what is wrong with the certificate it was shown`(
        days: Double, names: [String], words: String
    ) async throws {
        let day: TimeInterval = 24 * 3600
        let authority = try CertificateAuthority.ephemeral(at: Date() - 50 * day)
        try await withDirectory { directory in
            let server = JoinServer(authority: authority)
            try await server.start(names: names, issued: Date() + days * day)
            let joining = Joining(
                address: try CoordinatorAddress("localhost:\(await server.port)"),
                token: try JoinToken(
                    authorityPin: authority.publicKeySHA256, id: "abc", secret: Self.secret),
                name: "edge",
                logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }))
            let error = await #expect(throws: LanguageSystemError.self) {
                try await joining.join(StateDirectory(directory))
            }
            #expect(error?.code == .unavailable)
            #expect(error?.message.contains(words) == true, "\(error?.message ?? "")")
            if days != 0 {
                #expect(error?.message.contains(", this machine's clock says 20") == true)
            }
            #expect(error?.cause != nil)
            #expect(await server.joins.isEmpty)
            await server.stop()
        }
    }

    @Test func `a join whose reply was lost is repeated with the same key`() async throws {
        try await with { server, joining, state in
            await server.loseNextReply()
            await #expect(throws: LanguageSystemError.self) { try await joining.join(state) }
            #expect(try state.identity() == nil)
            let identity = try await joining.join(state)
            let authority = server.authority
            let keys = try await server.joins.map {
                try authority.check(certificateRequest: $0.certificateRequest).publicKeySHA256
            }
            #expect(keys.count == 2)
            #expect(Set(keys) == [identity.certificate.publicKeySHA256])
        }
    }

    @Test func `passes on what the coordinator says to a bad token`() async throws {
        try await with { server, joining, state in
            await server.refuse(
                LanguageSystemError(.tokenRefused, "cannot join: the token has expired"))
            let error = await #expect(throws: LanguageSystemError.self) {
                try await joining.join(state)
            }
            #expect(
                error
                    == LanguageSystemError(
                        .tokenRefused, "cannot join: the token has expired", hint: "ask"))
        }
    }

    @Test(arguments: ["HTTP/1.1 400 Bad Request\r\n\r\n", "\0\0\u{06}\u{04}\0\0\0\0\0"])
    func `says that a port does not speak TLS`(greeting: String) async throws {
        let server = try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(PlainServer(greeting))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        let port = try #require(server.localAddress?.port)
        try await withDirectory { directory in
            let joining = Joining(
                address: try CoordinatorAddress("127.0.0.1:\(port)"),
                token: try JoinToken(
                    authorityPin: try CertificateAuthority.ephemeral().publicKeySHA256, id: "abc",
                    secret: Self.secret),
                name: "edge",
                logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }))
            let error = await #expect(throws: LanguageSystemError.self) {
                try await joining.join(StateDirectory(directory))
            }
            #expect(error?.code == .invalidSettings)
            let words =
                "cannot use 127.0.0.1:\(port): it does not speak TLS, as every port of lscoord"
            #expect(error?.message == words + " does")
        }
        try await server.close()
    }

    @Test func `says that nobody answers`() async throws {
        try await with { server, joining, state in
            await server.stop()
            let error = await #expect(throws: LanguageSystemError.self) {
                try await joining.join(state)
            }
            #expect(error?.code == .unavailable)
        }
    }

    @Test func `leaves a state directory to one worker at a time`() async throws {
        try await withDirectory { directory in
            let state = StateDirectory(directory)
            #expect(!state.isInUse)
            var lock: StateLock? = try state.lock()
            #expect(state.isInUse)
            let error = #expect(throws: LanguageSystemError.self) { try state.lock() }
            #expect(error?.code == .busy)
            withExtendedLifetime(lock) {}
            lock = nil
            #expect(!state.isInUse)
        }
    }
}
