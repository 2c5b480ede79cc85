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
    init(_ text: String, verboseText: String = "", needsPassword: Bool = false) {
        let isOfConnection = text.hasPrefix("connection to server")
        let isOfName = text.hasPrefix("could not translate host name")
        let line = text.split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) }
            .joined(separator: "; ")
        // What libpq says of an option repeats its value.
        message =
            isOfConnection || isOfName
            ? line : line.replacing(/".*"|".*$/, with: "\"…\"")
        sqlState = Self.sqlState(in: verboseText)
        let isOfOption =
            !isOfConnection && !isOfName
            && Self.optionWords.contains { text.hasPrefix($0) }
        let isOfTLS = Self.tlsWords.contains { text.contains($0) }
        switch sqlState {
        case let state? where state.hasPrefix("28"):
            isPermanent = true
            hint =
                "see the user and password in --database or LSCOORD_DATABASE, in PGPASSWORD and ~/.pgpass, and the server's pg_hba.conf"
        case "3D000":
            isPermanent = true
            hint = "create that database first, or name another one"
        case "42501", "42704":
            isPermanent = true
            hint = nil
        default:
            isPermanent = needsPassword || isOfOption || isOfTLS
            hint =
                needsPassword
                ? "write it into LSCOORD_DATABASE or the settings file, PGPASSWORD or ~/.pgpass"
                : nil
        }
    }

    /// Whether the server spoke: its severity is followed by two blanks.
    static func isServerSpeaking(_ text: String) -> Bool { text.contains(":  ") }

    /// The last one: of several hosts the one that ended the attempt.
    private static func sqlState(in text: String) -> String? {
        text.matches(of: #/:  ([0-9A-Z]{5}): /#).last.map { String($0.1) }
    }

    private static let optionWords = [
        "invalid ", "could not match ", "definition of service ", "service file ",
        "could not parse network address", "syntax error in service file",
        "nested service specifications", "sslmode value",
    ]

    private static let tlsWords = [
        "root certificate file", "certificate verify failed", "does not match host name",
        "server does not support SSL, but SSL was required",
    ]
}
