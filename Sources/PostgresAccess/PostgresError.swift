// What can go wrong between us and PostgreSQL, with the server's own words kept apart field by
// field. What a person is told about it is decided in PostgresError+CoordinatorError.swift.

/// Why a statement, or the connection it needed, failed.
public struct PostgresError: Error, Sendable, Equatable, CustomStringConvertible {
    public enum Kind: Sendable, Hashable {
        /// The server refused; `sqlState` says why.
        case server
        /// No connection could be made, or the one in use was lost.
        case connection
        /// No connection can be made with these settings: a wrong password, no such database.
        case refused
        /// The time allowed was over.
        case deadline
        /// The calling task was cancelled.
        case cancelled
        /// Too many callers are waiting for a connection already.
        case busy
        /// The pool has been closed.
        case closed
        /// We asked for something impossible: an unknown column, another type, a forgotten commit.
        case usage
        /// A value that PostgreSQL cannot hold: text with a zero byte.
        case unsendable
    }

    public let kind: Kind
    /// Five characters, from the server only.
    public let sqlState: String?
    public let message: String
    public let detail: String?
    public let hint: String?
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

    /// Two transactions got in each other's way; the same transaction run again may succeed.
    public var isSerializationFailure: Bool { sqlState == "40001" || sqlState == "40P01" }

    /// A row that was there when the statement began was deleted under its hands: a foreign key or
    /// a look-up found nothing. Run again, the statement finds out from the start.
    public var isLostRow: Bool { sqlState == "23503" || sqlState == "P0002" }

    /// Somebody else's lock, for longer than this transaction cared to wait, or its own turn about.
    var isOfLock: Bool { sqlState == "55P03" || sqlState == "40P01" }

    /// A setting of the session that this server does not know or take.
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

    /// The server could not be reached in time.
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
    /// "5 s", "0.25 s": for sentences.
    var inSeconds: String {
        let seconds = Double(components.seconds) + Double(components.attoseconds) * 1e-18
        let rounded = (seconds * 1000).rounded() / 1000
        return rounded == rounded.rounded() ? "\(Int(rounded)) s" : "\(rounded) s"
    }

    /// Whole milliseconds, rounded up, within what poll(2) and PostgreSQL's settings take.
    var milliseconds: Int32 {
        let (seconds, attoseconds) = components
        if seconds >= 2_000_000 { return 2_000_000_000 }
        if seconds < 0 || attoseconds < 0 { return 0 }
        return Int32(seconds * 1000 + (attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000)
    }
}
