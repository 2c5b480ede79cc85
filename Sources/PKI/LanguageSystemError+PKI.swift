// How refusals of keys, certificates and tokens read. None repeats a key, a token or a secret.
import Foundation
import LanguageSystem

extension LanguageSystemError {
    static func authorityEnded(at end: Date, now: Date) -> Self {
        Self(
            .identityRefused,
            """
            cannot sign a certificate: the authority's own ended at \(end.formatted(.iso8601)), \
            this machine's clock says \(now.formatted(.iso8601))
            """,
            hint:
                """
                if the clock is right: lscoord authority rotate, start lscoord serve again, then \
                join every worker again
                """
        )
    }

    static func authorityKeyMissing(_ keyPath: String, beside certificatePath: String) -> Self {
        Self(
            .identityRefused,
            """
            cannot load the certificate authority: found \(certificatePath) but no key at \(keyPath)
            """,
            hint: "restore the key from a backup; without it every worker must join anew")
    }

    static func authorityKeyIsAnother(_ path: String) -> Self {
        Self(
            .identityRefused,
            """
            cannot load the certificate authority: \(path) is not the certificate of the key \
            beside it
            """,
            hint: "restore both files from the same backup")
    }

    static func noAuthority(_ directory: String) -> Self {
        Self(
            .identityRefused, "cannot load the certificate authority: found none in \(directory)",
            hint: "run this where lscoord's data directory is, or name it with --data-dir")
    }

    static func previousAuthorityMissing(_ directory: String, _ previous: Digest) -> Self {
        Self(
            .identityRefused,
            """
            cannot load the certificate authority: \(directory) lacks what the rotation left of \
            key \(previous.short)…, which workers still depend on
            """,
            hint: "copy the whole ca directory from where lscoord authority rotate ran")
    }

    static func authorityOfAnotherUser(_ path: String) -> Self {
        Self(
            .identityRefused,
            "cannot rotate the certificate authority: \(path) belongs to another user",
            hint: "run this as the user who runs lscoord serve")
    }

    static func authorityIsNotPresent(found: Digest, present: Digest) -> Self {
        Self(
            .identityRefused,
            """
            cannot rotate the certificate authority: found key \(found.short)…, the database knows \
            \(present.short)…
            """,
            hint: "run this where the present ca directory is")
    }

    static func rotationUnderWay(_ previous: Digest) -> Self {
        Self(
            .forbiddenTransition,
            """
            cannot rotate the certificate authority: key \(previous.short)… of the rotation before \
            is not retired yet
            """,
            hint: "lscoord authority retire comes first")
    }

    static func authorityCannotSignAuthorities(_ path: String) -> Self {
        Self(
            .forbiddenTransition,
            """
            cannot rotate the certificate authority: \(path) was made by an older lscoord and may \
            not sign another authority
            """,
            hint: "with --force the key is rotated all the same, and every worker must join again")
    }

    static func noAuthorities(_ place: String) -> Self {
        Self(
            .identityRefused,
            "cannot trust \(place): expected one or two authorities' certificates that belong to it"
        )
    }

    static func keyReadableByOthers(_ path: String, mode: Int) -> Self {
        Self(
            .identityRefused,
            """
            cannot use the key \(path): found mode 0\(String(mode, radix: 8)), expected that only \
            its owner may read it
            """,
            hint: "chmod 600 \(path), and think of the key as known to those who could read it")
    }

    static func keyOfAnotherUser(_ path: String) -> Self {
        Self(.identityRefused, "cannot use the key \(path): it belongs to another user")
    }

    static func unreadableKey(_ path: String) -> Self {
        Self(.identityRefused, "cannot use the key \(path): found no private key in PEM")
    }

    static func unreadableCertificate(_ place: String) -> Self {
        Self(
            .identityRefused, "cannot use the certificate in \(place): found no certificate in PEM")
    }

    static func serverWithoutName() -> Self {
        Self(
            .invalidSettings,
            "cannot make a server's certificate: found no name, expected at least one")
    }

    static func invalidServerName(_ name: String, because fault: String) -> Self {
        Self(
            .invalidSettings,
            "cannot make a certificate for '\(name.printable(80))': \(fault)",
            hint: "expected a host's name of letters, digits, '-' and '.', or an IP address")
    }

    static func invalidWorkerName(_ name: String) -> Self {
        Self(
            .identityRefused,
            """
            cannot make a certificate for worker '\(name.printable(80))': expected 1 to 63 \
            characters a-z, 0-9, '.', '_', '-'
            """
        )
    }

    static func certificateRequestRefused(_ reason: String) -> Self {
        Self(.identityRefused, "cannot accept the certificate request: \(reason)")
    }

    /// - Parameter owner: "worker" or "coordinator".
    static func notAClientCertificate(of owner: String, _ reason: String) -> Self {
        Self(
            .identityRefused, "cannot accept this certificate as a \(owner)'s: \(reason)",
            hint: owner == "worker" ? "join with a token of this coordinator: lsworker join" : nil)
    }

    static func invalidCoordinatorName(_ name: String) -> Self {
        Self(
            .invalidArgument,
            "cannot issue a certificate: '\(name.printable(80))' is not a coordinator's name")
    }

    static func malformedToken(_ reason: String) -> Self {
        Self(
            .tokenRefused, "cannot use this join token: \(reason)",
            hint: "a token reads LS1<64 digits>::ID.SECRET; make one with: lscoord token create")
    }

    static func cannotSign(_ what: String, cause: String) -> Self {
        Self(.internal, "cannot sign \(what)", cause: cause)
    }

    static func cannotRead(_ path: String, cause: String) -> Self {
        Self(.unavailable, "cannot read \(path): \(cause)")
    }

    static func cannotWrite(_ path: String, cause: String) -> Self {
        Self(.unavailable, "cannot write \(path): \(cause)")
    }
}
