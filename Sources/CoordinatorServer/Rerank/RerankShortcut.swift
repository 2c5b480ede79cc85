// The short way for what most requests are: a rerank with a known key, whose route and ranker are
// in memory. It sits between HTTP's own handlers and Hummingbird's, takes such a request whole and
// answers it on the spot, without a task, a stream of body parts or a router in between; they took
// a fifth of a request's time. Everything else passes by, and what it cannot answer on the spot is
// asked for as the route does. The answers are the same: both ways use the same calls, replies and
// refusals.
import Coordination
import CoreMetrics
import Foundation
import HTTPTypes
import HummingbirdCore
import LanguageSystem
import Ledger
import Logging
import NIOCore
import NIOHTTP1

/// One for each connection.
final class RerankShortcut: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart
    typealias OutboundIn = HTTPServerResponsePart
    typealias OutboundOut = HTTPServerResponsePart

    /// Nothing comes and nothing goes for so long: the connection ends.
    static let idleTimeout: TimeAmount = .seconds(60)
    /// Nothing comes for so long in the middle of a body, or its end not within so long: likewise.
    /// It holds a place that others wait for.
    static let (bodyPause, bodyTimeout): (TimeAmount, TimeAmount) = (.seconds(10), .seconds(60))
    /// An answer is not taken within so long: likewise. Until then nothing more is read from that
    /// connection.
    static let answerTimeout: TimeAmount = .seconds(60)
    /// Smaller parts of answers are not counted: of those a connection never has many, as nothing
    /// is read while they wait.
    private static let countedByteCountMin = 16 << 10

    /// A request of ours, from its head on.
    private struct Call: Sendable {
        let uri: URI
        let type: RerankMediaType
        let caller: RerankCaller
        let identity: RequestIdentity
        let isKeepAlive: Bool
    }

    /// What the answer to a request that passed must say of the connection.
    private struct Passed {
        let version: HTTPVersion
        var staysOpen: Bool
    }

    private enum State {
        /// Nothing of ours is under way.
        case passing
        case gathering(Call)
        /// Answered before its body had come; the rest is dropped.
        case dropping(endsConnection: Bool)
        /// Its answer takes waiting.
        case waiting(Task<Void, Never>)
    }

    private let routes: RerankRoutes
    private let logger: Logger
    private var state = State.passing
    /// Of the call that is gathered.
    private var body: [UInt8] = []
    /// Bytes held for the call that is gathered or waited for.
    private var heldCount = 0
    /// Ends the connection, unless its answers are taken before.
    private var untaken: Scheduled<Void>?
    /// Requests that passed and are not answered.
    private var passed = CircularBuffer<Passed>()
    /// The last request of the connection has come whole: what follows is not answered.
    private var isPastLast = false
    /// Whether the body of one that passed is still coming.
    private var isPassing = false
    /// When the head of the request came whose body is coming.
    private var bodyBegan = NIODeadline.distantPast
    /// What came while an answer was waited for.
    private var held: [HTTPServerRequestPart] = []
    private var isReadHeld = false
    private var date = HTTPDate()
    private var isGone = false

    init(_ routes: RerankRoutes, logger: Logger) {
        self.routes = routes
        self.logger = logger
    }

    // MARK: In

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let part = unwrapInboundIn(data)
        if case .waiting = state { held.append(part) } else { take(part, context) }
    }

    private func take(_ part: HTTPServerRequestPart, _ context: ChannelHandlerContext) {
        guard !isPastLast else { return }
        switch part {
        case .head: bodyBegan = .now()
        case .body where .now() - bodyBegan > Self.bodyTimeout:
            context.close(promise: nil)
            return
        case .body, .end: break
        }
        switch (state, part) {
        case (.passing, .head(let head)) where passed.isEmpty && begin(head, context): break
        case (.passing, _):
            switch part {
            case .head(let head):
                passed.append(Passed(version: head.version, staysOpen: head.staysOpen))
                isPassing = true
                // Hummingbird says it to nobody.
                sendContinue(head, context)
            case .body: break
            case .end:
                isPassing = false
                isPastLast = passed.last?.staysOpen == false
            }
            context.fireChannelRead(wrapInboundOut(part))
        case (.gathering(let call), .body(let bytes)):
            let count = body.count + bytes.readableBytes
            do throws(CoordinatorError) {
                guard count <= routes.bodyByteCountMax else { throw .bodyTooLarge() }
                try hold(count - heldCount, of: count)
            } catch {
                body = []
                letGo()
                routes.admission.leave()
                let stays = staysOpen(call.isKeepAlive)
                state = .dropping(endsConnection: !stays)
                refuse(error, call.identity, call.uri, staysOpen: stays, context)
                return
            }
            bytes.withUnsafeReadableBytes { body.append(contentsOf: $0) }
        case (.gathering(let call), .end): answer(call, context)
        case (.dropping(let endsConnection), .end):
            state = .passing
            if endsConnection { end(context) }
        case (.dropping, _), (.gathering, .head), (.waiting, _): break
        }
    }

    /// - Returns: Whether it is ours. A key that has to be asked for, and a body of another type,
    ///   compressed or too large, is not.
    private func begin(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) -> Bool {
        guard head.method == .POST, head.version == .http1_1 else { return false }
        let uri = URI(head.uri)
        let announced = head.headers.first(name: "content-length").map { Int($0) ?? .max } ?? 0
        guard RestPaths.rerank.contains(uri.path), announced <= routes.bodyByteCountMax,
            let key = RerankRoutes.bearer(head.headers.first(name: "authorization")),
            let known = routes.apiKeys.knownKey(key),
            let type = try? RerankMediaType(head.headers.first(name: "content-type")),
            head.headers.first(name: "content-encoding") == nil,
            head.headers["transfer-encoding"].allSatisfy(\.isPlainlyChunked)
        else { return false }
        let identity = RequestIdentity(
            requestID: head.headers.first(name: "x-request-id"),
            traceParent: head.headers.first(name: "traceparent"))
        do throws(CoordinatorError) {
            try routes.admission.enter()
            do throws(CoordinatorError) {
                try routes.admission.checkRoom(for: announced)
            } catch {
                routes.admission.leave()
                throw error
            }
        } catch {
            let stays = staysOpen(head.staysOpen)
            state = .dropping(endsConnection: !stays)
            refuse(error, identity, uri, staysOpen: stays, context)
            return true
        }
        sendContinue(head, context)
        // Addresses, not memory, until it comes.
        body.reserveCapacity(max(0, announced))
        state = .gathering(
            Call(
                uri: uri, type: type,
                caller: RerankCaller(
                    requestID: identity.id, key: known,
                    keepsDecision: head.headers.first(name: "x-ls-keep") == "true",
                    traceParent: identity.traceParent),
                identity: identity, isKeepAlive: head.staysOpen))
        return true
    }

    /// A caller that waits to be told so sends its body, unless that is known to be refused.
    private func sendContinue(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        let announced = head.headers.first(name: "content-length").map { Int($0) ?? .max } ?? 0
        // An answer that comes before would be taken for the one to this request.
        guard head.headers.first(name: "expect")?.lowercased() == "100-continue",
            head.version == .http1_1, announced <= routes.bodyByteCountMax, passed.count <= 1
        else { return }
        let interim = HTTPResponseHead(version: .http1_1, status: .continue)
        context.writeAndFlush(wrapOutboundOut(.head(interim)), promise: nil)
    }

    // MARK: Answers

    private typealias Outcome = Result<(RerankReply, RerankPresentation), CoordinatorError>

    private func answer(_ call: Call, _ context: ChannelHandlerContext) {
        let bytes = body
        body = []
        guard RerankRoutes.isQuick(bytes) else {
            wait(for: call, context) { [routes] in
                try await routes.decoded(call.type, bytes, call.uri)
            }
            return
        }
        let read: RerankCall
        let reply: RerankReply?
        do throws(CoordinatorError) {
            read = try routes.stages.decode(call.type, bytes, call.uri)
            reply = try routes.reranker.rerankNow(read.request, for: call.caller)
        } catch {
            finish(call, .failure(error), context)
            return
        }
        if let reply {
            finish(call, .success((reply, read.presentation)), context)
            return
        }
        wait(for: call, context) { read }
    }

    private func wait(
        for call: Call, _ context: ChannelHandlerContext,
        _ body: @escaping @Sendable () async throws -> RerankCall
    ) {
        let here = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        let (eventLoop, reranker, caller) = (context.eventLoop, routes.reranker, call.caller)
        state = .waiting(
            Task {
                let outcome: Outcome
                do {
                    let read = try await body()
                    let reply = try await reranker.rerank(read.request, for: caller)
                    outcome = .success((reply, read.presentation))
                } catch {
                    outcome = .failure(CoordinatorError(answering: error))
                }
                eventLoop.execute {
                    let (handler, context) = here.value
                    handler.come(call, outcome, context)
                }
            })
    }

    /// The answer that was waited for; then what came meanwhile.
    private func come(_ call: Call, _ outcome: Outcome, _ context: ChannelHandlerContext) {
        guard !isGone else { return }
        finish(call, outcome, context)
        let parts = held
        held = []
        for (place, part) in parts.enumerated() {
            if case .waiting = state {
                held = Array(parts[place...])
                return
            }
            take(part, context)
        }
        if !parts.isEmpty { context.fireChannelReadComplete() }
        if case .waiting = state { return }
        if isReadHeld, context.channel.isWritable {
            isReadHeld = false
            context.read()
        }
    }

    private func finish(_ call: Call, _ outcome: Outcome, _ context: ChannelHandlerContext) {
        state = .passing
        letGo()
        // Until this turn of the loop ends it counts as under way: what arrived in the same turn
        // has waited for it, and past the bound is refused rather than left to wait.
        context.eventLoop.execute { [admission = routes.admission] in admission.leave() }
        let stays = staysOpen(call.isKeepAlive)
        switch outcome {
        case .success(let (reply, presentation)):
            let json = routes.stages.encode(
                RerankReplyBody(id: call.identity.id, reply, as: presentation))
            write(200, reply.headers, json, call.identity, staysOpen: stays, context)
        case .failure(let error):
            refuse(error, call.identity, call.uri, staysOpen: stays, context)
        }
        if !stays { end(context) }
    }

    /// The answer that was last has been written.
    private func end(_ context: ChannelHandlerContext) {
        isPastLast = true
        context.close(promise: nil)
    }

    private func refuse(
        _ error: CoordinatorError, _ identity: RequestIdentity, _ uri: URI, staysOpen: Bool,
        _ context: ChannelHandlerContext
    ) {
        let refusal = Refusal(error, identity, path: uri.path, logger)
        write(
            refusal.status, refusal.headers, refusal.json, identity, staysOpen: staysOpen, context)
    }

    /// Asked once for an answer: a connection ends only with an answer that says so.
    private func staysOpen(_ isKeepAlive: Bool) -> Bool {
        isKeepAlive && !routes.admission.endsConnections
    }

    private func write(
        _ status: Int, _ more: [(HTTPField.Name, String)], _ json: JSONText,
        _ identity: RequestIdentity, staysOpen: Bool, _ context: ChannelHandlerContext
    ) {
        var headers = HTTPHeaders()
        headers.reserveCapacity(16)
        headers.add(name: "content-type", value: "application/json")
        headers.add(name: "content-length", value: String(json.bytes.count))
        headers.add(name: "date", value: date.now())
        headers.add(name: "server", value: RestSettings.serverName)
        headers.add(name: "x-request-id", value: identity.id)
        for (name, value) in more { headers.add(name: name.rawName, value: value) }
        if let traceParent = identity.traceParent {
            headers.add(name: "traceparent", value: traceParent)
        }
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
            context.write(wrapOutboundOut(.head(sayingWhetherItStays(head))), promise: promise)
        case .body(let bytes):
            context.write(data, promise: counted(bytes.readableBytes, promise, context))
        case .end:
            // One that is answered although it was no request: it could not be read.
            guard let answered = passed.popFirst(), !answered.staysOpen else {
                return context.write(data, promise: promise)
            }
            let written = promise ?? context.eventLoop.makePromise()
            let here = NIOLoopBound(context, eventLoop: context.eventLoop)
            written.futureResult.whenComplete { _ in here.value.close(promise: nil) }
            context.write(data, promise: written)
        }
    }

    /// The answer's head to the request that passed first: Hummingbird ends a connection after
    /// `connection: close` alone, in these letters, and not after a request of HTTP/1.0.
    private func sayingWhetherItStays(_ head: HTTPResponseHead) -> HTTPResponseHead {
        guard let first = passed.first, head.status.code >= 200 else { return head }
        var head = head
        let stays = first.staysOpen && head.isKeepAlive
        passed[passed.startIndex].staysOpen = stays
        if !stays {
            head.headers.replaceOrAdd(name: "connection", value: "close")
        } else if first.version == .http1_0 {
            head.headers.replaceOrAdd(name: "connection", value: "keep-alive")
        }
        return head
    }

    /// Nothing more is read while an answer is waited for, or was not taken.
    func read(context: ChannelHandlerContext) {
        if case .waiting = state {
            isReadHeld = true
        } else if context.channel.isWritable {
            context.read()
        } else {
            isReadHeld = true
        }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        untaken?.cancel()
        untaken = nil
        if !context.channel.isWritable {
            let here = NIOLoopBound(context, eventLoop: context.eventLoop)
            untaken = context.eventLoop.scheduleTask(in: Self.answerTimeout) {
                here.value.close(promise: nil)
            }
        } else if case .waiting = state {
            // What is waited for reads on.
        } else if isReadHeld {
            isReadHeld = false
            context.read()
        }
        context.fireChannelWritabilityChanged()
    }

    // MARK: What is held in memory

    private func hold(_ byteCount: Int, of wholeCount: Int) throws(CoordinatorError) {
        try routes.admission.hold(byteCount, of: wholeCount)
        heldCount += byteCount
    }

    private func letGo() {
        routes.admission.letGo(heldCount)
        heldCount = 0
    }

    /// Counts a part of an answer until it was taken, or the connection is gone.
    private func counted(
        _ byteCount: Int, _ promise: EventLoopPromise<Void>?, _ context: ChannelHandlerContext
    ) -> EventLoopPromise<Void>? {
        guard byteCount >= Self.countedByteCountMin else { return promise }
        let counted = promise ?? context.eventLoop.makePromise()
        routes.admission.holdAnyhow(byteCount)
        counted.futureResult.whenComplete { [admission = routes.admission] _ in
            admission.letGo(byteCount)
        }
        return counted
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch (event, state) {
        case (IdleStateHandler.IdleStateEvent.read, .gathering):
            context.close(promise: nil)
        case (IdleStateHandler.IdleStateEvent.read, _):
            if isPassing { context.close(promise: nil) }
        case (is IdleStateHandler.IdleStateEvent, .waiting): break
        case (is IdleStateHandler.IdleStateEvent, _):
            // One that passed whole is being worked on.
            if passed.isEmpty || isPassing { context.close(promise: nil) }
        // It had its time to come.
        case (is ChannelShouldQuiesceEvent, .gathering): context.close(promise: nil)
        // The connection ends with the answer that is under way.
        case (is ChannelShouldQuiesceEvent, .waiting): break
        default: context.fireUserInboundEventTriggered(event)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        untaken?.cancel()
        leave()
        context.fireChannelInactive()
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        isGone = true
        untaken?.cancel()
        leave()
    }

    /// Nobody is there to be answered.
    private func leave() {
        letGo()
        switch state {
        case .gathering: routes.admission.leave()
        case .waiting(let task):
            task.cancel()
            routes.admission.leave()
            isGone = true
        case .passing, .dropping: break
        }
        state = .passing
    }
}

extension HTTPRequestHead {
    /// Not when another protocol is asked for: there is none here, the answer is HTTP/1.1's, and
    /// nothing that follows is read as a request.
    fileprivate var staysOpen: Bool {
        guard isKeepAlive, method != .CONNECT else { return false }
        return !headers.contains(name: "upgrade")
            || !headers[canonicalForm: "connection"].contains { $0.lowercased() == "upgrade" }
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
