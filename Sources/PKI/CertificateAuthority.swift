// The installation's own authority: one P-256 key that vouches for servers and workers, kept in two
// files. The key is written before its certificate and never overwritten, so that a crash between
// the two, or two programs starting at once, still end with one authority. How another key takes
// over is in CertificateAuthority+Rotation.swift.
import Crypto
public import Foundation
public import LanguageSystem
import SwiftASN1
import X509

/// The authority that signs all certificates of an installation: a P-256 key and its certificate.
public struct CertificateAuthority: Sendable {
    static let lifetime: TimeInterval = 10 * 365 * 24 * 3600
    /// Certificates begin this many seconds before they are issued, for clocks that are behind.
    static let clockSkew: TimeInterval = 600

    /// The authority's own certificate in PEM, which clients trust.
    public let certificatePEM: String
    /// SHA-256 of the key's SubjectPublicKeyInfo in DER, which a join token pins.
    public let publicKeySHA256: LanguageSystem.Digest
    /// The previous key, from a rotation until its retirement; nil at other times.
    public let overlap: Overlap?
    let certificate: Certificate
    let key: Certificate.PrivateKey

    /// The previous key's certificate, and the cross certificate that it signed.
    public struct Overlap: Sendable {
        /// SHA-256 of the previous key's SubjectPublicKeyInfo in DER.
        public let previousPublicKeySHA256: LanguageSystem.Digest
        let previousPEM: String
        /// The cross certificate: our name and key, signed by the previous key. Clients that trust
        /// only the previous key verify ours with it.
        let crossPEM: String
    }

    /// The validity of the authority's certificate, ten years; everything that it signs ends with
    /// it at the latest.
    public var life: CertificateLife { certificate.life }

    /// The trusted authorities in PEM: this one, then during an overlap the previous one.
    public var trustedPEM: String { certificatePEM + (overlap?.previousPEM ?? "") }

    /// Loads the authority from `directory`, or makes one there, and the directory, if there is
    /// none.
    ///
    /// - Parameter decided: What the database says; a rotation or retirement that was interrupted
    ///   after it was decided is finished first.
    /// - Throws: `identityRefused` when others than the owner may read the key, when a key is
    ///   missing beside its certificate, when the two do not belong together, or when the files
    ///   lack the key before that the database knows.
    public static func loadOrCreate(
        in directory: String, following decided: DecidedKeys? = nil, at now: Date = Date()
    ) throws(LanguageSystemError) -> Self {
        try PrivateFile.createDirectory(directory, mode: 0o755)
        let files = AuthorityFiles(directory)
        let authority = try PrivateFile.withLock(on: directory) { () throws(LanguageSystemError) in
            while try files.follow(decided) != .nothing {}
            if try !PrivateFile.exists(files.key) {
                if try PrivateFile.exists(files.certificate) {
                    throw .authorityKeyMissing(files.key, beside: files.certificate)
                }
                try files.createKey(files.key)
            }
            if try !PrivateFile.exists(files.certificate) {
                let made = try selfSigned(try files.readKey(files.key), at: now)
                try PrivateFile.write(files.certificate, Array(pem(made).utf8), mode: 0o644)
            }
            return try Self(files)
        }
        if let decided, decided.present == authority.publicKeySHA256,
            let previous = decided.previous,
            authority.overlap?.previousPublicKeySHA256 != previous
        {
            throw .previousAuthorityMissing(directory, previous)
        }
        return authority
    }

    /// Loads the authority from `directory`.
    ///
    /// - Throws: `identityRefused` when there is none, or as `loadOrCreate`.
    public static func load(in directory: String) throws(LanguageSystemError) -> Self {
        let files = AuthorityFiles(directory)
        guard try PrivateFile.exists(files.key) else { throw .noAuthority(directory) }
        return try PrivateFile.withLock(on: directory) { () throws(LanguageSystemError) in
            try files.follow(nil)
            return try Self(files)
        }
    }

    /// Makes an authority that is not stored.
    public static func ephemeral(at now: Date = Date()) throws(LanguageSystemError) -> Self {
        let key = Certificate.PrivateKey(P256.Signing.PrivateKey())
        return try Self(try selfSigned(key, at: now), key, path: "memory")
    }

    init(_ files: AuthorityFiles) throws(LanguageSystemError) {
        let key = try files.readKey(files.key)
        let certificate = try files.readCertificate(files.certificate)
        try self.init(
            certificate, key, overlap: try files.overlap(for: key.publicKey),
            path: files.certificate)
    }

    private init(
        _ certificate: Certificate, _ key: Certificate.PrivateKey, overlap: Overlap? = nil,
        path: String
    ) throws(LanguageSystemError) {
        guard certificate.publicKey == key.publicKey else { throw .authorityKeyIsAnother(path) }
        self.certificate = certificate
        self.certificatePEM = Self.pem(certificate)
        self.key = key
        self.publicKeySHA256 = key.publicKey.sha256
        self.overlap = overlap
    }

    /// - Parameter pathLengthMax: The number of authorities allowed below it; a rotation needs one.
    static func selfSigned(_ key: Certificate.PrivateKey, at now: Date, pathLengthMax: Int = 1)
        throws(LanguageSystemError) -> Certificate
    {
        do {
            let name = try DistinguishedName {
                CommonName("Language System authority \(key.publicKey.sha256.short)")
            }
            return try Certificate(
                version: .v3, serialNumber: .init(), publicKey: key.publicKey,
                notValidBefore: now - clockSkew, notValidAfter: now + lifetime, issuer: name,
                subject: name, signatureAlgorithm: .ecdsaWithSHA256,
                extensions: try .init {
                    Critical(BasicConstraints.isCertificateAuthority(maxPathLength: pathLengthMax))
                    Critical(KeyUsage(keyCertSign: true, cRLSign: true))
                    SubjectKeyIdentifier(hash: key.publicKey)
                },
                issuerPrivateKey: key)
        } catch {
            throw .cannotSign("the authority's own certificate", cause: "\(error)")
        }
    }

    static func pem(_ certificate: Certificate) -> String {
        // Serializing what the same library parsed or just signed cannot fail.
        try! certificate.serializeAsPEM().pemString + "\n"
    }
}

extension Certificate {
    /// The first certificate of a chain in PEM; those after it are its issuers'.
    init?(firstInPEM text: String) {
        guard let document = try? PEMDocument.parseMultiple(pemString: text).first else {
            return nil
        }
        try? self.init(pemDocument: document)
    }
}

extension Certificate.PublicKey {
    /// SHA-256 of the whole SubjectPublicKeyInfo in DER, with the algorithm.
    var sha256: LanguageSystem.Digest {
        var serializer = DER.Serializer()
        // A key that exists has a SubjectPublicKeyInfo, and a SHA-256 has as many bytes as a
        // digest.
        try! serializer.serialize(self)
        return LanguageSystem.Digest(bytes: SHA256.hash(data: serializer.serializedBytes))!
    }
}
