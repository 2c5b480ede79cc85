// The database's errors in the words of the whole system. SQLSTATEs of class LS are our own
// functions speaking: their message and hint go to the person as they are. Everything else the
// server says stays in `cause`, for the log.
public import LanguageSystem

extension PostgresError {
    /// This error as a `LanguageSystemError`; a SQLSTATE of class `LS` gives its own code.
    public var coordinatorError: LanguageSystemError {
        switch kind {
        case .server: serverError(sqlState ?? "")
        case .connection, .closed: LanguageSystemError(.unavailable, message, hint: hint)
        case .refused: LanguageSystemError(.invalidSettings, message, hint: hint)
        case .deadline: LanguageSystemError(.deadlineExceeded, message, hint: hint)
        case .cancelled: LanguageSystemError(.cancelled, message, hint: hint)
        case .busy: LanguageSystemError(.busy, message, hint: hint)
        case .unsendable: LanguageSystemError(.invalidArgument, message, hint: hint)
        case .usage:
            LanguageSystemError(
                .internal, "the database layer was used wrongly: \(message)", hint: hint)
        }
    }

    private func serverError(_ sqlState: String) -> LanguageSystemError {
        if let code = ErrorCode(sqlState: sqlState) {
            return LanguageSystemError(code, message, hint: hint, cause: detail)
        }
        return LanguageSystemError(
            Self.code(ofForeign: sqlState), "PostgreSQL refused: \(message)", hint: hint,
            cause: cause)
    }

    private var cause: String {
        var parts = [description]
        if let detail { parts.append("detail: \(detail)") }
        if let constraint { parts.append("constraint: \(constraint)") }
        return parts.joined(separator: "; ")
    }

    /// The code for PostgreSQL's own SQLSTATEs that are not errors of our code.
    private static func code(ofForeign sqlState: String) -> ErrorCode {
        switch sqlState {
        // query_canceled, idle_in_transaction_session_timeout.
        case "57014", "25P03": .deadlineExceeded
        // The server goes, comes or is full; a standby took over; nothing more can be written.
        case "57P01", "57P02", "57P03", "57P05", "25006": .unavailable
        // Serialization, deadlock, lock_not_available, too_many_connections: again, later.
        case "40001", "40P01", "55P03", "53300": .busy
        case "23505": .alreadyExists
        // invalid_text_representation, untranslatable_character: what came is no JSON, no text.
        case "22P02", "22P05": .invalidArgument
        // Missing or wrong schema objects: another program's schema.
        case "3F000", "42P01", "42883", "42703": .schemaMismatch
        case "42501": .identityRefused
        // Wrong role, password or database name.
        case let state where state.hasPrefix("28") || state == "3D000": .invalidSettings
        case let state where state.hasPrefix("08"): .unavailable
        // Out of disk, memory or another resource; I/O errors.
        case let state where state.hasPrefix("53") || state.hasPrefix("58"): .unavailable
        default: .internal
        }
    }
}

extension LanguageSystemError {
    /// Turns any error of a database call into a `LanguageSystemError`.
    public init(database error: any Error) {
        switch error {
        case let error as LanguageSystemError: self = error
        case let error as PostgresError: self = error.coordinatorError
        case is CancellationError:
            self.init(.cancelled, "the request was cancelled before it was finished")
        default:
            self.init(
                .internal, "a database call failed in an unforeseen way",
                cause: String(describing: error))
        }
    }
}
