// The one error that a person reads. What could not be done: what was found, what was expected;
// then, if we know it, what to do. Each case is built by a named function beside the code that
// meets it (`extension LanguageSystemError`), so that wording and values live in one place.
// How a code looks on each surface (SQLSTATE, gRPC, HTTP, exit status) is ErrorCode's table.

/// An error with a code, one sentence for people, and often a hint.
public struct LanguageSystemError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The kind of error, which decides SQLSTATE, gRPC status, HTTP status and exit status.
    public let code: ErrorCode
    /// One sentence without a full stop, which says what could not be done, what was found and what
    /// was expected. It contains values, but never weights, feature values, tokens or keys.
    public let message: String
    /// What the reader can do about the error, if known.
    public let hint: String?
    /// The underlying error, for the log only; it is never sent to a client.
    public let cause: String?
    /// The field of the request that the error is about, such as `features.shape[0]`; nil if none.
    public let field: String?

    public init(
        _ code: ErrorCode, _ message: String, hint: String? = nil, cause: String? = nil,
        field: String? = nil
    ) {
        self.code = code
        self.message = message
        self.hint = hint
        self.cause = cause
        self.field = field
    }

    /// The same error with a cause for the log.
    public func caused(by cause: String) -> Self {
        Self(code, message, hint: hint, cause: cause, field: field)
    }

    /// The same error with the field of the request that it is about.
    public func of(field: String) -> Self {
        Self(code, message, hint: hint, cause: cause, field: field)
    }

    /// The message, and the hint on a second line.
    public var description: String {
        hint.map { "\(message)\n  hint: \($0)" } ?? message
    }
}
