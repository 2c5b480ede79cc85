// How many connections, and how long a caller waits for one.

/// The purpose of a connection.
public enum PoolPurpose: Sendable, Hashable {
    /// Work that others wait for.
    case service
    /// A list that people look at, which may be long; it uses no connection that other work needs.
    case listing
}

/// The size and the deadlines of a pool.
public struct PoolConfiguration: Sendable, Hashable {
    public var connection: ConnectionConfiguration
    /// The most connections. Four to eight are enough for a coordinator; each is a process of the
    /// server.
    public var connectionCountMax = 8
    /// The most waiting callers; beyond it a caller is refused at once.
    public var waiterCountMax = 1024
    /// The deadline of callers that give none.
    public var acquireDeadline: Duration = .seconds(5)
    /// How long `close` waits for connections in use before it interrupts them.
    public var closeDeadline: Duration = .seconds(10)

    public init(_ connection: ConnectionConfiguration) { self.connection = connection }

    public init(_ connectionInfo: String) { self.init(ConnectionConfiguration(connectionInfo)) }
}
