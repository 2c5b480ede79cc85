// The exchange of one connection, as a value: whatever comes, in whatever order, each request of
// ours is answered once at most, gives back its place, and keeps no more bytes than it may.
import Coordination
import Ledger
import NIOCore
import NIOHTTP1
import RankerMath
import Testing

@testable import CoordinatorServer

/// Does what the exchange says, with counts in place of a server, and checks them.
private struct Shell {
    static let byteCountMax = 100
    static let ours = "/v1/rerank"

    var exchange = RerankExchange(byteCountMax: Shell.byteCountMax)
    var now = NIODeadline.uptimeNanoseconds(0)
    /// Whether there is a place, room for bytes, and a server that stays.
    var (hasPlace, hasRoom, endsConnections) = (true, true, false)

    private(set) var takenCount = 0
    private(set) var heldByteCount = 0
    /// Ids of requests of ours, as they began, and as they were answered or refused.
    private(set) var begun: [String] = []
    private(set) var answered: [String] = []
    /// Ids of requests that passed, and parts that were forwarded.
    private(set) var passed: [String] = []
    private(set) var forwardedCount = 0
    private(set) var bodies: [[UInt8]] = []
    private(set) var isClosing = false
    private(set) var isGone = false
    private(set) var isWaiting = false
    private var endedWith: Int?

    static func head(
        _ id: String, isOurs: Bool = true, keepsAlive: Bool = true,
        version: HTTPVersion = .http1_1
    ) -> HTTPServerRequestPart {
        var headers: HTTPHeaders = ["x-request-id": id]
        if !keepsAlive { headers.add(name: "connection", value: "close") }
        return .head(
            HTTPRequestHead(
                version: version, method: .POST, uri: isOurs ? ours : "/other", headers: headers))
    }

    static func body(_ byteCount: Int) -> HTTPServerRequestPart {
        .body(ByteBuffer(repeating: 7, count: byteCount))
    }

    mutating func receive(_ part: HTTPServerRequestPart) {
        switch exchange.receive(part, at: now) {
        case .none: break
        case .route(let head, let isAlone): route(head, isAlone: isAlone)
        case .forward: forwardedCount += 1
        case .hold(let bytes, let byteCount):
            #expect(byteCount <= Self.byteCountMax)
            #expect(byteCount - exchange.heldByteCount == bytes.readableBytes)
            if hasRoom {
                heldByteCount += bytes.readableBytes
                exchange.keep(bytes)
            } else {
                refuseBody()
            }
        case .refuseLarge: refuseBody()
        case .answer(let call, let body):
            #expect(body.count == heldByteCount && begun.last == call.origin.identity.id)
            bodies.append(body)
            isWaiting = true
        case .close: isClosing = true
        }
        check()
    }

    private mutating func route(_ head: HTTPRequestHead, isAlone: Bool) {
        let fields = RequestHead(head.headers)
        guard isAlone, head.uri == Self.ours else {
            passed.append(fields.identity.id)
            _ = exchange.pass(head)
            forwardedCount += 1
            return
        }
        let origin = RerankExchange.Origin(
            path: head.uri, identity: fields.identity, staysOpen: head.staysOpen)
        if hasPlace {
            takenCount += 1
            begun.append(fields.identity.id)
            exchange.begin(
                RerankExchange.Call(
                    type: .safetensors, query: "",
                    caller: RerankCaller(requestID: fields.identity.id, scope: KeyScope()),
                    origin: origin), announcedByteCount: 10)
        } else {
            let staysOpen = exchange.refuseHead(origin, endsConnection: endsConnections)
            answer(origin, staysOpen: staysOpen)
        }
    }

    private mutating func answer(_ origin: RerankExchange.Origin, staysOpen: Bool) {
        #expect(!isGone, "answered a connection that is gone")
        #expect(endedWith == nil, "answered behind the answer that ends the connection")
        answered.append(origin.identity.id)
        if !staysOpen { endedWith = answered.count }
    }

