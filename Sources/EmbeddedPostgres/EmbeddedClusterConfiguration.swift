// What the embedded cluster needs to know. The defaults are for real use; tests give up
// durability.

/// Where an embedded cluster lives, and how its server runs.
public struct EmbeddedClusterConfiguration: Sendable, Hashable {
    /// The directory of the data, the socket, the log and the lock; it is made when it is missing.
    public var dataDirectory: String
    /// The name of the database that `start` makes.
    public var databaseName = "language_system"
    /// The account that the server runs as when this program is root; nil means `postgres`, or
    /// `nobody` if there is none.
    public var serverAccount: String?
    /// Whether commits survive a crash of the machine; false is for tests.
    public var isDurable = true
    /// The server's `max_connections`.
    public var connectionCountMax = 100
    /// More `-c name=value` settings of the server.
    public var settings: [String: String] = [:]
    /// The deadline of a start, which includes recovery after a crash.
    public var startDeadline: Duration = .seconds(120)
    /// The time that connections get to end at a stop; then the server is stopped at once, and
    /// recovers at its next start.
    public var stopDeadline: Duration = .seconds(20)

    public init(dataDirectory: String) { self.dataDirectory = dataDirectory }
}
