// LISTEN on a connection and a thread of its own, for as long as somebody reads the stream. A lost
// connection is made again by itself, with pauses that grow and are jittered. NOTIFY is a hint:
// what was sent meanwhile is lost, so each new connection says `.reconnected`, and so does a
// reader that was too slow to be told everything.
import Concurrency
public import Logging

/// Listens to notifications on a connection of its own, which it restores when it is lost.
public struct Listener: Sendable {
    /// What a listener reports.
    public enum Event: Sendable, Hashable {
        /// The listener is connected, for the first time or again, or notifications were dropped.
        /// The reader should query the state that it follows.
        case reconnected
        case notification(channel: String, payload: String)
    }

    private let configuration: ConnectionConfiguration
    private let logger: Logger

    /// The time between two checks that the server still answers.
    var checkInterval: Duration = .seconds(30)

    /// The most events that may wait for the reader; beyond it the oldest is dropped.
    static let eventCountMax = 1024

    public init(_ configuration: ConnectionConfiguration, logger: Logger) {
        self.configuration = configuration
        self.logger = logger
    }

    /// Listens until the stream is released or its reader's task is cancelled; it never ends by
    /// itself.
    public func events(on channels: [String]) -> AsyncStream<Event> {
        let (stream, continuation) = AsyncStream.makeStream(
            of: Event.self, bufferingPolicy: .bufferingNewest(Self.eventCountMax))
        let interrupt = Interrupt()
        let use = interrupt.begin()
        continuation.onTermination = { _ in interrupt.raise(use: use) }
        startThread(name: "pg-listen") { [self] in
            listen(on: channels, interrupt, continuation)
        }
        return stream
    }

    private func listen(
        on channels: [String], _ interrupt: Interrupt,
        _ continuation: AsyncStream<Event>.Continuation
    ) {
        let backoff = Backoff.ofDatabase
        var failureCount = 0
        while !interrupt.isRaised {
            do throws(PostgresError) {
                let connection = try Connection(
                    configuration, interrupt: interrupt, logger: logger)
                try connection.listen(on: channels)
                failureCount = 0
                Self.yield(.reconnected, continuation)
                try forward(from: connection, interrupt, continuation)
            } catch {
                if interrupt.isRaised { break }
                failureCount += 1
                logger.warning("the listener connects again: \(error.message)")
                interrupt.wait(backoff.pause(failureCount: failureCount))
            }
        }
    }

    private func forward(
        from connection: Connection, _ interrupt: Interrupt,
        _ continuation: AsyncStream<Event>.Continuation
    ) throws(PostgresError) {
        while !interrupt.isRaised {
            while let (channel, payload) = connection.nextNotification() {
                Self.yield(.notification(channel: channel, payload: payload), continuation)
            }
            let isQuiet = try !connection.waitForInput(checkInterval)
            // A server that vanished says nothing; neither does one with nothing to say.
            if isQuiet && !interrupt.isRaised { try connection.executeScript("select 1") }
        }
    }

    /// Yields an event. A `.reconnected` always follows the last event that was dropped.
    static func yield(_ event: Event, _ continuation: AsyncStream<Event>.Continuation) {
        guard case .dropped = continuation.yield(event) else { return }
        continuation.yield(.reconnected)
    }
}