    private mutating func end(_ ending: RerankExchange.Ending) {
        takenCount -= 1
        heldByteCount -= ending.heldByteCount
        isWaiting = false
        answer(ending.origin, staysOpen: ending.staysOpen)
    }

    private mutating func refuseBody() {
        guard let ending = exchange.refuseBody(endsConnection: endsConnections) else {
            Issue.record("asked to refuse a body that is not gathered")
            return
        }
        end(ending)
    }

    /// The answer comes, wanted or not.
    mutating func deliver() {
        let ending = exchange.finish(endsConnection: endsConnections)
        #expect((ending != nil) == (isWaiting && !isGone))
        guard let ending else { return }
        end(ending)
        check()
        while let part = exchange.nextLater() { receive(part) }
    }

    /// The router answers the oldest request that passed, if there is one.
    mutating func respond(_ head: HTTPResponseHead) -> HTTPResponseHead {
        let head = exchange.respond(head)
        if exchange.respondEnd() { isClosing = true }
        return head
    }

    mutating func leave() {
        let leftover = exchange.leave()
        if leftover.hasPlace { takenCount -= 1 }
        heldByteCount -= leftover.heldByteCount
        isGone = true
        check()
        #expect(takenCount == 0 && heldByteCount == 0, "something stays behind")
    }

    func check() {
        #expect((0...1).contains(takenCount))
        #expect((0...Self.byteCountMax).contains(heldByteCount))
        #expect(exchange.heldByteCount == heldByteCount)
        #expect(Set(answered).count == answered.count, "one was answered twice")
    }
}

@Suite struct `A rerank exchange` {
    @Test(arguments: UInt64(1)...300)
    func `no request is answered twice and no place is lost, whatever comes`(seed: UInt64) {
        var random = Generator(seed: seed)
        var shell = Shell()
        for number in 0..<300 {
            let id = "r\(number)"
            switch Int.random(in: 0..<20, using: &random) {
            case 0...2: shell.receive(Shell.head(id))
            case 3: shell.receive(Shell.head(id, isOurs: false))
            case 4:
                shell.receive(Shell.head(id, keepsAlive: Int.random(in: 0..<9, using: &random) > 0))
            case 5...8: shell.receive(Shell.body(Int.random(in: 0...60, using: &random)))
            case 9...11: shell.receive(.end(nil))
            case 12, 13: shell.deliver()
            case 14:
                _ = shell.respond(HTTPResponseHead(version: .http1_1, status: .ok))
            case 15: shell.exchange.becomeWritable(Bool.random(using: &random))
            case 16:
                let reads = shell.exchange.read()
                let resumes = shell.exchange.resumeReading()
                #expect(!(reads && shell.isWaiting && !shell.isGone) && !resumes)
            case 17:
                shell.hasPlace = Int.random(in: 0..<4, using: &random) > 0
                shell.hasRoom = Int.random(in: 0..<4, using: &random) > 0
            case 18:
                shell.now = shell.now + .seconds(Int64.random(in: 0...20, using: &random))
                _ = shell.exchange.endsWhenIdle(.read)
            default:
                if Int.random(in: 0..<30, using: &random) == 0 { shell.leave() }
            }
            shell.check()
        }
        shell.leave()
        shell.deliver()
        shell.receive(Shell.head("late"))
        shell.receive(.end(nil))
        #expect(!shell.answered.contains("late") && !shell.passed.contains("late"))
    }

    @Test(arguments: UInt64(1)...100)
    func `all are answered in their order when each comes whole`(seed: UInt64) {
        var random = Generator(seed: seed)
        var shell = Shell()
        var ids: [String] = []
        for number in 0..<40 {
            let id = "r\(number)"
            let byteCounts = (0..<Int.random(in: 0...4, using: &random)).map { _ in
                Int.random(in: 0...40, using: &random)
            }
            ids.append(id)
            shell.hasPlace = Int.random(in: 0..<5, using: &random) > 0
            shell.hasRoom = Int.random(in: 0..<5, using: &random) > 0
            shell.receive(Shell.head(id))
            for byteCount in byteCounts { shell.receive(Shell.body(byteCount)) }
            shell.receive(.end(nil))
            if Bool.random(using: &random) { shell.deliver() }
        }
        while shell.isWaiting { shell.deliver() }
        #expect(shell.answered == ids)
        #expect(shell.takenCount == 0 && shell.heldByteCount == 0 && shell.passed.isEmpty)
    }

