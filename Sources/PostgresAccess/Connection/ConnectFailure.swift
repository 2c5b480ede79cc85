// Why no connection was made, read off libpq's text, which is all that it gives: whether the same
// can succeed later, and what a person may see of it.
import Foundation

struct ConnectFailure: Equatable {
    /// The error on one line. Of the settings it contains only the names of host, user and
    /// database.
    let message: String
    /// The SQLSTATE, if the server answered and libpq was asked for it.
    let sqlState: String?
    /// Whether the settings are wrong, so that another attempt would fail, too.
    let isPermanent: Bool
    let hint: String?

    /// - Parameters:
    ///   - text: libpq's error, one line for each host that was tried.
    ///   - verboseText: The same error with SQLSTATEs, if the server answered.
    ///   - needsPassword: Whether the server asked for a password and there was none.
    ///   - secrets: What the settings hold beside names: nothing of it is repeated.
    init(
        _ text: String, verboseText: String = "", needsPassword: Bool = false,
        secrets: [String] = []
    ) {
        let isOfConnection = text.hasPrefix("connection to server")
        let isOfName = text.hasPrefix("could not translate host name")
        let isOfOption =
            !isOfConnection && !isOfName
            && Self.optionWords.contains { text.hasPrefix($0) }
        let isOfSetting = Self.settingWords.contains { text.contains($0) }
        let state = Self.sqlState(in: verboseText)
        sqlState = state
        var words = text.split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) }
            .joined(separator: "; ")
        for secret in secrets { words = Self.hide(secret, in: words) }
        // What libpq says of an option repeats its value; so does a server that was not asked
        // twice.
        let isQuoting =
            isOfConnection ? state == nil && Self.isServerSpeaking(text) : !isOfName
        if isQuoting { words = words.replacing(/".*"|".*$/, with: "\"…\"") }
        switch state {
        case let state? where state.hasPrefix("28"):
            isPermanent = true
            hint =
                """
                see the user and password in --database or LSCOORD_DATABASE, in PGPASSWORD and \
                ~/.pgpass, and the server's pg_hba.conf
                """
        case "3D000":
            isPermanent = true
            hint = "create that database first, or name another one"
        case "42501":
            isPermanent = true
            hint = nil
        case let state? where Self.isOfSetting(state, text):
            // The server's sentence repeats values, and in its own language.
            isPermanent = true
            words = Self.place(in: words) + "the server does not take a setting of the connection"
            hint =
                """
                see options and client_encoding in --database or LSCOORD_DATABASE, PGOPTIONS, and \
                ignore_startup_parameters of a PgBouncer between
                """
        default:
            isPermanent = needsPassword || isOfOption || isOfSetting
            hint =
                needsPassword
                ? "write it into LSCOORD_DATABASE or the settings file, PGPASSWORD or ~/.pgpass"
                : nil
        }
        message = words
    }

    /// Whether the text is the server's: its severity is followed by two spaces.
    static func isServerSpeaking(_ text: String) -> Bool { text.contains(":  ") }

    /// The last SQLSTATE in the text: that of the host that ended the attempt.
    private static func sqlState(in text: String) -> String? {
        text.matches(of: #/:  ([0-9A-Z]{5}): /#).last.map { String($0.1) }
    }

    /// Whether the error is about a setting: an invalid value, name or syntax, one that cannot be
    /// set in a session, or one that a pooler does not forward.
    private static func isOfSetting(_ state: String, _ text: String) -> Bool {
        ["22", "42", "0A"].contains { state.hasPrefix($0) } || state == "55P02"
            || (state == "08P01" && text.contains("startup parameter"))
    }

    /// The prefix "connection to server at … failed: " of the host that ended the attempt.
    private static func place(in words: String) -> String {
        guard let begin = words.range(of: "connection to server", options: .backwards),
            let end = words.range(of: " failed: ", range: begin.lowerBound..<words.endIndex)
        else { return "" }
        return String(words[begin.lowerBound..<end.upperBound])
    }

    /// Replaces the value where it stands as a whole word, not within "preferred".
    private static func hide(_ secret: String, in words: String) -> String {
        var (hidden, rest) = ("", words[...])
        while let found = rest.range(of: secret, options: .literal) {
            let isPart = [rest[..<found.lowerBound].last, rest[found.upperBound...].first]
                .contains { $0?.isLetter == true || $0?.isNumber == true }
            hidden += rest[..<found.lowerBound] + (isPart ? rest[found] : "…")
            rest = rest[found.upperBound...]
        }
        return hidden + rest
    }

    private static let optionWords = [
        "invalid ", "could not match ", "definition of service ", "service file ",
        "could not parse network address", "syntax error in service file",
        "nested service specifications", "sslmode value", "gssencmode value",
    ]

    /// libpq's own errors about settings, which are the same for every host.
    private static let settingWords = [
        "invalid integer value", "channel binding required", "channel binding is required",
        "GSSAPI encryption required", "does not support GSSAPI encryption",
        "doesn't support GSSAPI encryption", "requirepeer", "root certificate file",
        "certificate file", "private key file", "certificate verify failed",
        "does not match host name", "server does not support SSL, but SSL was required",
        "SSL protocol version", "is too long (maximum", "authentication not supported",
    ]
}
