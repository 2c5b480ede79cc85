// Reads a connection string before anything is tried with it. libpq would take what it cannot read
// for a database's name on the local socket, or put pieces of it into its complaint; a password
// with an unescaped '@', '/' or '?' then stands in the log as a host's name. So a string that is
// not plainly right is refused here, in words that repeat nothing of it.
import CLibPQ
import Foundation
public import LanguageSystem

/// A `postgres://…` URL, a conninfo string (`host=… dbname=…`) or the name of a local database.
public struct ConnectionInfo: Sendable {
    /// The options of the text, in the order of libpq's own list.
    private let options: [(keyword: String, value: String)]

    /// - Throws: `invalidSettings`.
    public init(_ text: String) throws(LanguageSystemError) {
        let text = text.trimmingCharacters(in: .whitespacesAndNewlines)
        guard !text.isEmpty else { throw .unreadableDatabase("it is empty") }
        guard !text.utf8.contains(0) else { throw .unreadableDatabase("it has a zero byte") }
        if let scheme = text.firstMatch(of: /^([A-Za-z][A-Za-z0-9+.\-]*):\/\//)?.1 {
            guard scheme == "postgres" || scheme == "postgresql" else {
                throw .unreadableDatabase("it begins with \(scheme.prefix(20))://")
            }
            try Self.checkURL(text.dropFirst(scheme.utf8.count + 3))
        } else if !text.contains("=") {
            guard text.wholeMatch(of: /[A-Za-z0-9_][A-Za-z0-9_.\-]*/) != nil else {
                throw .unreadableDatabase("it is neither a URL nor keyword=value pairs")
            }
            options = [("dbname", text)]
            return
        }
        options = try Self.parse(text)
        try Self.check(options)
    }

    /// The value of a keyword of libpq (`host`, `sslmode`); nil when the text does not set it.
    public subscript(keyword: String) -> String? {
        options.first { $0.keyword == keyword }?.value
    }

    /// A conninfo string without passwords, for a program's arguments.
    public var withoutSecrets: String {
        options.filter { !Self.secrets.contains($0.keyword) }.map { keyword, value in
            let escaped = value.replacingOccurrences(of: "\\", with: "\\\\")
                .replacingOccurrences(of: "'", with: "\\'")
            return "\(keyword)='\(escaped)'"
        }.joined(separator: " ")
    }

    private static let secrets: Set<String> = ["password", "sslpassword"]

    /// Checks where a URL's parts begin and end. The first '@', '/' and '?' decide it; a further
    /// one belongs to a password, or is in the wrong place.
    private static func checkURL(_ rest: Substring) throws(LanguageSystemError) {
        guard !rest.contains(where: \.isWhitespace) else {
            throw .unreadableDatabase("it has a blank in it", percentHint)
        }
        let place = rest.prefix { $0 != "?" }
        let authority = place.prefix { $0 != "/" }
        guard authority.count(where: { $0 == "@" }) <= 1 else {
            throw .unreadableDatabase("it has more than one '@'", percentHint)
        }
        let hosts = authority.split(separator: "@", omittingEmptySubsequences: false).last ?? ""
        for host in hosts.split(separator: ",") where host.hasPrefix("[") {
            let address = host.dropFirst().prefix { $0 != "]" && $0 != "%" }
            guard address.contains(":"), address.allSatisfy({ $0.isHexDigit || ":.".contains($0) })
            else { throw .unreadableDatabase("its host in brackets is no IPv6 address") }
        }
        let path = place.dropFirst(authority.count + 1)
        guard !path.contains(where: { $0 == "@" || $0 == "/" }) else {
            throw .unreadableDatabase("its database name has an '@' or a '/'", percentHint)
        }
    }

    private static func parse(_ text: String) throws(LanguageSystemError)
        -> [(keyword: String, value: String)]
    {
        var message: UnsafeMutablePointer<CChar>?
        guard let parsed = PQconninfoParse(text, &message) else {
            let words = message.map { String(cString: $0) } ?? ""
            PQfreemem(message)
            throw .unreadableDatabase(reason(words), percentHint)
        }
        defer { PQconninfoFree(parsed) }
        var options: [(keyword: String, value: String)] = []
        var option = parsed
        while let keyword = option.pointee.keyword {
            if let value = option.pointee.val, value.pointee != 0 {
                options.append((String(cString: keyword), String(cString: value)))
            }
            option += 1
        }
        return options
    }

    /// libpq's error without the text that it quotes.
    private static func reason(_ words: String) -> String {
        let known = [
            // (This one's sentence has the next one's words.)
            ("forbidden value %00", "it has a zero byte (%00)"),
            ("percent-encoded", "it has a '%' that is not followed by two hexadecimal digits"),
            ("unterminated quoted string", "it has a quote that does not end"),
            ("missing \"=\"", "it has a word without '=': a value with blanks needs quotes"),
            ("missing key/value separator", "it has a parameter without '='"),
            ("extra key/value separator", "it has a parameter with two '='"),
            ("invalid URI query parameter", "it has a parameter that PostgreSQL does not know"),
            ("invalid connection option", "it has a keyword that PostgreSQL does not know"),
            ("IPv6", "it has an IPv6 address without its brackets"),
        ]
        return known.first { words.contains($0.0) }?.1 ?? "PostgreSQL's library cannot read it"
    }

    private static func check(_ options: [(keyword: String, value: String)])
        throws(LanguageSystemError)
    {
        for (keyword, value) in options {
            switch keyword {
            case "host":
                for host in value.split(separator: ",") where !isHost(host) {
                    throw .unreadableDatabase(
                        "its host has a character that no host's name has", percentHint)
                }
            case "port":
                for port in value.split(separator: ",") where (UInt16(port) ?? 0) == 0 {
                    throw .unreadableDatabase(
                        "its port is not a number from 1 to 65535", percentHint)
                }
            case "sslmode":
                let modes = ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"]
                guard modes.contains(value) else {
                    throw .unreadableDatabase(
                        "its sslmode is not one of \(modes.joined(separator: ", "))")
                }
            case "dbname", "user":
                guard !value.contains(where: \.isNewline) else {
                    throw .unreadableDatabase("its \(keyword) has a line break")
                }
                guard !value.contains("=") else {
                    throw .unreadableDatabase(
                        """
                        its \(keyword) has an '=': a URL's parameters begin with '?', \
                        keyword=value pairs are set apart by blanks
                        """
                    )
                }
            default: break
            }
        }
    }

    /// Whether the text is a host name, an address or the directory of a socket.
    private static func isHost(_ host: Substring) -> Bool {
        if host.hasPrefix("/") { return true }
        // An abstract socket, in conninfo form.
        let name = host.hasPrefix("@") ? host.dropFirst() : host
        return name.allSatisfy { $0.isLetter || $0.isNumber || ".-_:%".contains($0) }
    }

    private static let percentHint =
        """
        in a URL's user or password write '@' as %40, ':' as %3A, '/' as %2F, '?' as %3F and '%' \
        as %25
        """
}

extension LanguageSystemError {
    /// The error for an unreadable connection string. It repeats nothing of the string, which may
    /// contain a password anywhere.
    static func unreadableDatabase(_ reason: String, _ hint: String? = nil) -> Self {
        Self(
            .invalidSettings,
            "cannot use the database's URL: \(reason); expected postgres://user@host/name",
            hint: hint)
    }
}
