// What the embedded cluster needs to know. The defaults are for real use; tests give up
// durability.

public struct EmbeddedClusterConfiguration: Sendable, Hashable {
    /// Holds the data, the socket, the log and the lock; made when missing.
    public var dataDirectory: String
    public var databaseName = "language_system"
    /// As root: the account the server runs as; nil means `postgres`, or else `nobody`.
    public var serverAccount: String?
    /// False: a crash of the machine loses everything. For tests.
    public var isDurable = true
    public var connectionCountMax = 100
    /// More `-c name=value` settings of the server.
    public var settings: [String: String] = [:]
    /// Recovery after a crash counts, too.
    public var startDeadline: Duration = .seconds(120)
    /// For connections to end in peace; then the server is stopped hard, and recovers at its next
    /// start.
    public var stopDeadline: Duration = .seconds(20)

    public init(dataDirectory: String) { self.dataDirectory = dataDirectory }
}
