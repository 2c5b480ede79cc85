// Hears which version of TLS a connection agreed on, and is gone.
import NIOCore
import NIOSSL
import NIOTLS

final class TLSVersionProbe: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = NIOAny

    private let tell: @Sendable (String) -> Void

    private init(_ tell: @escaping @Sendable (String) -> Void) { self.tell = tell }

    /// Behind the TLS handler of `channel`, which is being set up.
    static func add(to channel: any Channel, _ tell: @escaping @Sendable (String) -> Void)
        -> EventLoopFuture<Void>
    {
        channel.eventLoop.makeCompletedFuture {
            let pipeline = channel.pipeline.syncOperations
            let tls = try pipeline.handler(type: NIOSSLClientHandler.self)
            try pipeline.addHandler(TLSVersionProbe(tell), position: .after(tls))
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .handshakeCompleted? = event as? TLSUserEvent {
            let version = try? context.channel.pipeline.syncOperations.nioSSL_tlsVersion()
            tell(version.map(Self.name) ?? "unknown")
            context.pipeline.syncOperations.removeHandler(self, promise: nil)
        }
        context.fireUserInboundEventTriggered(event)
    }

    private static func name(_ version: TLSVersion) -> String {
        switch version {
        case .tlsv13: "TLS 1.3"
        case .tlsv12: "TLS 1.2"
        default: "\(version)"
        }
    }
}
