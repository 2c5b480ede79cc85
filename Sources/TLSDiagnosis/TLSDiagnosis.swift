// Why a TLS connection to a coordinator did not come about, in a sentence. The libraries say that
// they do not trust what they were shown, or that the other side hung up; so it is asked once more,
// sent nothing, and what it shows is looked at. For the words alone: nothing is believed because of
// it.
public import Foundation
public import LanguageSystem
import NIOCore
import NIOPosix
import NIOSSL
import NIOTLS
import PKI

public enum TLSDiagnosis {
    /// How long the other side may take: somebody waits for the words.
    private static let limit: TimeAmount = .seconds(3)
    /// After a handshake, for a server that wants a certificate to say so.
    private static let patience: TimeAmount = .milliseconds(500)

    /// Whether a failure is one that this could say more about.
    public static func concerns(_ cause: String) -> Bool {
        [
            "CERTIFICATE_VERIFY_FAILED", "failedToValidateHostname", "handshakeFailed",
            "BoringSSLError", "remoteConnectionClosed",
        ].contains { cause.contains($0) }
    }

    /// - Parameters:
    ///   - port: Of a server that is spoken to over TLS.
    ///   - rootsPEM: The authorities that are trusted; nil: they are not known yet.
    ///   - address: How the coordinator was named, for the sentence.
    ///   - showsCertificate: Whether the connection that failed had a client's certificate to show.
    /// - Returns: Nil when what it shows is in order, or it cannot be asked.
    public static func fault(
        host: String, port: Int, trusting rootsPEM: String?, address: String,
        showsCertificate: Bool, at now: Date = Date()
    ) async -> LanguageSystemError? {
        guard let sight = await look(at: host, port, waits: !showsCertificate) else { return nil }
        if !sight.speaksTLS { return .speaksNoTLS(address) }
        if let rootsPEM, let chain = ShownChain(der: sight.chain),
            let fault = chain.fault(for: host, trusting: rootsPEM, at: now)
        {
            return .untrusted(address, fault, at: now)
        }
        return sight.asksForCertificate && !showsCertificate ? .asksForCertificate(address) : nil
    }

    struct Sight: Sendable {
        /// In DER, the server's own first.
        var chain: [[UInt8]] = []
        var asksForCertificate = false
        /// False when it answered with something else.
        var speaksTLS = true
    }

    private static func look(at host: String, _ port: Int, waits: Bool) async -> Sight? {
        var tls = TLSConfiguration.makeClientConfiguration()
        // The workers' port takes nothing else.
        tls.applicationProtocols = ["h2", "http/1.1"]
        guard let context = try? NIOSSLContext(configuration: tls) else { return nil }
        let name = HostAddress.bytes(of: host) == nil ? host : nil
        let looking = MultiThreadedEventLoopGroup.singleton.next().makePromise(of: Sight.self)
        let bootstrap = ClientBootstrap(group: looking.futureResult.eventLoop)
            .connectTimeout(limit)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let look = Look(looking, waits: waits ? patience : nil)
                    let bound = NIOLoopBound(look, eventLoop: channel.eventLoop)
                    try channel.pipeline.syncOperations.addHandlers([
                        try NIOSSLClientHandler(
                            context: context, serverHostname: name,
                            customVerificationCallback: { chain, verified in
                                bound.value.sight.chain = chain.compactMap {
                                    try? $0.toDERBytes()
                                }
                                verified.succeed(.certificateVerified)
                            }),
                        look,
                    ])
                }
            }
        guard let channel = try? await bootstrap.connect(host: host, port: port).get() else {
            looking.fail(ChannelError.connectTimeout(limit))
            return nil
        }
        let end = channel.eventLoop.scheduleTask(in: limit) { channel.close(promise: nil) }
        defer { end.cancel() }
        let sight = try? await looking.futureResult.get()
        channel.close(promise: nil)
        return sight
    }
}

/// Hears what a server shows and what it then says.
private final class Look: ChannelInboundHandler {
    typealias InboundIn = NIOAny

    var sight = TLSDiagnosis.Sight()
    private let looking: EventLoopPromise<TLSDiagnosis.Sight>
    private let waits: TimeAmount?

    init(_ looking: EventLoopPromise<TLSDiagnosis.Sight>, waits: TimeAmount?) {
        self.looking = looking
        self.waits = waits
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .handshakeCompleted? = event as? TLSUserEvent {
            if let waits {
                context.eventLoop.assumeIsolated().scheduleTask(in: waits) { [self] in
                    looking.succeed(sight)
                }
            } else {
                looking.succeed(sight)
            }
        }
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if "\(error)".contains("CERTIFICATE_REQUIRED") { sight.asksForCertificate = true }
        // The first bytes are no record of TLS, but HTTP's or another protocol's.
        if "\(error)".contains("WRONG_VERSION_NUMBER") { sight.speaksTLS = false }
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        looking.succeed(sight)
        context.fireChannelInactive()
    }
}