    @Test func `a body is handed over whole, and its bytes are held until the answer`() {
        var shell = Shell()
        shell.receive(Shell.head("r"))
        shell.receive(Shell.body(60))
        shell.receive(Shell.body(40))
        shell.receive(.end(nil))
        #expect(shell.bodies == [[UInt8](repeating: 7, count: 100)])
        #expect(shell.heldByteCount == 100 && shell.takenCount == 1 && shell.answered.isEmpty)
        shell.deliver()
        #expect(shell.heldByteCount == 0 && shell.takenCount == 0 && shell.answered == ["r"])
    }

    @Test func `a body of one byte too many is refused at once, and its rest is dropped`() {
        var shell = Shell()
        shell.receive(Shell.head("r"))
        shell.receive(Shell.body(100))
        shell.receive(Shell.body(1))
        #expect(shell.answered == ["r"] && shell.heldByteCount == 0 && shell.takenCount == 0)
        shell.receive(Shell.body(100))
        shell.receive(.end(nil))
        #expect(shell.answered == ["r"] && shell.bodies.isEmpty && !shell.isClosing)
        shell.receive(Shell.head("next"))
        shell.receive(.end(nil))
        shell.deliver()
        #expect(shell.answered == ["r", "next"])
    }

    @Test func `a refused request that ends its connection does so when its body has come`() {
        var shell = Shell()
        shell.hasPlace = false
        shell.receive(Shell.head("r", keepsAlive: false))
        shell.receive(Shell.body(10))
        #expect(shell.answered == ["r"] && !shell.isClosing)
        shell.receive(.end(nil))
        #expect(shell.isClosing)
        shell.receive(Shell.head("next"))
        #expect(shell.begun.isEmpty && shell.answered == ["r"])
    }

    @Test func `a server that leaves ends the connection with the answer`() {
        var shell = Shell()
        shell.receive(Shell.head("r"))
        shell.receive(.end(nil))
        shell.endsConnections = true
        shell.deliver()
        shell.receive(Shell.head("next"))
        shell.receive(.end(nil))
        #expect(shell.answered == ["r"] && shell.begun == ["r"])
    }

    @Test func `what follows one that passed passes, too, until that is answered`() {
        var shell = Shell()
        shell.receive(Shell.head("other", isOurs: false))
        shell.receive(.end(nil))
        shell.receive(Shell.head("behind"))
        shell.receive(.end(nil))
        #expect(shell.passed == ["other", "behind"] && shell.forwardedCount == 4)
        for _ in 0..<2 { _ = shell.respond(HTTPResponseHead(version: .http1_1, status: .ok)) }
        shell.receive(Shell.head("ours"))
        #expect(shell.begun == ["ours"])
    }

    @Test func `only the first that passes is told to go on`() {
        var exchange = RerankExchange(byteCountMax: 100)
        let head = HTTPRequestHead(version: .http1_1, method: .POST, uri: "/other")
        let isTold = (exchange.pass(head), exchange.pass(head))
        #expect(isTold == (true, false))
    }

    @Test(arguments: [true, false])
    func `a body that lasts too long ends the connection`(isOurs: Bool) {
        var shell = Shell()
        shell.receive(Shell.head("r", isOurs: isOurs))
        shell.now = shell.now + RerankExchange.bodyTimeout
        shell.receive(Shell.body(1))
        #expect(!shell.isClosing)
        shell.now = shell.now + .nanoseconds(1)
        shell.receive(Shell.body(1))
        #expect(shell.isClosing)
        shell.leave()
    }

