// The short way of a rerank: whatever comes before, between and after it on a connection, in
// whatever pieces, each request is answered once, in order, and nothing stays behind.
import Foundation
import HTTPTypes
import LanguageSystem
import NIOCore
import NIOEmbedded
import NIOHTTP1
import RankerMath
import Rankers
import Testing

@testable import CoordinatorServer

/// A connection with the short way on it, and all that stands behind.
private struct Line: Sendable {
    static let width = RerankSite.width

    let channel: NIOAsyncTestingChannel
    let admission: Admission
    let key: String

    static func with(
        inFlightMax: Int = 64, byteCountMax: Int = 4_096, heldByteCountMax: Int = 1 << 20,
        _ body: @escaping @Sendable (Line) async throws -> Void
    ) async throws {
        try await RerankSite.with(
            inFlightMax: inFlightMax, byteCountMax: byteCountMax,
            heldByteCountMax: heldByteCountMax
        ) { site in
            let channel = NIOAsyncTestingChannel()
            try await channel.testingEventLoop.executeInContext {
                let pipeline = channel.pipeline.syncOperations
                try pipeline.configureHTTPServerPipeline(
                    withPipeliningAssistance: false, withErrorHandling: false)
                try pipeline.addHandlers(
                    RerankShortcut(site.routes, logger: RerankSite.quiet), Others())
            }
            try await channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).get()
            try await body(Line(channel: channel, admission: site.admission, key: site.key))
            _ = try? await channel.finish(acceptAlreadyClosed: true)
        }
    }

    /// Answers what passes, a moment later, in order, with its id.
    private final class Others: ChannelInboundHandler {
        typealias InboundIn = HTTPServerRequestPart
        typealias OutboundOut = HTTPServerResponsePart

        private var identities: [String] = []

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            switch unwrapInboundIn(data) {
            case .head(let head):
                identities.append(head.headers.first(name: "x-request-id") ?? "-")
            case .body: break
            case .end:
                let identity = identities.removeLast()
                let here = NIOLoopBound((self, context), eventLoop: context.eventLoop)
                context.eventLoop.execute {
                    let (handler, context) = here.value
                    let head = HTTPResponseHead(
                        version: .http1_1, status: .accepted,
                        headers: ["content-length": "0", "x-request-id": identity])
                    context.write(handler.wrapOutboundOut(.head(head)), promise: nil)
                    context.writeAndFlush(handler.wrapOutboundOut(.end(nil)), promise: nil)
                }
            }
        }
    }

    /// Nothing is under way once the turn of the loop has ended.
    func inFlightCount() async -> Int {
        await channel.testingEventLoop.run()
        return admission.inFlightCount
    }

    /// Until what was sent is answered, or was refused, though nobody takes the answers.
    func settle() async throws {
        while await inFlightCount() > 0 { try await Task.sleep(for: .milliseconds(1)) }
    }

    func send(_ bytes: [UInt8]) async throws {
        try await channel.writeInbound(ByteBuffer(bytes: bytes))
    }

    /// Status and id of the answers, once there are so many; what else there is of interest in
    /// their heads.
    func answers(_ count: Int) async throws -> [(status: Int, id: String, head: String)] {
        var bytes: [UInt8] = []
        var answers: [(status: Int, id: String, head: String)] = []
        while answers.count < count {
            // This loop runs what was put off when it is told to.
            await channel.testingEventLoop.run()
            guard let buffer = try await channel.readOutbound(as: ByteBuffer.self) else {
                try await Task.sleep(for: .milliseconds(1))
                continue
            }
            bytes += buffer.readableBytesView
            while let (answer, rest) = try Self.parse(bytes) {
                bytes = rest
                answers.append(answer)
            }
        }
        try #require(bytes.isEmpty, "half an answer was sent")
        return answers
    }

    private static func parse(_ bytes: [UInt8]) throws
        -> (answer: (status: Int, id: String, head: String), rest: [UInt8])?
    {
        let text = String(decoding: bytes, as: Unicode.ASCII.self)
        guard let end = text.range(of: "\r\n\r\n") else { return nil }
        let head = text[..<end.lowerBound].lowercased()
        func header(_ name: String) -> String? {
            head.firstRange(of: "\r\n\(name): ").map {
                String(head[$0.upperBound...].prefix { !$0.isNewline })
            }
        }
        let start = text.utf8.distance(from: text.startIndex, to: end.upperBound)
        let length = Int(header("content-length") ?? "0")!
        guard bytes.count >= start + length else { return nil }
        let status = try #require(Int(head.dropFirst(9).prefix(3)))
        return ((status, header("x-request-id") ?? "", head), Array(bytes[(start + length)...]))
    }
}

