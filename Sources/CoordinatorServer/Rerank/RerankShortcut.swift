// The short way for what most requests are: a rerank with a known key, whose route and ranker are
// in memory. It sits between HTTP's own handlers and Hummingbird's, takes such a request whole and
// answers it on the spot, without a task, a stream of body parts or a router in between; they took
// a fifth of a request's time. Everything else passes by, and what it cannot answer on the spot is
// asked for as the route does. The answers are the same: both ways use the same rules, calls,
// replies and refusals. `RerankExchange` decides what becomes of a part; this does it.
import Coordination
import Foundation
import HTTPTypes
import HummingbirdCore
import LanguageSystem
import Logging
import NIOCore
import NIOHTTP1

/// Handles one connection.
final class RerankShortcut: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart
    typealias OutboundIn = HTTPServerResponsePart
    typealias OutboundOut = HTTPServerResponsePart

    /// Nothing comes and nothing goes for so long: the connection ends.
    static let idleTimeout: TimeAmount = .seconds(60)
    /// Nothing comes for so long in the middle of a body: the connection ends. It holds a place
    /// that others wait for.
    static let bodyPause: TimeAmount = .seconds(10)
    /// An answer is not taken within so long: the connection ends. Until then nothing more is read
    /// from it.
    static let answerTimeout: TimeAmount = .seconds(60)
    /// Smaller parts of answers are not counted: of those a connection never has many, as nothing
    /// is read while they wait.
    private static let countedByteCountMin = 16 << 10

    private let routes: RerankRoutes
    private let logger: Logger
    private var exchange: RerankExchange
    /// Brings the answer that is waited for.
    private var waiting: Task<Void, Never>?
    /// Ends the connection, unless its answers are taken before.
    private var untaken: Scheduled<Void>?
    private var date = HTTPDate()

    init(_ routes: RerankRoutes, logger: Logger) {
        self.routes = routes
        self.logger = logger
        exchange = RerankExchange(byteCountMax: routes.bodyByteCountMax)
    }

    func handlerAdded(context: ChannelHandlerContext) {
        exchange.becomeWritable(context.channel.isWritable)
    }

    // MARK: In

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        handle(unwrapInboundIn(data), context)
    }

    private func handle(_ part: HTTPServerRequestPart, _ context: ChannelHandlerContext) {
        switch exchange.receive(part, at: .now()) {
        case .none: break
        case .route(let head, let isAlone): route(head, isAlone: isAlone, context)
        case .forward: context.fireChannelRead(wrapInboundOut(part))
        case .hold(let bytes, let byteCount):
            do throws(LanguageSystemError) {
                try routes.admission.hold(byteCount - exchange.heldByteCount, of: byteCount)
                exchange.keep(bytes)
            } catch {
                refuseBody(error, context)
            }
        case .refuseLarge: refuseBody(.bodyTooLarge(), context)
        case .answer(let call, let body): answer(call, body, context)
        case .close: context.close(promise: nil)
        }
    }

    private func route(
        _ head: HTTPRequestHead, isAlone: Bool, _ context: ChannelHandlerContext
    ) {
        let fields = RequestHead(head.headers)
        if isAlone, begin(head, fields, context) { return }
        let isUpload = head.method == .POST && routes.isUpload(URI(head.uri).path, fields)
        let isNext = exchange.pass(
            head, bodyTimeout: isUpload ? FeatureRoutes.bodyTimeout : RerankExchange.bodyTimeout)
        // Hummingbird says it to nobody.
        if isNext {
            sendContinue(
                head, fields, context,
                upTo: isUpload ? routes.uploadByteCountMax : routes.bodyByteCountMax)
        }
        context.fireChannelRead(wrapInboundOut(.head(head)))
    }

    /// - Returns: Whether it is ours. A key that has to be asked for, and a body of another type,
    ///   compressed or too large, is not.
    private func begin(
        _ head: HTTPRequestHead, _ fields: RequestHead, _ context: ChannelHandlerContext
    ) -> Bool {
        guard head.method == .POST, head.version == .http1_1 else { return false }
        let uri = URI(head.uri)
        let path = uri.path
        guard RestPaths.rerank.contains(path), let (key, body) = routes.shortHead(fields) else {
            return false
        }
        let origin = RerankExchange.Origin(
            path: path, identity: fields.identity, staysOpen: head.staysOpen)
        do throws(LanguageSystemError) {
            try enter(announcing: body.announcedByteCount)
        } catch {
            let staysOpen = exchange.refuseHead(origin, endsConnection: endsConnections)
            refuse(error, origin, staysOpen: staysOpen, context)
            return true
        }
        exchange.begin(
            RerankExchange.Call(
                type: body.type, query: uri.query ?? "", caller: fields.caller(key),
                origin: origin),
            announcedByteCount: body.announcedByteCount)
        // Last: what is written may find that the connection is gone.
        sendContinue(head, fields, context, upTo: routes.bodyByteCountMax)
        return true
    }

    private func enter(announcing byteCount: Int) throws(LanguageSystemError) {
        try routes.admission.enter()
        do throws(LanguageSystemError) {
            try routes.admission.checkRoom(for: byteCount)
        } catch {
            routes.admission.leave()
            throw error
        }
    }

    /// Tells a caller that waits for it to send its body, unless that is known to be refused.
    private func sendContinue(
        _ head: HTTPRequestHead, _ fields: RequestHead, _ context: ChannelHandlerContext,
        upTo byteCountMax: Int
    ) {
        guard fields.expectsContinue, head.version == .http1_1,
            fields.announcedByteCount <= byteCountMax
        else { return }
        let interim = HTTPResponseHead(version: .http1_1, status: .continue)
        context.writeAndFlush(wrapOutboundOut(.head(interim)), promise: nil)
    }

    // MARK: Answers

    private typealias Outcome = Result<(RerankReply, RerankPresentation), LanguageSystemError>

    private func answer(
        _ call: RerankExchange.Call, _ body: [UInt8], _ context: ChannelHandlerContext
    ) {
        guard RerankRoutes.isQuick(body) else {
            answerLater(context) { [routes] in
                let read = try await routes.decoded(call.type, body, query: call.query)
                let reply = try await routes.reranker.rerank(read.request, for: call.caller)
                return (reply, read.presentation)
            }
            return
        }
        let read: RerankCall
        let start: RerankStart
        do throws(LanguageSystemError) {
            read = try routes.stages.decode(call.type, body, query: call.query)
            start = try routes.reranker.begin(read.request, for: call.caller)
        } catch {
            finish(.failure(error), context)
            return
        }
        switch start {
        case .answered(let reply): finish(.success((reply, read.presentation)), context)
        case .begun(let begun):
            answerLater(context) { [reranker = routes.reranker] in
                (try await reranker.finish(begun), read.presentation)
            }
        }
    }

    private func answerLater(
        _ context: ChannelHandlerContext,
        _ answer: @escaping @Sendable () async throws -> (RerankReply, RerankPresentation)
    ) {
        let here = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        let eventLoop = context.eventLoop
        // Not structured: a channel handler is called back, and has no task of its own.
        waiting = Task {
            let outcome: Outcome
            do {
                outcome = .success(try await answer())
            } catch {
                outcome = .failure(LanguageSystemError(answering: error))
            }
            eventLoop.execute {
                let (handler, context) = here.value
                handler.deliver(outcome, context)
            }
        }
    }

    /// Sends the answer that was waited for, and handles what came meanwhile.
    private func deliver(_ outcome: Outcome, _ context: ChannelHandlerContext) {
        waiting = nil
        finish(outcome, context)
        var hasHandled = false
        while let part = exchange.nextLater() {
            handle(part, context)
            hasHandled = true
        }
        if hasHandled { context.fireChannelReadComplete() }
        if exchange.resumeReading() { context.read() }
    }

    private func finish(_ outcome: Outcome, _ context: ChannelHandlerContext) {
        guard let ending = exchange.finish(endsConnection: endsConnections) else { return }
        routes.admission.release(ending.heldByteCount)
        // Until this turn of the loop ends it counts as under way: what arrived in the same turn
        // has waited for it, and past the bound is refused rather than left to wait.
        context.eventLoop.execute { [admission = routes.admission] in admission.leave() }
        switch outcome {
        case .success(let (reply, presentation)):
            let json = routes.stages.encode(
                RerankReplyBody(id: ending.origin.identity.id, reply, as: presentation))
            send(200, reply.headers, json, ending.origin, staysOpen: ending.staysOpen, context)
        case .failure(let error):
            refuse(error, ending.origin, staysOpen: ending.staysOpen, context)
        }
        if !ending.staysOpen { context.close(promise: nil) }
    }

    private func refuseBody(_ error: LanguageSystemError, _ context: ChannelHandlerContext) {
        guard let ending = exchange.refuseBody(endsConnection: endsConnections) else { return }
        routes.admission.release(ending.heldByteCount)
        routes.admission.leave()
        refuse(error, ending.origin, staysOpen: ending.staysOpen, context)
    }

    private func refuse(
        _ error: LanguageSystemError, _ origin: RerankExchange.Origin, staysOpen: Bool,
        _ context: ChannelHandlerContext
    ) {
        let refusal = Refusal(error, origin.identity, path: origin.path)
        refusal.record(to: logger)
        send(refusal.status, refusal.headers, refusal.json, origin, staysOpen: staysOpen, context)
    }

    /// Whether the answer says that the connection ends. It is asked once for an answer: a
    /// connection ends only with one that says so.
    private var endsConnections: Bool { routes.admission.endsConnections }

    private func send(
        _ status: Int, _ more: [(HTTPField.Name, String)], _ json: JSONText,
        _ origin: RerankExchange.Origin, staysOpen: Bool, _ context: ChannelHandlerContext
    ) {
        var headers = HTTPHeaders()
        headers.reserveCapacity(16)
        headers.add(name: "content-type", value: "application/json")
        headers.add(name: "content-length", value: String(json.bytes.count))
        headers.add(name: "date", value: date.now())
        headers.add(name: "server", value: RestSettings.serverName)
        origin.identity.forEachField { headers.add(name: $0.rawName, value: $1) }
        for (name, value) in more { headers.add(name: name.rawName, value: value) }
        if !staysOpen { headers.add(name: "connection", value: "close") }
        var body = context.channel.allocator.buffer(capacity: json.bytes.count)
        body.writeBytes(json.bytes)
        let head = HTTPResponseHead(
            version: .http1_1, status: .init(statusCode: status), headers: headers)
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        context.write(
            wrapOutboundOut(.body(.byteBuffer(body))),
            promise: counted(body.readableBytes, nil, context))
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
    }

    // MARK: Out, and the connection

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        switch unwrapOutboundIn(data) {
        case .head(let head):
            context.write(wrapOutboundOut(.head(exchange.respond(head))), promise: promise)
        case .body(let bytes):
            context.write(data, promise: counted(bytes.readableBytes, promise, context))
        case .end:
            guard exchange.respondEnd() else { return context.write(data, promise: promise) }
            let written = promise ?? context.eventLoop.makePromise()
            let here = NIOLoopBound(context, eventLoop: context.eventLoop)
            written.futureResult.whenComplete { _ in here.value.close(promise: nil) }
            context.write(data, promise: written)
        }
    }

    func read(context: ChannelHandlerContext) {
        if exchange.read() { context.read() }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        let isWritable = context.channel.isWritable
        exchange.becomeWritable(isWritable)
        untaken?.cancel()
        untaken = nil
        if !isWritable {
            let here = NIOLoopBound(context, eventLoop: context.eventLoop)
            untaken = context.eventLoop.scheduleTask(in: Self.answerTimeout) {
                here.value.close(promise: nil)
            }
        } else if exchange.resumeReading() {
            context.read()
        }
        context.fireChannelWritabilityChanged()
    }

    /// Counts a part of an answer until it was taken, or the connection is gone.
    private func counted(
        _ byteCount: Int, _ promise: EventLoopPromise<Void>?, _ context: ChannelHandlerContext
    ) -> EventLoopPromise<Void>? {
        guard byteCount >= Self.countedByteCountMin else { return promise }
        let counted = promise ?? context.eventLoop.makePromise()
        routes.admission.holdAnswer(byteCount)
        counted.futureResult.whenComplete { [admission = routes.admission] _ in
            admission.release(byteCount)
        }
        return counted
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case let event as IdleStateHandler.IdleStateEvent:
            if exchange.endsWhenIdle(event) { context.close(promise: nil) }
        case is ChannelShouldQuiesceEvent:
            switch exchange.quiesce() {
            case .close: context.close(promise: nil)
            case .ignore: break
            case .forward: context.fireUserInboundEventTriggered(event)
            }
        default: context.fireUserInboundEventTriggered(event)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        leave()
        context.fireChannelInactive()
    }

    func handlerRemoved(context: ChannelHandlerContext) { leave() }

    private func leave() {
        untaken?.cancel()
        waiting?.cancel()
        waiting = nil
        let leftover = exchange.leave()
        routes.admission.release(leftover.heldByteCount)
        if leftover.hasPlace { routes.admission.leave() }
    }
}

/// The date of an answer's head, written once a second.
private struct HTTPDate {
    private var second = 0
    private var text = ""

    mutating func now() -> String {
        var time = Glibc.time(nil)
        if time != second {
            second = time
            var parts = tm()
            gmtime_r(&time, &parts)
            // In the C locale, which nobody changes: Sun, 06 Nov 1994 08:49:37 GMT
            text = String(unsafeUninitializedCapacity: 40) {
                // A buffer of 40 bytes has an address.
                strftime($0.baseAddress!, $0.count, "%a, %d %b %Y %H:%M:%S GMT", &parts)
            }
        }
        return text
    }
}
