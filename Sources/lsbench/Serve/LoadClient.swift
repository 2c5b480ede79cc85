// The other side of a rerank: keep-alive connections over TLS 1.3 on one thread, each with one
// request under way. Either every answer is followed by the next request, or requests are due at
// their times whether the server keeps up or not: then how long one took counts from when it was
// due.
import Benchmarking
import Foundation
import Histogram
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL

/// The requests to send, and their rate.
struct Load: Sendable {
    enum Pace: Sendable {
        /// Each connection sends as soon as it has an answer.
        case closed
        /// Requests are sent at this rate on a schedule.
        case open(perSecond: Double)
    }

    let connectionCount: Int
    let pace: Pace
    let duration: Duration
}

/// One kind of request for every user.
struct RequestTemplate: Sendable {
    let contentType: String
    let body: ByteBuffer
    /// The path and query string for a user.
    let target: @Sendable (Int) -> String
    /// The body for each user, where the body names the user (JSON).
    let bodyOf: (@Sendable (Int) -> ByteBuffer)?
}

struct LoadResult: Sendable {
    var latency = Histogram.ofDurations()
    /// Requests that were refused with 429.
    var refusedCount = 0
    var failedCount = 0
    /// The first failure, for people.
    var failure: String?
    var duration: Duration = .zero

    var perSecond: Double { Double(latency.totalCount) / duration.inSeconds }
}

/// Unchecked: everything runs on the one event loop, so nothing is locked.
final class LoadClient: @unchecked Sendable {
    private let loop: any EventLoop
    private let host: String
    private let port: Int
    private let tls: NIOSSLContext
    private let key: String
    private let template: RequestTemplate
    /// The expected `x-ls-ranker` of an answer.
    private let expected: @Sendable (Int) -> String
    private var users: UserLoad
    private var idle: [LoadConnection] = []
    private var due: [NIODeadline] = []
    private var dueHead = 0
    /// The number of requests that were due so far.
    private var dueCount = 0
    private var isOnSchedule = false
    private var result = LoadResult()
    private var isCounting = false
    private var isClosed = false

    init(
        on loop: any EventLoop, host: String, port: Int, authorityPEM: String, key: String,
        template: RequestTemplate, users: UserLoad, expected: @escaping @Sendable (Int) -> String
    ) throws {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.trustRoots = .certificates(
            try NIOSSLCertificate.fromPEMBytes(Array(authorityPEM.utf8)))
        configuration.minimumTLSVersion = .tlsv13
        tls = try NIOSSLContext(configuration: configuration)
        self.loop = loop
        self.host = host
        self.port = port
        self.key = key
        self.template = template
        self.users = users
        self.expected = expected
    }

