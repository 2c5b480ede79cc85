// What becomes of the requests of one connection, as a value: parts, answers and news of the
// connection go in, and what is to be done comes out. `RerankShortcut` does it. At most one request
// is ours at a time, and has a place and the bytes of its body; whatever ends it says once what is
// given back. What is not ours passes to the router, whose answers pass back through here.
import Coordination
import NIOCore
import NIOHTTP1

struct RerankExchange {
    typealias Part = HTTPServerRequestPart

    /// A body whose end does not come within so long ends its connection: it holds a place that
    /// others wait for.
    static let bodyTimeout: TimeAmount = .seconds(60)

    /// A request of ours, from its head on.
    struct Call: Sendable {
        let type: RerankMediaType
        let query: String
        let caller: RerankCaller
        let origin: Origin
    }

    /// What the answer to a request needs of its head.
    struct Origin: Sendable {
        let path: String
        let identity: RequestIdentity
        /// Whether the request leaves its connection open.
        let staysOpen: Bool
    }

    /// What a part of a request asks for.
    enum Action {
        case none
        /// The way of a head is to be found: `begin` or `refuseHead` when it is ours, which only
        /// one that is alone can be; else `pass`.
        case route(HTTPRequestHead, isAlone: Bool)
        /// The part goes on to the router.
        case forward
        /// These bytes need room: `keep` when there is some, else `refuseBody`. With them the body
        /// has `byteCount`.
        case hold(ByteBuffer, byteCount: Int)
        /// The body has more bytes than it may have: `refuseBody`.
        case refuseLarge
        /// The request has come whole: `finish` with its answer, now or later.
        case answer(Call, body: [UInt8])
        case close
    }

    /// How a request of ours ended. Its place and its bytes are to be given back.
    struct Ending {
        let origin: Origin
        let heldByteCount: Int
        /// Whether the answer says that the connection goes on.
        let staysOpen: Bool
    }

    /// What a connection that is gone had taken, to be given back.
    struct Leftover: Equatable {
        var heldByteCount = 0
        var hasPlace = false
    }

    private enum State {
        /// Nothing of ours is under way.
        case passing
        case gathering(Call)
        /// The request was refused before its body had come: the rest is dropped.
        case dropping(staysOpen: Bool)
        /// The request has come whole and is not answered.
        case waiting(Call)
        case gone
    }

    /// What the answer to a request that passed must say of the connection.
    private struct Passed {
        let version: HTTPVersion
        var staysOpen: Bool
    }

    private let byteCountMax: Int
    private var state = State.passing
    /// The bytes of the request that is gathered.
    private var body: [UInt8] = []
    /// How many bytes the request that is gathered or waits has; held until it is answered.
    private(set) var heldByteCount = 0
    /// Requests that passed and are not answered.
    private var passed = CircularBuffer<Passed>()
    /// Whether the body of one that passed is still coming.
    private var isPassing = false
    /// Whether the last request of the connection has come whole: what follows is not answered.
    private var isPastLast = false
    /// When the head came whose body is coming.
    private var bodyBegan = NIODeadline.distantPast
    /// How long it may take to come.
    private var bodyTimeout = Self.bodyTimeout
    /// What came while an answer was waited for.
    private var later = CircularBuffer<Part>()
    private var isReadHeld = false
    private var isWritable = true

    /// - Parameter byteCountMax: A body may have this many bytes.
    init(byteCountMax: Int) { self.byteCountMax = byteCountMax }

    // MARK: Requests

    /// A part came.
    mutating func receive(_ part: Part, at now: NIODeadline) -> Action {
        guard !isPastLast else { return .none }
        switch state {
        case .waiting:
            later.append(part)
            return .none
        case .gone: return .none
        case .passing, .gathering, .dropping: break
        }
        switch part {
        case .head(let head): return receive(head, at: now)
        case .body(let bytes): return receive(bytes, at: now)
        case .end: return receiveEnd()
        }
    }

    private mutating func receive(_ head: HTTPRequestHead, at now: NIODeadline) -> Action {
        (bodyBegan, bodyTimeout) = (now, Self.bodyTimeout)
        guard case .passing = state else { return .none }
        return .route(head, isAlone: passed.isEmpty)
    }

    private func receive(_ bytes: ByteBuffer, at now: NIODeadline) -> Action {
        guard now - bodyBegan <= bodyTimeout else { return .close }
        switch state {
        case .passing: return .forward
        case .gathering:
            let byteCount = body.count + bytes.readableBytes
            return byteCount <= byteCountMax
                ? .hold(bytes, byteCount: byteCount) : .refuseLarge
        case .dropping, .waiting, .gone: return .none
        }
    }

    private mutating func receiveEnd() -> Action {
        switch state {
        case .passing:
            isPassing = false
            isPastLast = passed.last?.staysOpen == false
            return .forward
        case .gathering(let call):
            state = .waiting(call)
            defer { body = [] }
            return .answer(call, body: body)
        case .dropping(let staysOpen):
            state = .passing
            isPastLast = !staysOpen
            return staysOpen ? .none : .close
        case .waiting, .gone: return .none
        }
    }

    /// The head is ours, and has a place.
    ///
    /// - Parameter announcedByteCount: As many as may be, at most.
    mutating func begin(_ call: Call, announcedByteCount: Int) {
        precondition(isIdle, "a request begins where another one is under way")
        // Addresses, not memory, until it comes.
        body.reserveCapacity(max(0, announcedByteCount))
        state = .gathering(call)
    }