/// A request as bytes, and what it must be answered with.
private struct Sent {
    let bytes: [UInt8]
    let status: Int
    let id: String

    static func features(_ candidateCount: Int = 3) -> [UInt8] {
        var writer = SafetensorsWriter()
        func tensor(_ rows: Int, _ shape: [Int], _ name: String) {
            let numbers = (0..<rows * Line.width).map { Float($0).bitPattern.littleEndian }
            writer.add(name, .f32, shape, numbers)
        }
        tensor(1, [Line.width], "instruction")
        tensor(candidateCount, [candidateCount, Line.width], "responses")
        return writer.bytes()
    }

    static func rerank(
        _ id: String, user: String, _ key: String, body: [UInt8] = features(),
        status: Int = 200, chunkSize: Int? = nil, more: String = "",
        type: String = "application/vnd.safetensors"
    ) -> Sent {
        var head =
            "POST /v1/rerank?model=tiny&user=\(user) HTTP/1.1\r\nhost: a\r\n"
            + "authorization: Bearer \(key)\r\ncontent-type: \(type)\r\nx-request-id: \(id)\r\n"
            + more
        var bytes: [UInt8]
        if let chunkSize {
            head += "transfer-encoding: chunked\r\n\r\n"
            bytes = Array(head.utf8)
            for start in stride(from: 0, to: body.count, by: chunkSize) {
                let chunk = body[start..<min(start + chunkSize, body.count)]
                bytes += Array("\(String(chunk.count, radix: 16))\r\n".utf8) + chunk
                bytes += Array("\r\n".utf8)
            }
            bytes += Array("0\r\n\r\n".utf8)
        } else {
            head += "content-length: \(body.count)\r\n\r\n"
            bytes = Array(head.utf8) + body
        }
        return Sent(bytes: bytes, status: status, id: id)
    }

