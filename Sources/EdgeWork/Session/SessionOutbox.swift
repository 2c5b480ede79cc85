// What a worker says to its coordinator over the session, while there is one. Everybody who has
// something to say has it; saying never waits, and what is said while nobody listens is dropped: a
// session begins by telling all that counts.
import Concurrency
import Foundation
import LanguageSystem
import WorkerWire

/// One session's way out, from its first byte to its end.
struct SessionLine: Sendable {
    let events: AsyncStream<WorkerEvent>
    /// Ends when the session shall end, so that another begins.
    let closing: AsyncStream<Void>
    private let event: AsyncStream<WorkerEvent>.Continuation
    private let close: AsyncStream<Void>.Continuation

    init() {
        (events, event) = AsyncStream.makeStream()
        (closing, close) = AsyncStream.makeStream()
    }

    func send(_ event: WorkerEvent) { self.event.yield(event) }

    func end() { close.finish() }
}

final class SessionOutbox: Sendable {
    enum Connection: Sendable {
        /// Between two tries, or while a certificate is fetched.
        case closed
        /// The worker has said hello, the coordinator nothing yet.
        case opening(SessionLine)
        /// The coordinator has welcomed the worker.
        case open(SessionLine, since: Date)
    }

    private let connection = Locked(Connection.closed)
    /// The version of TLS that the newest connection agreed on, `TLS 1.3`.
    private let agreedTLS = Locked<String?>(nil)

    /// Since when the coordinator listens; nil: it does not.
    var openSince: Date? {
        connection.withLock { if case .open(_, let since) = $0 { since } else { nil } }
    }

    var isOpen: Bool { openSince != nil }

    var tlsVersion: String? { agreedTLS.withLock { $0 } }

    /// Called on the connection's event loop.
    func agreed(onTLS version: String) { agreedTLS.withLock { $0 = version } }

    /// From here on `line` is where everything is said.
    func open(_ line: SessionLine) { connection.withLock { $0 = .opening(line) } }

    /// The coordinator has answered to the hello.
    func welcomed(at date: Date) {
        connection.withLock { if case .opening(let line) = $0 { $0 = .open(line, since: date) } }
    }

    /// - Returns: Whether the coordinator had been listening.
    @discardableResult
    func close() -> Bool {
        connection.withLock { connection in
            defer { connection = .closed }
            if case .open = connection { return true }
            return false
        }
    }

    /// Says `event` to whoever has been said hello to.
    func send(_ event: WorkerEvent) { line?.send(event) }

    /// Says `event` once the coordinator listens.
    ///
    /// - Returns: False, and nothing was said, when it does not.
    @discardableResult
    func sendIfOpen(_ event: WorkerEvent) -> Bool {
        guard isOpen else { return false }
        send(event)
        return true
    }

    /// Which blobs are on this disk now, so that tasks come to where their features are.
    func sendInventory(of cache: BlobCache) async {
        let held = await cache.heldDigests
        send(.inventory(Array(held.prefix(WireLimits.heldDigestCountMax))))
    }

    /// Ends the session that is open, so that another begins.
    func reconnect() { line?.end() }

    private var line: SessionLine? {
        connection.withLock { connection in
            switch connection {
            case .closed: nil
            case .opening(let line), .open(let line, _): line
            }
        }
    }
}
