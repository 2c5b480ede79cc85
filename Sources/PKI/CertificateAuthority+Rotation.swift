// How another key takes over. Three steps, each of which may be the last one before a crash: the
// new key is made ready beside the present one, the database decides, and the files follow. Until
// the database has decided, nothing uses the new key; afterwards whoever comes first (the command
// again, or lscoord when it starts) puts the files in place. So there is one moment of change,
// whatever is interrupted.
import Crypto
public import Foundation
public import LanguageSystem
import SwiftASN1
import X509

/// Which of the authority's keys count, as the database says.
public struct DecidedKeys: Sendable, Hashable {
    /// SHA-256 of the key that signs now.
    public let present: LanguageSystem.Digest
    /// Until it is retired.
    public let previous: LanguageSystem.Digest?

    public init(present: LanguageSystem.Digest, previous: LanguageSystem.Digest?) {
        self.present = present
        self.previous = previous
    }
}

/// What was decided and interrupted, and is done now.
public enum FollowedDecision: Sendable, Hashable {
    case nothing, rotation, retirement
}

/// A key that is ready to take over.
public struct PreparedRotation: Sendable {
    /// The new authority's certificate in PEM.
    public let certificatePEM: String
    /// SHA-256 of the new key's SubjectPublicKeyInfo in DER.
    public let publicKeySHA256: LanguageSystem.Digest
}

extension CertificateAuthority {
    /// Makes a new key with its certificates beside the present one. A second call returns the same
    /// key.
    ///
    /// - Parameters:
    ///   - present: The key that the database knows.
    ///   - isForced: Whether to go on when the present key cannot sign the new one, so that every
    ///     worker must join again.
    /// - Throws: `identityRefused` for other files than those of `present`; `forbiddenTransition`
    ///   during an overlap, or when the present certificate may not sign an authority.
    public static func prepareRotation(
        in directory: String, from present: LanguageSystem.Digest, isForced: Bool = false,
        at now: Date = Date()
    ) throws(LanguageSystemError) -> PreparedRotation {
        try prepareRotation(in: directory, from: present, isForced: isForced, at: now) {}
    }

    /// Finishes an interrupted change that the database has decided: puts a new key in place, or
    /// removes a retired one.
    @discardableResult
    public static func follow(_ decided: DecidedKeys, in directory: String)
        throws(LanguageSystemError) -> FollowedDecision
    {
        try PrivateFile.withLock(on: directory) { () throws(LanguageSystemError) in
            try AuthorityFiles(directory).follow(decided)
        }
    }

    /// - Parameter beforeEachStep: Runs before each step, so that tests can interrupt it.
    static func prepareRotation(
        in directory: String, from present: LanguageSystem.Digest, isForced: Bool, at now: Date,
        beforeEachStep: () throws(LanguageSystemError) -> Void
    ) throws(LanguageSystemError) -> PreparedRotation {
        let files = AuthorityFiles(directory)
        guard try PrivateFile.exists(files.key) else { throw .noAuthority(directory) }
        return try PrivateFile.withLock(on: directory) { () throws(LanguageSystemError) in
            try files.follow(nil)
            let authority = try Self(files)
            try authority.checkRotation(of: present, files, isForced: isForced)
            try beforeEachStep()
            try files.createKey(files.nextKey)
            let key = try files.readKey(files.nextKey)
            try beforeEachStep()
            if try !PrivateFile.exists(files.nextCertificate) {
                let made = try selfSigned(key, at: now)
                try PrivateFile.write(files.nextCertificate, Array(pem(made).utf8), mode: 0o644)
            }
            let certificate = try files.readCertificate(files.nextCertificate)
            guard certificate.publicKey == key.publicKey else {
                throw .authorityKeyIsAnother(files.nextCertificate)
            }
            try beforeEachStep()
            let cross = try authority.crossSigned(certificate, at: now)
            try PrivateFile.write(files.nextCross, Array(pem(cross).utf8), mode: 0o644)
            return PreparedRotation(
                certificatePEM: pem(certificate), publicKeySHA256: key.publicKey.sha256)
        }
    }

    private func checkRotation(
        of present: LanguageSystem.Digest, _ files: AuthorityFiles, isForced: Bool
    ) throws(LanguageSystemError) {
        guard publicKeySHA256 == present else {
            throw .authorityIsNotPresent(found: publicKeySHA256, present: present)
        }
        if let overlap { throw .rotationUnderWay(overlap.previousPublicKeySHA256) }
        guard try PrivateFile.isOurs(files.key) else { throw .authorityOfAnotherUser(files.key) }
        guard isForced || maySignAuthorities else {
            throw .authorityCannotSignAuthorities(files.certificate)
        }
    }

    /// Whether this authority may sign another one; authorities of an older lscoord may not.
    private var maySignAuthorities: Bool {
        guard
            case .isCertificateAuthority(let length)? = try? certificate.extensions.basicConstraints
        else { return false }
        return length.map { $0 >= 1 } ?? true
    }

    /// The cross certificate: the name and key of `next`, signed by this authority.
    private func crossSigned(_ next: Certificate, at now: Date) throws(LanguageSystemError)
        -> Certificate
    {
        do {
            return try Certificate(
                version: .v3, serialNumber: .init(), publicKey: next.publicKey,
                notValidBefore: now - Self.clockSkew,
                notValidAfter: min(next.notValidAfter, certificate.notValidAfter),
                issuer: certificate.subject, subject: next.subject,
                signatureAlgorithm: .ecdsaWithSHA256,
                extensions: try .init {
                    Critical(BasicConstraints.isCertificateAuthority(maxPathLength: 0))
                    Critical(KeyUsage(keyCertSign: true, cRLSign: true))
                    SubjectKeyIdentifier(hash: next.publicKey)
                    AuthorityKeyIdentifier(
                        keyIdentifier: SubjectKeyIdentifier(hash: key.publicKey).keyIdentifier)
                },
                issuerPrivateKey: key)
        } catch {
            throw .cannotSign("the next authority's certificate", cause: "\(error)")
        }
    }
}

