// A caller that opens a call and says nothing would hold its stream, and what the handler has in
// its hands, for as long as its connection lives. So a message is waited for no longer than a
// working caller ever takes.
import Concurrency
import GRPCCore
import LanguageSystem

/// How long the workers' port waits for what a caller has still to say.
public struct CallPatience: Sendable {
    /// How long it waits for the first message of a call, which is sent when the call is opened.
    public var first: Duration
    /// How long it waits for each further message of a call that has an end. A session has none: it
    /// is quiet when there is nothing to say.
    public var next: Duration

    public init(first: Duration = .seconds(10), next: Duration = .seconds(60)) {
        self.first = first
        self.next = next
    }
}

/// - Parameter next: Nil: further messages come when they come.
struct TimelyMessages<Message: Sendable>: AsyncSequence, Sendable {
    typealias Base = RPCAsyncSequence<Message, any Error>

    let base: Base
    let first: Duration
    let next: Duration?

    func makeAsyncIterator() -> Iterator {
        Iterator(base: base.makeAsyncIterator(), patience: first, next: next)
    }

    struct Iterator: AsyncIteratorProtocol {
        fileprivate var base: Base.AsyncIterator
        fileprivate var patience: Duration?
        fileprivate let next: Duration?

        mutating func next() async throws -> Message? {
            guard let patience else { return try await base.next() }
            self.patience = next
            // Used by one task at a time: the one that asks it has ended when the wait has.
            nonisolated(unsafe) var base = base
            let message = try await withDeadline(within: patience) { try await base.next() }
            self.base = base
            guard let message else { throw LanguageSystemError.silentCaller(for: patience) }
            return message
        }
    }
}

extension LanguageSystemError {
    static func silentCaller(for patience: Duration) -> Self {
        Self(
            .deadlineExceeded,
            "cannot follow this call: its next message did not come within "
                + "\(patience.components.seconds) seconds"
        )
    }
}