    /// Of two documents, given back with the answer.
    static func documents(_ id: String, _ key: String, of byteCount: Int) -> Sent {
        let features = [UInt8](repeating: 0x3c, count: 3 * Line.width * 2)
        let document = String(repeating: "x", count: byteCount / 2)
        let body = Array(
            #"""
            {"model":"tiny","user":"ada","return_documents":true,"documents":["\#(document)","\#
            \#(document)"],\#
            "features":{"dtype":"float16","shape":[3,\#(Line.width)],"data":"\#
            \#(Data(features).base64EncodedString())"}}
            """#.utf8)
        let head =
            "POST /v1/rerank HTTP/1.1\r\nhost: a\r\nauthorization: Bearer \(key)\r\n"
            + "content-type: application/json\r\nx-request-id: \(id)\r\n"
            + "content-length: \(body.count)\r\n\r\n"
        return Sent(bytes: Array(head.utf8) + body, status: 200, id: id)
    }

    static func other(_ id: String, version: String = "1.1", more: String = "") -> Sent {
        Sent(
            bytes: Array(
                "GET /livez HTTP/\(version)\r\nhost: a\r\nx-request-id: \(id)\r\n\(more)\r\n".utf8),
            status: 202, id: id)
    }
}

/// A caller that does not take what is written, until it does; counts what is asked to be read.
private final class Clog: ChannelDuplexHandler, @unchecked Sendable {
    typealias InboundIn = NIOAny
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    // Of the loop's thread alone.
    private var held: [(ByteBuffer, EventLoopPromise<Void>?)] = []
    private(set) var readCount = 0
    private var isOpen = false

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        guard !isOpen else { return context.write(data, promise: promise) }
        held.append((unwrapOutboundIn(data), promise))
    }

    func read(context: ChannelHandlerContext) {
        readCount += 1
        context.read()
    }

    func open(_ context: ChannelHandlerContext) {
        isOpen = true
        for (data, promise) in held { context.write(wrapOutboundOut(data), promise: promise) }
        held = []
        context.flush()
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        for (_, promise) in held { promise?.fail(ChannelError.ioOnClosedChannel) }
        held = []
    }
}

/// A caller that is gone when the first is written to it.
private final class Absence: ChannelOutboundHandler {
    typealias OutboundIn = ByteBuffer

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        promise?.fail(ChannelError.ioOnClosedChannel)
        context.close(promise: nil)
    }
}

@Suite(.timeLimit(.minutes(20))) struct `Rerank shortcut` {
    @Test func `answers that are not taken are counted, and no body is read beyond the bound`()
        async throws
    {
        try await Line.with(byteCountMax: 100_000, heldByteCountMax: 100_000) { line in
            try await line.send(Sent.rerank("warm", user: "ada", line.key).bytes)
            #expect(try await line.answers(1).map(\.status) == [200])
            #expect(line.admission.heldByteCount == 0)
            let clog = Clog()
            try await line.channel.pipeline.addHandler(clog, name: "clog", position: .first).get()
            for number in 0..<4 {
                try await line.send(Sent.documents("r\(number)", line.key, of: 40_000).bytes)
                try await line.settle()
            }
            // Two fill the room; the others were refused before their bodies were read.
            #expect((80_000...85_000).contains(line.admission.heldByteCount))
            #expect(await line.inFlightCount() == 0)
            // A small one is served all the same.
            try await line.send(Sent.rerank("small", user: "ada", line.key).bytes)
            try await line.channel.testingEventLoop.executeInContext {
                clog.open(try line.channel.pipeline.syncOperations.context(handler: clog))
            }
            let answers = try await line.answers(5)
            #expect(answers.map(\.status) == [200, 200, 429, 429, 200])
            #expect(answers.map(\.id) == ["r0", "r1", "r2", "r3", "small"])
            #expect(line.admission.heldByteCount == 0)
            try await line.send(Sent.documents("next", line.key, of: 40_000).bytes)
            #expect(try await line.answers(1).map(\.status) == [200])
        }
    }

    @Test func `whoever leaves without its answers gives back the room they took`() async throws {
        try await Line.with(byteCountMax: 100_000) { line in
            try await line.send(Sent.rerank("warm", user: "ada", line.key).bytes)
            #expect(try await line.answers(1).map(\.status) == [200])
            try await line.channel.pipeline.addHandler(Clog(), position: .first).get()
            try await line.send(Sent.documents("r", line.key, of: 40_000).bytes)
            try await line.settle()
            #expect(line.admission.heldByteCount > 40_000)
            let half = Sent.documents("half", line.key, of: 40_000).bytes.dropLast(100)
            try await line.send(Array(half))
            #expect(line.admission.heldByteCount > 80_000)
            _ = try? await line.channel.finish(acceptAlreadyClosed: true)
            #expect(line.admission.heldByteCount == 0 && line.admission.inFlightCount == 0)
        }
    }

    @Test func `a body of unknown length is counted as it comes`() async throws {
        try await Line.with(byteCountMax: 100_000, heldByteCountMax: 50_000) { line in
            let large = [UInt8](repeating: 7, count: 60_000)
            try await line.send(
                Sent.rerank("large", user: "ada", line.key, body: large, chunkSize: 1_000).bytes)
            try await line.send(Sent.rerank("next", user: "ada", line.key).bytes)
            let answers = try await line.answers(2)
            #expect(answers.map(\.status) == [429, 200])
            #expect(line.admission.heldByteCount == 0)
            #expect(await line.inFlightCount() == 0)
        }
    }

    @Test(arguments: [true, false])
    func `nothing more is read from who takes no answers, and a minute later it is gone`(
        takesThem: Bool
    ) async throws {
        try await Line.with { line in
            let clog = Clog()
            let loop = line.channel.testingEventLoop
            try await line.channel.pipeline.addHandler(clog, position: .first).get()
            func set(writable: Bool) async throws {
                try await loop.executeInContext {
                    line.channel.isWritable = writable
                    line.channel.pipeline.fireChannelWritabilityChanged()
                }
            }
            func readCount() async throws -> Int {
                try await loop.executeInContext {
                    line.channel.pipeline.read()
                    return clog.readCount
                }
            }
            let before = try await readCount()
            try await set(writable: false)
            #expect(try await readCount() == before)
            await loop.advanceTime(by: .seconds(59))
            if takesThem {
                try await set(writable: true)
                #expect(try await loop.executeInContext { clog.readCount } == before + 1)
                await loop.advanceTime(by: .seconds(59))
                #expect(line.channel.isActive)
            } else {
                #expect(line.channel.isActive)
                await loop.advanceTime(by: .seconds(1))
                try await line.channel.closeFuture.get()
            }
        }
    }

    @Test(arguments: UInt64(1)...12)
    func `each request is answered once and in order, however they come`(seed: UInt64) async throws
    {
        try await Line.with { line in
            var random = Generator(seed: seed)
            // One in memory from here on.
            try await line.send(Sent.rerank("warm", user: "ada", line.key).bytes)
            #expect(try await line.answers(1).map(\.status) == [200])
            let sent = (0..<40).map { number in
                let id = "r\(number)"
                return switch Int.random(in: 0..<8, using: &random) {
                case 0, 1: Sent.rerank(id, user: "ada", line.key)
                case 2: Sent.rerank(id, user: "ada", line.key, chunkSize: 50)
                // Nobody asked for this user yet: the answer takes waiting.
                case 3: Sent.rerank(id, user: "u\(number)", line.key)
                case 4: Sent.rerank(id, user: "ada", line.key, body: [1, 2, 3], status: 400)
                // Not the shortcut's: no such key, another type of body, another path.
                case 5: Sent.rerank(id, user: "ada", "lsk_a_0123456789abcdef", status: 202)
                case 6: Sent.rerank(id, user: "ada", line.key, status: 202, type: "text/plain")
                default: Sent.other(id)
                }
            }
            let bytes = sent.flatMap(\.bytes)
            async let answers = line.answers(sent.count)
            var start = 0
            while start < bytes.count {
                let count = min(Int.random(in: 1...600, using: &random), bytes.count - start)
                try await line.send(Array(bytes[start..<start + count]))
                start += count
            }
            let found = try await answers
            #expect(found.map(\.id) == sent.map(\.id))
            for (place, (answer, request)) in zip(found, sent).enumerated() {
                // What comes while one that passed is not answered passes, too, and waits its turn
                // there.
                let mayPass = place > 0 && found[place - 1].status == 202
                #expect(
                    answer.status == request.status || mayPass && answer.status == 202,
                    "request \(place)")
            }
            #expect(await line.inFlightCount() == 0)
        }
    }

    @Test func `a body that grows too large is refused once, and the connection goes on`()
        async throws
    {
        try await Line.with(byteCountMax: 300) { line in
            let large = [UInt8](repeating: 7, count: 1_000)
            try await line.send(
                Sent.rerank("large", user: "ada", line.key, body: large, chunkSize: 100).bytes)
            try await line.send(Sent.rerank("next", user: "ada", line.key).bytes)
            let answers = try await line.answers(2)
            #expect(answers.map(\.status) == [413, 200] && answers.map(\.id) == ["large", "next"])
            #expect(await line.inFlightCount() == 0)
        }
    }

    @Test func `more than the bound in one turn of the loop are refused`() async throws {
        try await Line.with(inFlightMax: 2) { line in
            try await line.send(Sent.rerank("warm", user: "ada", line.key).bytes)
            #expect(try await line.answers(1).map(\.status) == [200])
            #expect(await line.inFlightCount() == 0)
            // One read brings five: the loop turns once for all of them.
            try await line.send(
                (0..<5).flatMap { Sent.rerank("r\($0)", user: "ada", line.key).bytes })
            #expect(try await line.answers(5).map(\.status) == [200, 200, 429, 429, 429])
            try await line.send(Sent.rerank("next", user: "ada", line.key).bytes)
            #expect(try await line.answers(1).map(\.status) == [200])
        }
    }

    @Test func `one too many is refused before its body comes`() async throws {
        try await Line.with(inFlightMax: 1) { line in
            try line.admission.enter()
            let sent = Sent.rerank("busy", user: "ada", line.key)
            try await line.send(Array(sent.bytes.prefix(sent.bytes.count - 50)))
            let refused = try #require(try await line.answers(1).first)
            #expect(refused.status == 429 && refused.head.contains("retry-after: 1"))
            line.admission.leave()
            try await line.send(Array(sent.bytes.suffix(50)))
            try await line.send(Sent.rerank("next", user: "ada", line.key).bytes)
            #expect(try await line.answers(1).map(\.status) == [200])
        }
    }

    @Test func `a batch takes a place for each of its requests, and all or none`() async throws {
        let admission = Admission(inFlightMax: 8)
        try await admission.admit {
            try admission.enter(4)
            let error = await #expect(throws: LanguageSystemError.self) {
                try await admission.admitRest(of: 5) {}
            }
            #expect(error?.code == .busy && admission.inFlightCount == 5)
            let inFlightCount = try await admission.admitRest(of: 4) { admission.inFlightCount }
            #expect(inFlightCount == 8)
            admission.leave(4)
            // One that is larger than the server is served when nothing else is.
            #expect(try await admission.admitRest(of: 64) { admission.inFlightCount } == 8)
        }
        #expect(admission.inFlightCount == 0)
    }

    @Test func `a caller that asks whether to go on is told to`() async throws {
        try await Line.with { line in
            let sent = Sent.rerank(
                "r", user: "ada", line.key, more: "expect: 100-continue\r\n")
            let body = Sent.features().count
            try await line.send(Array(sent.bytes.dropLast(body)))
            #expect(try await line.answers(1).map(\.status) == [100])
            try await line.send(Array(sent.bytes.suffix(body)))
            #expect(try await line.answers(1).map(\.status) == [200])
        }
    }

    @Test func `a caller that is gone when it is told to go on leaves nothing behind`()
        async throws
    {
        try await Line.with { line in
            try await line.channel.testingEventLoop.executeInContext {
                try line.channel.pipeline.syncOperations.addHandler(Absence(), position: .first)
            }
            let sent = Sent.rerank(
                "r", user: "ada", line.key, more: "expect: 100-continue\r\n")
            try? await line.send(sent.bytes)
            #expect(!line.channel.isActive)
            #expect(await line.inFlightCount() == 0 && line.admission.heldByteCount == 0)
        }
    }

    @Test func `whoever passes is told to go on, too, but not with more than there may be`()
        async throws
    {
        try await Line.with { line in
            func head(_ length: Int) -> [UInt8] {
                Array(
                    """
                    POST /v1/rerank/batch HTTP/1.1\r\nhost: a\r\nx-request-id: b\r\n\
                    expect: 100-continue\r\ncontent-length: \(length)\r\n\r\n
                    """.utf8)
            }
            try await line.send(head(3))
            #expect(try await line.answers(1).map(\.status) == [100])
            try await line.send([1, 2, 3])
            #expect(try await line.answers(1).map(\.status) == [202])
            try await line.send(head(5_000) + [UInt8](repeating: 1, count: 5_000))
            #expect(try await line.answers(1).map(\.status) == [202])
        }
    }

    @Test(arguments: ["read", "quiesce"])
    func `a body that pauses, or is late for a coordinator that leaves, gives its place back`(
        why: String
    ) async throws {
        try await Line.with { line in
            let sent = Sent.rerank("slow", user: "ada", line.key)
            try await line.send(Array(sent.bytes.dropLast(10)))
            #expect(await line.inFlightCount() == 1)
            try await line.channel.testingEventLoop.executeInContext {
                let pipeline = line.channel.pipeline
                if why == "read" {
                    pipeline.fireUserInboundEventTriggered(IdleStateHandler.IdleStateEvent.read)
                } else {
                    pipeline.fireUserInboundEventTriggered(ChannelShouldQuiesceEvent())
                }
            }
            try await line.channel.closeFuture.get()
            #expect(await line.inFlightCount() == 0)
        }
    }

    @Test func `a connection between requests may be silent for longer`() async throws {
        try await Line.with { line in
            try await line.send(Sent.rerank("warm", user: "ada", line.key).bytes)
            #expect(try await line.answers(1).map(\.status) == [200])
            try await line.channel.testingEventLoop.executeInContext {
                line.channel.pipeline.fireUserInboundEventTriggered(
                    IdleStateHandler.IdleStateEvent.read)
            }
            try await line.send(Sent.rerank("next", user: "ada", line.key).bytes)
            #expect(try await line.answers(1).map(\.status) == [200])
        }
    }

    @Test func `the connection ends after the answer to whoever asks for that`() async throws {
        try await Line.with { line in
            try await line.send(
                Sent.rerank("r", user: "ada", line.key, more: "connection: close\r\n").bytes)
            let answer = try #require(try await line.answers(1).first)
            #expect(answer.status == 200 && answer.head.contains("connection: close"))
            try await line.channel.closeFuture.get()
        }
    }

    @Test(
        arguments: [
            "connection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABk\r\n",
            "connection: keep-alive, upgrade\r\nupgrade: websocket\r\n",
        ], [true, false])
    func `whoever asks for another protocol is answered in this one, and the connection ends`(
        more: String, isRerank: Bool
    ) async throws {
        try await Line.with { line in
            let sent =
                isRerank
                ? Sent.rerank("r", user: "ada", line.key, more: more) : Sent.other("r", more: more)
            try await line.send(sent.bytes)
            let answer = try #require(try await line.answers(1).first)
            #expect(answer.status == sent.status && answer.head.contains("connection: close"))
            try await line.channel.closeFuture.get()
        }
    }

    @Test(arguments: [
        ("1.0", "", true), ("1.0", "connection: keep-alive\r\n", false), ("1.1", "", false),
        ("1.1", "connection: Close\r\n", true), ("1.1", "connection: te, close\r\n", true),
    ])
    func `the connection ends after what passed, too, as HTTP says`(
        version: String, more: String, ends: Bool
    ) async throws {
        try await Line.with { line in
            // Both at once: after an answer that ends the connection there is no other.
            let sent =
                Sent.other("first", version: version, more: more).bytes
                + Sent.other("second", version: version, more: more).bytes
            if ends {
                // The reader of HTTP says that more came than may.
                try? await line.send(sent)
            } else {
                try await line.send(sent)
            }
            let answers = try await line.answers(ends ? 1 : 2)
            #expect(answers.map(\.id) == (ends ? ["first"] : ["first", "second"]))
            for answer in answers {
                #expect(answer.head.contains("connection: close") == ends)
                #expect(
                    answer.head.contains("connection: keep-alive") == (!ends && version == "1.0"))
            }
            if ends {
                try await line.channel.closeFuture.get()
                // What the reader of HTTP says of it is all that may still come.
                let rest = try await line.channel.readOutbound(as: ByteBuffer.self)
                #expect(rest.map { String(buffer: $0).contains("second") } != true)
            } else {
                try await line.send(Sent.rerank("next", user: "ada", line.key).bytes)
                #expect(try await line.answers(1).map(\.status) == [200])
            }
        }
    }

    @Test(arguments: ["gzip, chunked", "identity, chunked", "x, Chunked"])
    func `chunks of what is encoded once more are not the shortcut's, and are refused`(
        encoding: String
    ) async throws {
        try await Line.with { line in
            let sent = Sent.rerank("r", user: "ada", line.key, chunkSize: 50)
            let text = Array("transfer-encoding: chunked".utf8)
            let start = try #require(sent.bytes.firstRange(of: text)).lowerBound
            var bytes = sent.bytes
            bytes.replaceSubrange(
                start..<start + text.count, with: Array("transfer-encoding: \(encoding)".utf8))
            try await line.send(bytes)
            #expect(try await line.answers(1).map(\.status) == [202])
        }
        let error = #expect(throws: LanguageSystemError.self) {
            try RequestHead([.transferEncoding: encoding] as HTTPFields).checkTransferEncoding()
        }
        #expect(error?.code == .invalidArgument && error?.message.contains(encoding) == true)
        for plain in ["chunked", "Chunked"] {
            try RequestHead([.transferEncoding: plain] as HTTPFields).checkTransferEncoding()
        }
    }

    @Test func `what was announced and has not come takes no room`() async throws {
        try await Line.with(byteCountMax: 100_000, heldByteCountMax: 50_000) { line in
            let sent = Sent.rerank(
                "slow", user: "ada", line.key, body: [UInt8](repeating: 7, count: 40_000))
            let head = sent.bytes.dropLast(40_000)
            try await line.send(Array(head))
            #expect(await line.inFlightCount() == 1 && line.admission.heldByteCount == 0)
            try await line.send([UInt8](repeating: 7, count: 10_000))
            #expect(line.admission.heldByteCount == 10_000)
            // Others come first: this one is refused once, keeps nothing, and the connection goes
            // on.
            try line.admission.hold(35_000, of: 35_000)
            try await line.send([UInt8](repeating: 7, count: 10_000))
            #expect(try await line.answers(1).map(\.status) == [429])
            #expect(line.admission.heldByteCount == 35_000)
            // What does not fit now is not asked for.
            try await line.send([UInt8](repeating: 7, count: 20_000) + Array(head))
            #expect(try await line.answers(1).map(\.status) == [429])
            line.admission.release(35_000)
            try await line.send([UInt8](repeating: 7, count: 40_000))
            try await line.send(Sent.rerank("next", user: "ada", line.key).bytes)
            #expect(try await line.answers(1).map(\.status) == [200])
            #expect(line.admission.heldByteCount == 0)
        }
    }

    @Test(arguments: [true, false])
    func `nothing stays behind when the caller leaves`(isWhole: Bool) async throws {
        try await Line.with { line in
            // Whole: the answer is waited for; otherwise the body is.
            let sent = Sent.rerank("r", user: "new", line.key).bytes
            try await line.send(isWhole ? sent : Array(sent.dropLast()))
            _ = try? await line.channel.finish(acceptAlreadyClosed: true)
            #expect(await line.inFlightCount() == 0)
        }
    }
}
