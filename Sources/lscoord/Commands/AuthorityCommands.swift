import ArgumentParser
import Foundation
import LanguageSystem
import Ledger
import PKI

struct AuthorityCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "authority",
        abstract: "Show and replace the key of the certificate authority.",
        discussion: """
            The authority signs the certificates of this server and of every worker. Its key is \
            the file ca/ca-key.pem in the data directory. Only the file's owner can read it, and \
            it is never in the database.

            Examples:
              lscoord authority status
              lscoord authority rotate --reason 'once a year'     then start lscoord serve again
              lscoord authority retire --reason 'all renewed'     a day later; then start it again
            """,
        subcommands: [AuthorityStatusCommand.self, AuthorityRotate.self, AuthorityRetire.self])
}

struct AuthorityStatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Show the authority's keys, and which workers still depend on the previous one.")

    @OptionGroup var common: CommonOptions

    func run() async throws {
        let settings = try await Settings.resolve(common)
        let status = try await Database.withLedgerAtRest(settings) {
            try await $0.authorityStatus()
        }
        guard let status else { throw LanguageSystemError.noAuthorityYet("show") }
        var table = TextTable(["authority", "key", "what hangs on it"])
        table.add(["present", status.publicKeySHA256.short, "signs since \(status.since)"])
        if let previous = status.previousPublicKeySHA256 {
            table.add(["previous", previous.short, Self.dependants(status)])
        }
        print(table.text)
        try Self.sayWhereFilesDiffer(from: status, in: settings.authorityDirectory)
    }

    /// An admin may ask from a machine that has no files at all.
    private static func sayWhereFilesDiffer(from status: AuthorityStatus, in directory: String)
        throws(LanguageSystemError)
    {
        guard FileManager.default.fileExists(atPath: directory + "/ca-key.pem") else { return }
        let authority = try CertificateAuthority.load(in: directory)
        let found = authority.publicKeySHA256
        guard found != status.publicKeySHA256 else {
            let days = Int(authority.life.secondsLeft(at: Date()) / (24 * 3600))
            print("the present one ends at \(authority.life.notAfter), in \(days) days")
            return
        }
        print(
            """
            \(directory) holds key \(found.short), not the present one: if a rotation was \
            interrupted here,
            lscoord serve or lscoord authority rotate finishes it; otherwise copy the directory \
            from where it ran
            """)
    }

    private static func dependants(_ status: AuthorityStatus) -> String {
        let (count, names) = (status.previousWorkers.count, status.previousWorkers.prefix(5))
        var text = "\(count) of \(status.workerCount) workers carry its certificates"
        if count > 0 {
            text += ": " + names.joined(separator: ", ") + (count > names.count ? ", …" : "")
        }
        if status.previousTokenCount > 0 {
            text += "; unused join tokens that name it: \(status.previousTokenCount)"
        }
        return text
    }
}

struct AuthorityRotate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rotate", abstract: "Make a new key; workers change to it when they renew.",
        discussion: """
            The previous key is kept until it is retired, so workers and join tokens that know \
            only that key keep working. Start lscoord serve again afterwards. With several \
            coordinators on one database, copy the ca directory to each of them before you start \
            it again.

            If the command was interrupted, run it again. Use --force for an authority that was \
            made by an older lscoord: its key cannot sign the new one, and every worker must join \
            again.

            Example:
              lscoord authority rotate --reason 'once a year'
            """)

    @Option(help: "Why; kept in the audit log.") var reason: String
    @Flag(help: "Rotate even if every worker must then join again.") var force = false
    @OptionGroup var common: CommonOptions

    func run() async throws {
        let settings = try await Settings.resolve(common)
        let (reason, force, directory) = (reason, force, settings.authorityDirectory)
        let now = try await Database.withLedgerAtRest(settings) { ledger in
            guard let status = try await ledger.authorityStatus() else {
                throw LanguageSystemError.noAuthorityYet("rotate")
            }
            let before = DecidedKeys(status)
            // Decided already, and interrupted then.
            if try CertificateAuthority.follow(before, in: directory) == .rotation { return before }
            let next = try CertificateAuthority.prepareRotation(
                in: directory, from: before.present, isForced: force)
            try await ledger.rotateCertificateAuthority(
                pem: next.certificatePEM, publicKeySHA256: next.publicKeySHA256,
                from: before.present, because: reason)
            let after = DecidedKeys(present: next.publicKeySHA256, previous: before.present)
            try CertificateAuthority.follow(after, in: directory)
            return after
        }
        print(
            """
            the authority's key is now \(now.present.short), before it was \
            \(now.previous?.short ?? "-")
            next
              start each lscoord serve again now: until then clients that trust the new ca.pem \
            refuse it, and new join tokens are refused by those who get them
              lscoord authority status     shows who still carries a certificate of the key before
              lscoord authority retire --reason 'all renewed'     when nobody does, about a day \
            later
            """)
    }
}

struct AuthorityRetire: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "retire",
        abstract: "Delete the previous key; certificates that it signed are refused.",
        discussion: """
            The command refuses while a worker's newest certificate was signed by the previous key \
            and is valid or expired less than seven days ago. Start every lscoord serve again \
            before you retire the key, so that it signs with the new one, and again afterwards, so \
            that it refuses certificates of the deleted key. If the command was interrupted, run \
            it again.

            Example:
              lscoord authority retire --reason 'all renewed'
            """)

    @Option(help: "Why; kept in the audit log.") var reason: String
    @Flag(help: "Delete the key although workers depend on it; they must join again.") var force =
        false
    @OptionGroup var common: CommonOptions

    func run() async throws {
        let settings = try await Settings.resolve(common)
        let (reason, force, directory) = (reason, force, settings.authorityDirectory)
        try await Database.withLedgerAtRest(settings) { ledger in
            guard let status = try await ledger.authorityStatus() else {
                throw LanguageSystemError.noAuthorityYet("retire")
            }
            // Decided already, and interrupted then.
            if try CertificateAuthority.follow(DecidedKeys(status), in: directory) == .retirement {
                return
            }
            try await ledger.retireCertificateAuthority(because: reason, isForced: force)
            try CertificateAuthority.follow(
                DecidedKeys(present: status.publicKeySHA256, previous: nil), in: directory)
        }
        print("the key before is deleted; start lscoord serve again")
    }
}

extension DecidedKeys {
    init(_ status: AuthorityStatus) {
        self.init(present: status.publicKeySHA256, previous: status.previousPublicKeySHA256)
    }
}

extension LanguageSystemError {
    static func noAuthorityYet(_ what: String) -> Self {
        Self(
            .unavailable, "cannot \(what) the certificate authority: there is none yet",
            hint: "start lscoord serve first")
    }
}
