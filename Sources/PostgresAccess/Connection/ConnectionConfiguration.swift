// Where PostgreSQL is and how long we wait for it. Everything libpq understands can be said in
// `connectionInfo` (TLS, several hosts with target_session_attrs, passfile, …) and wins over the
// defaults given here. Reads no environment of its own; libpq reads its PG… variables for what the
// connection info leaves open.

/// The settings of a connection. The connection info may contain a password and is never printed.
public struct ConnectionConfiguration: Sendable, Hashable, CustomStringConvertible {
    /// A `postgres://…` URL or a conninfo string (`host=… dbname=…`).
    public var connectionInfo: String
    /// The name that `pg_stat_activity` shows.
    public var applicationName = "language-system"
    /// The deadline for connecting to each host; libpq rounds it up to seconds, at least 2.
    public var connectDeadline: Duration = .seconds(5)
    /// The deadline of one statement, whatever it waits for; the server's `statement_timeout` is
    /// set to it.
    public var statementDeadline: Duration = .seconds(30)
    /// The most prepared statements of a connection; beyond it the least recently used one is
    /// deallocated.
    public var preparedStatementCountMax = 256

    public init(_ connectionInfo: String) { self.connectionInfo = connectionInfo }

    public var description: String { "ConnectionConfiguration(<redacted>)" }

    /// The keywords and values for libpq, defaults first: the later of two equal keywords counts.
    var parameters: [(keyword: String, value: String)] {
        let connectSeconds = max(2, Int((Int64(connectDeadline.milliseconds) + 999) / 1000))
        return [
            ("fallback_application_name", applicationName),
            ("connect_timeout", String(connectSeconds)),
            ("keepalives_idle", "15"),
            ("keepalives_interval", "5"),
            ("keepalives_count", "3"),
            ("tcp_user_timeout", "20000"),
            ("client_encoding", "UTF8"),
            ("dbname", connectionInfo),
        ]
    }
}
