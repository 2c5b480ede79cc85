// How many connections, and how long a caller waits for one.

/// What a connection is wanted for.
public enum PoolPurpose: Sendable, Hashable {
    /// Somebody's work waits for it.
    case service
    /// A list for somebody to look at, which may be long: it takes no connection that others need.
    case listing
}

public struct PoolConfiguration: Sendable, Hashable {
    public var connection: ConnectionConfiguration
    /// Four to eight are enough for one coordinator: a backend is a process of the server's.
    public var connectionCountMax = 8
    /// Beyond it a caller is refused at once.
    public var waiterCountMax = 1024
    /// For a caller that gives no deadline of its own.
    public var acquireDeadline: Duration = .seconds(5)
    /// How long `close` waits for connections in use before it interrupts them.
    public var closeDeadline: Duration = .seconds(10)

    public init(_ connection: ConnectionConfiguration) { self.connection = connection }

    public init(_ connectionInfo: String) { self.init(ConnectionConfiguration(connectionInfo)) }
}