    @Test func `a body that was given longer may last longer, and the next one may not`() {
        var exchange = RerankExchange(byteCountMax: 100)
        let (start, longer) = (NIODeadline.now(), TimeAmount.seconds(600))
        let head = HTTPRequestHead(version: .http1_1, method: .POST, uri: "/")
        func isForwarded(after time: TimeAmount) -> Bool {
            let part = RerankExchange.Part.body(ByteBuffer(repeating: 7, count: 1))
            guard case .forward = exchange.receive(part, at: start + time) else { return false }
            return true
        }
        _ = exchange.receive(.head(head), at: start)
        let isAlone = exchange.pass(head, bodyTimeout: longer)
        #expect(isAlone)
        #expect(isForwarded(after: longer))
        #expect(!isForwarded(after: longer + .nanoseconds(1)))
        _ = exchange.receive(.end(nil), at: start + longer)
        _ = exchange.receive(.head(head), at: start)
        _ = exchange.pass(head)
        #expect(isForwarded(after: RerankExchange.bodyTimeout))
        #expect(!isForwarded(after: longer))
    }

    @Test func `nothing is read while an answer is waited for or not taken`() {
        var shell = Shell()
        var reads = [shell.exchange.read()]
        shell.receive(Shell.head("r"))
        shell.receive(.end(nil))
        reads.append(shell.exchange.read())
        shell.exchange.becomeWritable(false)
        shell.deliver()
        reads.append(shell.exchange.resumeReading())
        shell.exchange.becomeWritable(true)
        reads.append(shell.exchange.resumeReading())
        // It was asked for once.
        reads.append(shell.exchange.resumeReading())
        #expect(reads == [true, false, false, true, false])
    }

    @Test func `silence ends a connection where a body is owed, or nothing is`() {
        func shell(_ parts: HTTPServerRequestPart...) -> RerankExchange {
            var shell = Shell()
            for part in parts { shell.receive(part) }
            return shell.exchange
        }
        let between = shell()
        #expect(!between.endsWhenIdle(.read) && between.endsWhenIdle(.all))
        let gathering = shell(Shell.head("r"))
        #expect(gathering.endsWhenIdle(.read) && gathering.endsWhenIdle(.all))
        let waiting = shell(Shell.head("r"), .end(nil))
        #expect(!waiting.endsWhenIdle(.read) && !waiting.endsWhenIdle(.all))
        let passing = shell(Shell.head("r", isOurs: false))
        #expect(passing.endsWhenIdle(.read) && passing.endsWhenIdle(.all))
        let answering = shell(Shell.head("r", isOurs: false), .end(nil))
        #expect(!answering.endsWhenIdle(.read) && !answering.endsWhenIdle(.all))
    }

    @Test func `a server that leaves lets what is under way end, but waits for no body`() {
        var shell = Shell()
        #expect(shell.exchange.quiesce() == .forward)
        shell.receive(Shell.head("r"))
        #expect(shell.exchange.quiesce() == .close)
        shell.receive(.end(nil))
        #expect(shell.exchange.quiesce() == .ignore)
        shell.deliver()
        #expect(shell.exchange.quiesce() == .forward)
    }

    @Test(arguments: [
        (HTTPVersion.http1_1, true, false, ""), (.http1_1, false, true, "close"),
        (.http1_0, false, true, "close"),
    ])
    func `an answer of the router says whether its connection goes on`(
        version: HTTPVersion, keepsAlive: Bool, ends: Bool, says: String
    ) {
        var shell = Shell()
        shell.receive(
            Shell.head("r", isOurs: false, keepsAlive: keepsAlive, version: version))
        shell.receive(.end(nil))
        let interim = shell.exchange.respond(
            HTTPResponseHead(version: .http1_1, status: .continue))
        #expect(interim.headers.isEmpty)
        let head = shell.respond(HTTPResponseHead(version: .http1_1, status: .ok))
        #expect(head.headers.first(name: "connection") ?? "" == says)
        #expect(shell.isClosing == ends)
    }
}
