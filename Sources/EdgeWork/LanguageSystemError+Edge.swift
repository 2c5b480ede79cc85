// How the worker's own refusals and failures read.
import Foundation
import LanguageSystem

extension LanguageSystemError {
    static func notAllowed(_ kind: TaskKind) -> Self {
        Self(
            .forbiddenTransition, "cannot take this \(kind.rawValue) task: this worker does none",
            hint: "its owner allows what it does: lsworker join --allow")
    }

    /// - Parameter fault: Why its host cannot be one; nil: it is not even host and port.
    static func malformedCoordinator(_ text: String, fault: String? = nil) -> Self {
        Self(
            .invalidSettings,
            """
            cannot use the coordinator '\(text.printable(80))': \
            \(fault ?? "expected host or host:port")
            """,
            hint: "for example --coordinator coordinator.example.org:8443")
    }

    /// - Parameter place: The host and port in it; nil: there are none that could be used.
    static func coordinatorIsURL(_ text: String, meant place: String?) -> Self {
        Self(
            .invalidSettings,
            "cannot use the coordinator '\(text.printable(80))': found a URL, "
                + "expected host or host:port",
            hint: "write --coordinator \(place ?? "coordinator.example.org:8443")")
    }

    static func unreadableState(_ path: String) -> Self {
        Self(
            .invalidSettings, "cannot read \(path): it is not what lsworker writes",
            hint: "move the state directory away and join with a new token")
    }

    static func unusableState(_ path: String, cause: String) -> Self {
        Self(.unavailable, "cannot use the state directory \(path): \(cause)")
    }

    static func stateInUse(_ path: String) -> Self {
        Self(
            .busy, "cannot start: another worker uses the state directory \(path)",
            hint: "stop it, or give this one its own --state-dir")
    }

    static func certificateOfAnotherKey(_ place: String) -> Self {
        Self(
            .identityRefused,
            "cannot use the certificate in \(place): it is for another key than ours",
            hint: "move the state directory away and join with a new token")
    }

    static func renamedByRenewal(from old: String, to new: String) -> Self {
        Self(
            .identityRefused,
            "cannot use the renewed certificate: it is for worker '\(new)', this one is '\(old)'")
    }

    static func anotherAuthority(_ address: String, found: [Digest], expected: Digest) -> Self {
        let keys = found.map { "\($0.short)…" }.joined(separator: " or ")
        return Self(
            .identityRefused,
            """
            cannot join \(address): its authority's key is \(keys), the token says \
            \(expected.short)…; nothing was sent
            """,
            hint:
                """
                is this the coordinator that made the token, started since its key was rotated? If \
                so, somebody is in between
                """
        )
    }

    static func contradictoryJoinReply(_ address: String) -> Self {
        Self(
            .internal,
            """
            cannot join \(address): its reply names another worker than its certificate, or no port
            """
        )
    }

    static func unreadableAnswer(_ address: String) -> Self {
        Self(
            .internal, "cannot join \(address): its answer is not what lscoord says",
            hint: "is it the HTTPS port of lscoord?")
    }

    static func unexpectedStatus(_ address: String, _ status: UInt) -> Self {
        Self(
            status >= 500 ? .unavailable : .invalidArgument,
            "cannot join \(address): it answered with HTTP status \(status)",
            hint: "is it the HTTPS port of lscoord?")
    }

    static func noAnswer(_ address: String, cause: any Error) -> Self {
        Self(
            .unavailable, "cannot reach the coordinator at \(address)",
            hint: "is it running, and does its certificate name this host?", cause: "\(cause)")
    }

    static func takenForExpired(_ address: String, until end: Date, now: Date, cause: String)
        -> Self
    {
        Self(
            .unavailable,
            """
            cannot connect to \(address): it takes this worker's certificate for expired, which \
            holds until \(end.formatted(.iso8601)), and this machine's clock says \
            \(now.formatted(.iso8601))
            """,
            hint: "set the clocks of both machines, for example by NTP", cause: cause)
    }

    static func silentCoordinator(_ address: String, for silence: Duration) -> Self {
        Self(
            .unavailable,
            """
            cannot hear the coordinator at \(address): nothing came for \
            \(silence.components.seconds) seconds
            """
        )
    }

    static func sessionEnded(_ address: String) -> Self {
        Self(.unavailable, "the coordinator at \(address) ended the session")
    }

    static func pieceOutOfPlace(
        _ name: String, offset: Int64, of byteCount: Int64, expected: Int64, _ expectedCount: Int64
    ) -> Self {
        Self(
            .internal,
            """
            cannot fetch \(name): found bytes at \(offset) of \(byteCount), expected at \
            \(expected) of \(expectedCount)
            """
        )
    }

    /// - Parameter path: For the log of this machine; others are told the digest that the file is
    ///   named for.
    static func cannotCache(_ path: String, cause: String) -> Self {
        Self(
            .unavailable,
            "cannot keep \(path.fileName.prefix(12))… in this worker's cache: \(cause)", cause: path
        )
    }

    static func cannotReadCache(_ path: String, cause: String) -> Self {
        Self(
            .unavailable, "cannot read \(path.fileName.prefix(12))… in this worker's cache",
            cause: "\(path): \(cause)")
    }

    /// The same for those who are not on this machine: what its directories are called is nothing
    /// to them, and files are named by what is below these.
    func without(directories: [String]) -> Self {
        // The longest first: one may be in another.
        let hidden = directories.sorted { $0.utf8.count > $1.utf8.count }
        func said(_ text: String) -> String {
            hidden.reduce(text) { text, directory in
                let named = text.replacing("\(directory)/", with: "")
                return named.replacing(directory, with: "its directory")
            }
        }
        return Self(code, said(message), hint: hint.map(said), cause: cause, field: field)
    }

    static func doesNotFit(_ name: String, byteCount: Int64, available: Int64, max: Int64) -> Self {
        Self(
            .tooLarge,
            """
            cannot fetch \(name): found \(byteCount) bytes, the cache has room for \(available) of \
            \(max)
            """,
            hint: "give this worker a larger --cache-size")
    }

    static func damagedBlob(_ name: String, tries: Int) -> Self {
        Self(
            .unavailable,
            "cannot fetch \(name): its SHA-256 was another than announced, \(tries) times in a row")
    }

    static func leaving() -> Self {
        Self(.unavailable, "cannot finish: the worker is leaving")
    }

    static func full(capacity: Int) -> Self {
        Self(
            .busy, "cannot take this task: found more than the \(capacity) this worker does at once"
        )
    }

    /// An error that nobody foresaw. Others hear its type alone: its words may hold anything of
    /// this machine.
    static func workFailed(_ cause: any Error) -> Self {
        Self(
            .internal, "cannot finish: found an unexpected error of type \(type(of: cause))",
            hint: "the worker's log says more", cause: "\(cause)")
    }

    /// The same sentence with names instead of places on this machine, which are nobody else's
    /// business; the log still has the places.
    ///
    /// - Parameter places: Directories after what lies in them.
    func naming(_ places: [(path: String, name: String)]) -> Self {
        let named = places.reduce(message) { text, place in
            text.replacingOccurrences(of: place.path, with: place.name)
        }
        if named == message { return self }
        return Self(
            code, named, hint: hint, cause: cause.map { "\(message): \($0)" } ?? message)
    }
}

extension String {
    /// The last part of a path.
    fileprivate var fileName: Substring { split(separator: "/").last ?? self[...] }
}
