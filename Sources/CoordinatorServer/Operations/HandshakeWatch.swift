// What TLS does not say by itself: why a handshake was refused, and that one never came to its end.
// One of these sits behind the TLS handler of each connection until the handshake is done.
import Logging
import NIOCore
import NIOSSL
import NIOTLS

/// Ends a connection whose handshake is not done in time, and logs once why one was refused.
final class HandshakeWatch: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = NIOAny

    /// A slow line takes two seconds; whoever takes longer holds connections open.
    static let timeLimit: TimeAmount = .seconds(10)

    private let surface: String
    private let logger: Logger
    private var deadline: Scheduled<Void>?
    private var isReported = false

    /// - Parameter surface: Which port this is, for the log.
    init(surface: String, logger: Logger) {
        self.surface = surface
        self.logger = logger
    }

    /// Puts a watch behind the TLS handler of `channel`, which is being set up.
    static func add(to channel: any Channel, surface: String, logger: Logger)
        -> EventLoopFuture<Void>
    {
        channel.eventLoop.makeCompletedFuture {
            let pipeline = channel.pipeline.syncOperations
            let tls = try pipeline.handler(type: NIOSSLServerHandler.self)
            try pipeline.addHandler(
                HandshakeWatch(surface: surface, logger: logger), position: .after(tls))
        }
    }

    func handlerAdded(context: ChannelHandlerContext) {
        deadline = context.eventLoop.assumeIsolated().scheduleTask(in: Self.timeLimit) {
            [self] in
            let seconds = Self.timeLimit.nanoseconds / 1_000_000_000
            report("no TLS handshake within \(seconds) s", context)
            context.close(promise: nil)
        }
    }

    func handlerRemoved(context: ChannelHandlerContext) { deadline?.cancel() }

    func channelInactive(context: ChannelHandlerContext) {
        deadline?.cancel()
        context.fireChannelInactive()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        context.fireUserInboundEventTriggered(event)
        guard case .handshakeCompleted? = event as? TLSUserEvent else { return }
        let version = try? context.channel.pipeline.syncOperations.nioSSL_tlsVersion()
        logger.debug(
            "TLS connection",
            metadata: [
                "surface": "\(surface)", "peer": Self.peer(context),
                "tls.version": "\(version.map { "\($0)" } ?? "unknown")",
            ])
        context.pipeline.syncOperations.removeHandler(self, promise: nil)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        report(Self.reason(error), context)
        context.fireErrorCaught(error)
    }

    /// The first reason is the reason; closing brings others.
    private func report(_ reason: String, _ context: ChannelHandlerContext) {
        guard !isReported else { return }
        isReported = true
        logger.notice(
            "TLS handshake refused",
            metadata: [
                "surface": "\(surface)", "peer": Self.peer(context),
                "reason": "\(reason)",
            ])
    }

    /// Gives BoringSSL's word for it, without the place in its source.
    private static func reason(_ error: any Error) -> String {
        let text = "\(error)"
        if let word = text.firstMatch(of: /OPENSSL_internal:([A-Za-z0-9_]+)/) {
            return String(word.1)
        }
        return String(text.prefix(200))
    }

    private static func peer(_ context: ChannelHandlerContext) -> Logger.MetadataValue {
        "\(context.channel.remoteAddress?.description ?? "gone")"
    }
}
