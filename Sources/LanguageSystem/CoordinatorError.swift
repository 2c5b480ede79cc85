// The one error that a person reads. What could not be done: what was found, what was expected;
// then, if we know it, what to do. Each case is built by a named function beside the code that
// meets it (`extension CoordinatorError`), so that wording and values live in one place.
// How a code looks on each surface (SQLSTATE, gRPC, HTTP, exit status) is ErrorCode's table.

/// Why something could not be done, in one sentence, with a hint where we have one.
public struct CoordinatorError: Error, Sendable, Equatable, CustomStringConvertible {
    public let code: ErrorCode
    /// One sentence without a full stop: what could not be done: what was found, what was expected.
    /// Values are included; weights, feature values, tokens and keys never are.
    public let message: String
    /// What to do about it, if we know.
    public let hint: String?
    /// What lay beneath, for the log only: never sent to a client.
    public let cause: String?
    /// Which field of a request it is about, where it is about one: `features.shape[0]`.
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

    /// The same sentence, of which the log says more.
    public func caused(by cause: String) -> Self {
        Self(code, message, hint: hint, cause: cause, field: field)
    }

    /// The same sentence, about this field of the request.
    public func of(field: String) -> Self {
        Self(code, message, hint: hint, cause: cause, field: field)
    }

    public var description: String {
        hint.map { "\(message)\n  hint: \($0)" } ?? message
    }
}