/// The files of an authority: the present ones, the prepared ones, and those of the previous key.
/// They are changed only under the lock on the directory.
struct AuthorityFiles {
    let directory: String

    init(_ directory: String) { self.directory = directory }

    var certificate: String { directory + "/ca.pem" }
    var key: String { directory + "/ca-key.pem" }
    var cross: String { directory + "/ca-cross.pem" }
    var nextCertificate: String { directory + "/next-ca.pem" }
    var nextKey: String { directory + "/next-ca-key.pem" }
    var nextCross: String { directory + "/next-ca-cross.pem" }
    var previousCertificate: String { directory + "/previous-ca.pem" }
    var previousKey: String { directory + "/previous-ca-key.pem" }

    /// - Parameter beforeEachStep: Runs before each step, so that tests can interrupt it.
    @discardableResult
    func follow(
        _ decided: DecidedKeys?, beforeEachStep: () throws(LanguageSystemError) -> Void = {}
    ) throws(LanguageSystemError) -> FollowedDecision {
        if let decided, try PrivateFile.exists(nextKey),
            try readKey(nextKey).publicKey.sha256 == decided.present
        {
            try putInPlace(beforeEachStep)
            return .rotation
        }
        if try finishLastStep() { return .rotation }
        if let decided, decided.previous == nil, try PrivateFile.exists(previousCertificate),
            try readKey(key).publicKey.sha256 == decided.present
        {
            try removePrevious(beforeEachStep)
            return .retirement
        }
        return .nothing
    }

    /// Moves the prepared files into place. Each step may be repeated; until the key is moved, the
    /// present files are the old ones.
    private func putInPlace(_ beforeEachStep: () throws(LanguageSystemError) -> Void)
        throws(LanguageSystemError)
    {
        try beforeEachStep()
        try PrivateFile.write(
            previousKey, try PrivateFile.readSecret(key, byteCountMax: 1 << 16))
        try beforeEachStep()
        try PrivateFile.write(
            previousCertificate, try PrivateFile.read(certificate, byteCountMax: 1 << 16),
            mode: 0o644)
        try beforeEachStep()
        _ = try PrivateFile.move(nextCross, to: cross)
        try beforeEachStep()
        _ = try PrivateFile.move(nextKey, to: key)
        try beforeEachStep()
        try finishLastStep()
    }

    /// The new key is in place, its certificate may not be yet.
    @discardableResult
    private func finishLastStep() throws(LanguageSystemError) -> Bool {
        guard try PrivateFile.exists(nextCertificate), try !PrivateFile.exists(nextKey),
            try PrivateFile.exists(key),
            try readCertificate(nextCertificate).publicKey == readKey(key).publicKey
        else { return false }
        return try PrivateFile.move(nextCertificate, to: certificate)
    }

    /// Removes the files of the previous key, its certificate last: while that exists, the removal
    /// is not finished.
    private func removePrevious(_ beforeEachStep: () throws(LanguageSystemError) -> Void)
        throws(LanguageSystemError)
    {
        try beforeEachStep()
        try PrivateFile.shred(previousKey)
        try beforeEachStep()
        try PrivateFile.remove(cross)
        try beforeEachStep()
        try PrivateFile.remove(previousCertificate)
    }

    /// The overlap in which `publicKey` is the new key; nil when the files are not those of such an
    /// overlap.
    func overlap(for publicKey: Certificate.PublicKey) throws(LanguageSystemError)
        -> CertificateAuthority.Overlap?
    {
        guard try PrivateFile.exists(previousCertificate), try PrivateFile.exists(cross) else {
            return nil
        }
        let cross = try readCertificate(cross)
        let previous = try readCertificate(previousCertificate)
        guard cross.publicKey == publicKey, previous.publicKey != publicKey else { return nil }
        return CertificateAuthority.Overlap(
            previousPublicKeySHA256: previous.publicKey.sha256,
            previousPEM: CertificateAuthority.pem(previous),
            crossPEM: CertificateAuthority.pem(cross))
    }

    /// Makes a key, unless the file exists already.
    func createKey(_ path: String) throws(LanguageSystemError) {
        let made = P256.Signing.PrivateKey().pemRepresentation + "\n"
        _ = try PrivateFile.create(path, Array(made.utf8), mode: 0o600)
    }

    func readKey(_ path: String) throws(LanguageSystemError) -> Certificate.PrivateKey {
        let bytes = try PrivateFile.readSecret(path, byteCountMax: 1 << 16)
        guard
            let key = try? Certificate.PrivateKey(
                pemEncoded: String(decoding: bytes, as: UTF8.self))
        else { throw .unreadableKey(path) }
        return key
    }

    func readCertificate(_ path: String) throws(LanguageSystemError) -> Certificate {
        let bytes = try PrivateFile.read(path, byteCountMax: 1 << 16)
        guard let certificate = try? Certificate(pemEncoded: String(decoding: bytes, as: UTF8.self))
        else { throw .unreadableCertificate(path) }
        return certificate
    }
}
