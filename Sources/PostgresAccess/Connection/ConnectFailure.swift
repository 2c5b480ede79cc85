// Why no connection was made, read off libpq's text, which is all that it gives: whether the same
// can succeed later, and what a person may see of it.
import Foundation

struct ConnectFailure: Equatable {
    /// On one line; of the settings' own text only a host's, user's or database's name.
    let message: String
    /// The server's, when it answered and was asked to say it.
    let sqlState: String?
    /// The settings are wrong: the same again has the same end.
    let isPermanent: Bool
    let hint: String?

    /// - Parameters:
    ///   - text: What libpq says; a line for each host tried.
    ///   - verboseText: The same with SQLSTATEs, if the server answered.
    ///   - needsPassword: The server wanted one and there was none.
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

    /// Whether the server spoke: its severity is followed by two blanks.
    static func isServerSpeaking(_ text: String) -> Bool { text.contains(":  ") }

    /// The last one: of several hosts the one that ended the attempt.
    private static func sqlState(in text: String) -> String? {
        text.matches(of: #/:  ([0-9A-Z]{5}): /#).last.map { String($0.1) }
    }

    /// A value, a name or a syntax that no server takes, one that cannot be set in a session, and
    /// what a pooler does not hand on.
    private static func isOfSetting(_ state: String, _ text: String) -> Bool {
        ["22", "42", "0A"].contains { state.hasPrefix($0) } || state == "55P02"
            || (state == "08P01" && text.contains("startup parameter"))
    }

    /// "connection to server at … failed: ", of the host that ended the attempt.
    private static func place(in words: String) -> String {
        guard let begin = words.range(of: "connection to server", options: .backwards),
            let end = words.range(of: " failed: ", range: begin.lowerBound..<words.endIndex)
        else { return "" }
        return String(words[begin.lowerBound..<end.upperBound])
    }

    /// Where the value stands as a word of its own: "prefer" is no part of "preferred".
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

    /// Of libpq itself, at whichever host: no server would make another answer of it.
    private static let settingWords = [
        "invalid integer value", "channel binding required", "channel binding is required",
        "GSSAPI encryption required", "does not support GSSAPI encryption",
        "doesn't support GSSAPI encryption", "requirepeer", "root certificate file",
        "certificate file", "private key file", "certificate verify failed",
        "does not match host name", "server does not support SSL, but SSL was required",
        "SSL protocol version", "is too long (maximum", "authentication not supported",
    ]
}
