// Where PostgreSQL is and how long we wait for it. Everything libpq understands can be said in
// `connectionInfo` (TLS, several hosts with target_session_attrs, passfile, …) and wins over the
// defaults given here. Reads no environment of its own; libpq reads its PG… variables for what the
// connection info leaves open.

/// How to make one connection. The connection info may hold a password and is never printed.
public struct ConnectionConfiguration: Sendable, Hashable, CustomStringConvertible {
    /// A `postgres://…` URL or a conninfo string (`host=… dbname=…`).
    public var connectionInfo: String
    /// What `pg_stat_activity` shows.
    public var applicationName = "language-system"
    /// For each host tried; libpq rounds up to seconds and waits at least 2.
    public var connectDeadline: Duration = .seconds(5)
    /// For one statement, whatever it waits for: also the server's own `statement_timeout`.
    public var statementDeadline: Duration = .seconds(30)
    /// Beyond it the least recently used prepared statement is given back.
    public var preparedStatementCountMax = 256

    public init(_ connectionInfo: String) { self.connectionInfo = connectionInfo }

    public var description: String { "ConnectionConfiguration(<redacted>)" }

    /// Keywords and values for libpq, defaults first: of two equal keywords the later one counts.
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
