// What can go wrong between us and PostgreSQL, with the server's own words kept apart field by
// field. What a person is told about it is decided in PostgresError+LanguageSystemError.swift.

/// Why a statement, or the connection it needed, failed.
public struct PostgresError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The kind of failure, which decides whether repeating may help.
    public enum Kind: Sendable, Hashable {
        /// The server refused the statement; `sqlState` says why.
        case server
        /// No connection could be made, or the one in use was lost.
        case connection
        /// No connection can be made with these settings, such as a wrong password or an unknown
        /// database.
        case refused
        /// The deadline was over.
        case deadline
        /// The calling task was cancelled.
        case cancelled
        /// Too many callers are waiting for a connection already.
        case busy
        /// The pool has been closed.
        case closed
        /// The calling code is wrong: an unknown column, another type, a forgotten commit.
        case usage
        /// A value that PostgreSQL cannot store, such as text with a zero byte.
        case unsendable
    }

    public let kind: Kind
    /// The SQLSTATE of five characters; nil unless the server sent the error.
    public let sqlState: String?
    /// The server's message, or our own sentence.
    public let message: String
    /// The server's DETAIL, if any.
    public let detail: String?
    /// The server's HINT, if any.
    public let hint: String?
    /// The name of the violated constraint, if any.
    public let constraint: String?

    public init(
        _ kind: Kind, _ message: String, sqlState: String? = nil, detail: String? = nil,
        hint: String? = nil, constraint: String? = nil
    ) {
        self.kind = kind
        self.sqlState = sqlState
        self.message = message
        self.detail = detail
        self.hint = hint
        self.constraint = constraint
    }

    /// Whether a deadlock or serialization conflict ended the transaction; the same transaction may
    /// succeed when it is run again.
    public var isSerializationFailure: Bool { sqlState == "40001" || sqlState == "40P01" }

    /// Whether a row was deleted while the statement ran, so that a foreign key or a look-up
    /// failed. The statement, run again, sees that the row is gone.
    public var isLostRow: Bool { sqlState == "23503" || sqlState == "P0002" }

    /// Whether a lock of another transaction ended this one: a lock timeout or a deadlock.
    var isOfLock: Bool { sqlState == "55P03" || sqlState == "40P01" }

    /// Whether the server does not know or accept a setting of the session.
    var isOfSetting: Bool {
        kind == .server && (sqlState?.hasPrefix("22") == true || sqlState?.hasPrefix("42") == true)
    }

    public var description: String {
        sqlState.map { "\(message) (SQLSTATE \($0))" } ?? message
    }
}

extension PostgresError {
    static func usage(_ message: String, hint: String? = nil) -> Self {
        Self(.usage, message, hint: hint)
    }

    static func connectionLost(_ reason: String) -> Self {
        Self(.connection, "the connection to PostgreSQL was lost: \(reason)")
    }

    static func cannotConnect(_ reason: String) -> Self {
        Self(.connection, "cannot connect to PostgreSQL: \(reason)")
    }

    static func cannotConnect(_ failure: ConnectFailure) -> Self {
        Self(
            failure.isPermanent ? .refused : .connection,
            "cannot connect to PostgreSQL: \(failure.message)", sqlState: failure.sqlState,
            hint: failure.hint)
    }

    static func statementTooLate(after duration: Duration) -> Self {
        Self(.deadline, "PostgreSQL did not finish the statement within \(duration.inSeconds)")
    }

    static let statementCancelled = Self(
        .cancelled, "the statement was cancelled because its caller was")

    static let poolClosed = Self(.closed, "the connection pool is closed")

    /// The error for a server that could not be reached in time.
    static func noConnection(after duration: Duration, lastFailure: String?) -> Self {
        Self(
            .connection,
            "no connection to PostgreSQL within \(duration.inSeconds): "
                + (lastFailure ?? "the server has not answered yet"))
    }

    static func noConnectionFree(after duration: Duration, count: Int) -> Self {
        Self(
            .deadline,
            "no connection became free within \(duration.inSeconds): \(count) in use",
            hint: "try again, or allow more connections")
    }

    static func tooManyWaiters(_ countMax: Int) -> Self {
        Self(
            .busy, "\(countMax) callers are waiting for a connection already",
            hint: "try again later, or allow more connections")
    }
}

extension Duration {
    /// The duration for sentences: "5 s", "0.25 s".
    var inSeconds: String {
        let seconds = Double(components.seconds) + Double(components.attoseconds) * 1e-18
        let rounded = (seconds * 1000).rounded() / 1000
        return rounded == rounded.rounded() ? "\(Int(rounded)) s" : "\(rounded) s"
    }

    /// The duration in whole milliseconds, rounded up and clamped to the range of poll(2) and
    /// PostgreSQL's settings.
    var milliseconds: Int32 {
        let (seconds, attoseconds) = components
        if seconds >= 2_000_000 { return 2_000_000_000 }
        if seconds < 0 || attoseconds < 0 { return 0 }
        return Int32(seconds * 1000 + (attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000)
    }
}
