// An application's side of a rerank: one connection over TLS that is kept for many requests, one at
// a time. It says whether a request was lost, or could not even be sent, which a client may repeat
// elsewhere.
import Foundation
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import NIOTLS
import Testing

final class KeptConnection: Sendable {
    struct Answer: Sendable {
        let status: Int
        let headers: HTTPHeaders
        let body: String

        func header(_ name: String) -> String? { headers.first(name: name) }
        var endsConnection: Bool { header("connection")?.lowercased() == "close" }

        var json: [String: Any] {
            get throws {
                try #require(
                    JSONSerialization.jsonObject(with: Data(body.utf8)) as? [String: Any],
                    "no JSON object: \(body)")
            }
        }

        var meta: [String: Any] {
            get throws { try #require(try json["meta"] as? [String: Any], "\(body)") }
        }

        /// By candidate.
        var scores: [Double] {
            get throws {
                let results = try #require(try json["results"] as? [[String: Any]], "\(body)")
                return try results.sorted { ($0["index"] as! Int) < ($1["index"] as! Int) }.map {
                    try #require($0["relevance_score"] as? Double)
                }
            }
        }

        /// `error.code` of a refusal.
        var code: String? {
            get throws { (try json["error"] as? [String: Any])?["code"] as? String }
        }
    }

    enum Loss: Error {
        /// The other side had ended the connection before.
        case unsent
        case unanswered(String)
    }

    private let channel: any Channel
    private let exchange: NIOLoopBound<Exchange>

    private init(_ channel: any Channel, _ exchange: NIOLoopBound<Exchange>) {
        self.channel = channel
        self.exchange = exchange
    }

    static func trust(_ authorityPath: String) throws -> NIOSSLContext {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.trustRoots = .certificates(
            try NIOSSLCertificate.fromPEMFile(authorityPath))
        return try NIOSSLContext(configuration: configuration)
    }

    /// - Throws: also when nobody listens.
    static func open(port: Int, trusting tls: NIOSSLContext) async throws -> KeptConnection {
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connectTimeout(.seconds(60))
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    try pipeline.addHandler(
                        NIOSSLClientHandler(context: tls, serverHostname: "localhost"))
                    try pipeline.addHTTPClientHandlers()
                    try pipeline.addHandler(Exchange(channel.eventLoop))
                }
            }.connect(host: "127.0.0.1", port: port).get()
        let exchange = try await channel.eventLoop.submit {
            NIOLoopBound(
                try channel.pipeline.syncOperations.handler(type: Exchange.self),
                eventLoop: channel.eventLoop)
        }.get()
        let connection = KeptConnection(channel, exchange)
        do {
            try await channel.eventLoop.flatSubmit { exchange.value.secured.futureResult }.get()
        } catch {
            await connection.close()
            throw error
        }
        return connection
    }

    /// - Throws: `Loss`.
    func ask(
        _ method: HTTPMethod, _ path: String, _ headers: [(String, String)] = [],
        body: ByteBuffer? = nil, within limit: TimeAmount = .seconds(120)
    ) async throws -> Answer {
        var fields = HTTPHeaders(headers)
        fields.add(name: "host", value: "localhost")
        if let body { fields.add(name: "content-length", value: "\(body.readableBytes)") }
        let head = HTTPRequestHead(version: .http1_1, method: method, uri: path, headers: fields)
        return try await channel.eventLoop.flatSubmit { [exchange, channel] in
            exchange.value.ask(head, body, on: channel, within: limit)
        }.get()
    }

    /// Sends a request and reads nothing from then on.
    func sendUnread(_ path: String, _ headers: [(String, String)], body: ByteBuffer) async throws {
        var fields = HTTPHeaders(headers)
        fields.add(name: "host", value: "localhost")
        fields.add(name: "content-length", value: "\(body.readableBytes)")
        let head = HTTPRequestHead(version: .http1_1, method: .POST, uri: path, headers: fields)
        try await channel.setOption(.autoRead, value: false).get()
        channel.write(HTTPClientRequestPart.head(head), promise: nil)
        channel.write(HTTPClientRequestPart.body(.byteBuffer(body)), promise: nil)
        channel.writeAndFlush(HTTPClientRequestPart.end(nil), promise: nil)
    }

    func close() async { try? await channel.close() }
}

/// What is under way on one connection; on its event loop alone.
private final class Exchange: ChannelInboundHandler {
    typealias InboundIn = HTTPClientResponsePart

    let secured: EventLoopPromise<Void>
    private var waiting: EventLoopPromise<KeptConnection.Answer>?
    private var limit: Scheduled<Void>?
    private var head: HTTPResponseHead?
    private var body = ""
    private var error: (any Error)?

    init(_ loop: any EventLoop) { secured = loop.makePromise() }

    func ask(
        _ head: HTTPRequestHead, _ body: ByteBuffer?, on channel: any Channel,
        within amount: TimeAmount
    ) -> EventLoopFuture<KeptConnection.Answer> {
        precondition(waiting == nil, "one request at a time")
        guard channel.isActive else {
            return channel.eventLoop.makeFailedFuture(KeptConnection.Loss.unsent)
        }
        let promise = channel.eventLoop.makePromise(of: KeptConnection.Answer.self)
        waiting = promise
        limit = channel.eventLoop.scheduleTask(in: amount) {
            promise.fail(KeptConnection.Loss.unanswered("no answer in \(amount)"))
            channel.close(promise: nil)
        }
        channel.write(HTTPClientRequestPart.head(head), promise: nil)
        if let body {
            channel.write(HTTPClientRequestPart.body(.byteBuffer(body)), promise: nil)
        }
        channel.writeAndFlush(HTTPClientRequestPart.end(nil), promise: nil)
        return promise.futureResult
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head): self.head = head
        case .body(let bytes): body += String(buffer: bytes)
        case .end:
            guard let head else { return }
            let answer = KeptConnection.Answer(
                status: Int(head.status.code), headers: head.headers, body: body)
            self.head = nil
            body = ""
            if answer.endsConnection { context.close(promise: nil) }
            end { $0.succeed(answer) }
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .handshakeCompleted? = event as? TLSUserEvent { secured.succeed() }
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        self.error = error
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        secured.fail(KeptConnection.Loss.unsent)
        let why = error.map { "\($0)" } ?? "the connection ended"
        end { $0.fail(KeptConnection.Loss.unanswered(why)) }
    }

    private func end(_ act: (EventLoopPromise<KeptConnection.Answer>) -> Void) {
        limit?.cancel()
        limit = nil
        guard let promise = waiting else { return }
        waiting = nil
        act(promise)
    }
}