    /// The head is ours, and there is no place.
    ///
    /// - Returns: Whether the answer says that the connection goes on.
    mutating func refuseHead(_ origin: Origin, endsConnection: Bool) -> Bool {
        precondition(isIdle, "a request is refused where another one is under way")
        let staysOpen = origin.staysOpen && !endsConnection
        state = .dropping(staysOpen: staysOpen)
        return staysOpen
    }

    /// The head is not ours: it passes, and so does what follows it.
    ///
    /// - Parameter bodyTimeout: How long its body may take to come.
    /// - Returns: Whether it may be told to go on: no other request waits for an answer, which the
    ///   interim one would be taken for.
    mutating func pass(
        _ head: HTTPRequestHead, bodyTimeout: TimeAmount = Self.bodyTimeout
    ) -> Bool {
        self.bodyTimeout = bodyTimeout
        passed.append(Passed(version: head.version, staysOpen: head.staysOpen))
        isPassing = true
        return passed.count == 1
    }

    /// There was room for bytes of the body.
    mutating func keep(_ bytes: ByteBuffer) {
        bytes.withUnsafeReadableBytes { body.append(contentsOf: $0) }
        heldByteCount = body.count
    }

    /// The body is more than may come, or than there was room for.
    ///
    /// - Returns: Nil when no body is gathered.
    mutating func refuseBody(endsConnection: Bool) -> Ending? {
        guard case .gathering(let call) = state else { return nil }
        body = []
        let ending = end(call, endsConnection)
        state = .dropping(staysOpen: ending.staysOpen)
        return ending
    }

    /// The answer is there.
    ///
    /// - Returns: Nil when nobody waits for one any more.
    mutating func finish(endsConnection: Bool) -> Ending? {
        guard case .waiting(let call) = state else { return nil }
        let ending = end(call, endsConnection)
        state = .passing
        isPastLast = !ending.staysOpen
        return ending
    }

    private mutating func end(_ call: Call, _ endsConnection: Bool) -> Ending {
        defer { heldByteCount = 0 }
        return Ending(
            origin: call.origin, heldByteCount: heldByteCount,
            staysOpen: call.origin.staysOpen && !endsConnection)
    }

    /// The next part that came while an answer was waited for, to be received once more. Nil: there
    /// is none, or another answer is waited for.
    mutating func nextLater() -> Part? { isWaiting ? nil : later.popFirst() }

    private var isIdle: Bool {
        if case .passing = state { passed.isEmpty } else { false }
    }

    private var isWaiting: Bool {
        if case .waiting = state { true } else { false }
    }

    // MARK: Answers of the router

    /// The head of an answer, as it is to be sent: Hummingbird ends a connection after
    /// `connection: close` alone, in these letters, and not after a request of HTTP/1.0.
    mutating func respond(_ head: HTTPResponseHead) -> HTTPResponseHead {
        guard let first = passed.first, head.status.code >= 200 else { return head }
        var head = head
        let staysOpen = first.staysOpen && head.isKeepAlive
        passed[passed.startIndex].staysOpen = staysOpen
        if !staysOpen {
            head.headers.replaceOrAdd(name: "connection", value: "close")
        } else if first.version == .http1_0 {
            head.headers.replaceOrAdd(name: "connection", value: "keep-alive")
        }
        return head
    }

    /// An answer was sent whole.
    ///
    /// - Returns: Whether the connection ends with it.
    mutating func respondEnd() -> Bool {
        // One that is answered although it was no request could not be read.
        passed.popFirst().map { !$0.staysOpen } ?? false
    }

    // MARK: The connection

    /// More is asked for.
    ///
    /// - Returns: Whether it is to be read now: not while an answer is waited for or not taken.
    mutating func read() -> Bool {
        isReadHeld = isWaiting || !isWritable
        return !isReadHeld
    }

    /// - Returns: Whether what was asked for is to be read now.
    mutating func resumeReading() -> Bool {
        guard isReadHeld, !isWaiting, isWritable else { return false }
        isReadHeld = false
        return true
    }

    /// Answers are taken, or are not taken any more.
    mutating func becomeWritable(_ isWritable: Bool) { self.isWritable = isWritable }

    /// Nothing came for a while, or nothing came and nothing went.
    ///
    /// - Returns: Whether the connection ends.
    func endsWhenIdle(_ event: IdleStateHandler.IdleStateEvent) -> Bool {
        switch (state, event) {
        case (.gathering, _): true
        case (.waiting, _): false
        case (_, .read): isPassing
        // One that passed whole is being worked on.
        default: passed.isEmpty || isPassing
        }
    }

    /// What a server that leaves means for the connection.
    enum Quiescence { case close, ignore, forward }

    func quiesce() -> Quiescence {
        switch state {
        // It had its time to come.
        case .gathering: .close
        // The connection ends with the answer that is under way.
        case .waiting: .ignore
        case .passing, .dropping, .gone: .forward
        }
    }

    /// The connection is gone, and nobody is there to be answered.
    mutating func leave() -> Leftover {
        let leftover: Leftover
        switch state {
        case .gathering, .waiting: leftover = Leftover(heldByteCount: heldByteCount, hasPlace: true)
        case .passing, .dropping, .gone: leftover = Leftover()
        }
        (state, body, heldByteCount) = (.gone, [], 0)
        later.removeAll()
        return leftover
    }
}

extension HTTPRequestHead {
    /// Whether the request leaves its connection open. It does not when another protocol is asked
    /// for: there is none here, the answer is HTTP/1.1's, and nothing that follows is read as a
    /// request.
    var staysOpen: Bool {
        guard isKeepAlive, method != .CONNECT else { return false }
        return !headers.contains(name: "upgrade")
            || !headers[canonicalForm: "connection"].contains { $0.lowercased() == "upgrade" }
    }
}