    /// - Parameter warmUp: The time at the beginning that is not counted.
    func run(_ load: Load, warmUp: Duration) async throws -> LoadResult {
        let connections = try await withThrowingTaskGroup(of: LoadConnection.self) { group in
            for _ in 0..<load.connectionCount { group.addTask { try await self.connect() } }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        let begin: @Sendable () -> Void = {
            switch load.pace {
            case .closed: for connection in connections { self.ask(connection, due: .now()) }
            case .open(let perSecond):
                self.isOnSchedule = true
                self.idle = connections
                self.keepSchedule(perSecond)
            }
        }
        loop.execute(begin)
        try await Task.sleep(for: warmUp)
        let started = ContinuousClock.now
        loop.execute { self.isCounting = true }
        try await Task.sleep(for: load.duration)
        let result = try await loop.submit { () -> LoadResult in
            self.isCounting = false
            self.isClosed = true
            return self.result
        }.get()
        var timed = result
        timed.duration = ContinuousClock.now - started
        for connection in connections { try? await connection.channel.close() }
        return timed
    }

    private func connect() async throws -> LoadConnection {
        let channel = try await ClientBootstrap(group: loop)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let sync = channel.pipeline.syncOperations
                    try sync.addHandler(
                        NIOSSLClientHandler(context: self.tls, serverHostname: self.host))
                    try sync.addHTTPClientHandlers()
                    try sync.addHandler(LoadConnection(channel, self))
                }
            }.connect(host: host, port: port).get()
        return try await channel.pipeline.handler(type: LoadConnection.self).get()
    }

    private func ask(_ connection: LoadConnection, due: NIODeadline) {
        let user = users.next()
        connection.user = user
        connection.due = due
        let body = template.bodyOf?(user) ?? template.body
        var headers = HTTPHeaders()
        headers.add(name: "host", value: host)
        headers.add(name: "authorization", value: "Bearer \(key)")
        headers.add(name: "content-type", value: template.contentType)
        headers.add(name: "content-length", value: "\(body.readableBytes)")
        let head = HTTPRequestHead(
            version: .http1_1, method: .POST, uri: template.target(user), headers: headers)
        connection.channel.write(HTTPClientRequestPart.head(head), promise: nil)
        connection.channel.write(HTTPClientRequestPart.body(.byteBuffer(body)), promise: nil)
        connection.channel.writeAndFlush(HTTPClientRequestPart.end(nil), promise: nil)
    }

    /// Sends requests on a schedule. A request without a free connection waits, and counts as late.
    private func keepSchedule(_ perSecond: Double) {
        let start = NIODeadline.now()
        loop.scheduleRepeatedTask(
            initialDelay: .zero, delay: .microseconds(200)
        ) { task in
            if self.isClosed {
                task.cancel()
                return
            }
            let elapsed = Double((NIODeadline.now() - start).nanoseconds) / 1e9
            while Double(self.dueCount) < elapsed * perSecond {
                let time = Double(self.dueCount) / perSecond
                self.due.append(start + .nanoseconds(Int64(time * 1e9)))
                self.dueCount += 1
            }
            // In turn: one that asks nothing for a minute is ended by the server.
            while self.dueHead < self.due.count, !self.idle.isEmpty {
                self.ask(self.idle.removeFirst(), due: self.nextDue())
            }
        }
    }

    private func nextDue() -> NIODeadline {
        let next = due[dueHead]
        dueHead += 1
        if dueHead > 4_096 {
            due.removeFirst(dueHead)
            dueHead = 0
        }
        return next
    }

    fileprivate func answered(_ connection: LoadConnection, _ head: HTTPResponseHead) {
        let took = Duration.nanoseconds((NIODeadline.now() - connection.due).nanoseconds)
        if isCounting {
            switch head.status.code {
            case 200 where head.headers.first(name: "x-ls-ranker") == expected(connection.user):
                result.latency.record(took)
            case 200:
                fail(
                    """
                    user \(connection.user) was served by \
                    \(head.headers.first(name: "x-ls-ranker") ?? "nobody")
                    """
                )
            case 429 where head.headers.contains(name: "retry-after"):
                result.refusedCount += 1
            default: fail("the answer is \(head.status.code)")
            }
        }
        guard !isClosed else { return }
        if dueHead < due.count {
            ask(connection, due: nextDue())
        } else if isOnSchedule {
            idle.append(connection)
        } else {
            ask(connection, due: .now())
        }
    }

    fileprivate func lost(_ connection: LoadConnection, _ error: (any Error)?) {
        guard !isClosed else { return }
        fail("a connection ended\(error.map { ": \($0)" } ?? "")")
    }

    private func fail(_ why: String) {
        result.failedCount += 1
        if result.failure == nil { result.failure = why }
    }
}

/// One keep-alive connection.
/// Unchecked: it lives on its client's event loop.
private final class LoadConnection: ChannelInboundHandler, @unchecked Sendable {
    typealias InboundIn = HTTPClientResponsePart

    let channel: any Channel
    private let client: LoadClient
    var user = 0
    var due = NIODeadline.now()
    private var head: HTTPResponseHead?

    init(_ channel: any Channel, _ client: LoadClient) {
        self.channel = channel
        self.client = client
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head): self.head = head
        case .body: break
        case .end:
            guard let head else { return }
            self.head = nil
            client.answered(self, head)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        client.lost(self, error)
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) { client.lost(self, nil) }
}
