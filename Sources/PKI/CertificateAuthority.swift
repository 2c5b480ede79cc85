// The installation's own authority: one P-256 key that vouches for servers and workers, kept in two
// files. The key is written before its certificate and never overwritten, so that a crash between
// the two, or two programs starting at once, still end with one authority.
import Crypto
public import Foundation
public import LanguageSystem
import SwiftASN1
import X509

public struct CertificateAuthority: Sendable {
    static let certificateFile = "ca.pem"
    static let keyFile = "ca-key.pem"
    static let lifetime: TimeInterval = 10 * 365 * 24 * 3600
    /// Certificates begin a little earlier, for clocks that are behind ours.
    static let clockSkew: TimeInterval = 600

    public let certificatePEM: String
    /// Of the key's SubjectPublicKeyInfo: what a join token pins.
    public let publicKeySHA256: LanguageSystem.Digest
    let certificate: Certificate
    let key: Certificate.PrivateKey

    /// The authority kept in `directory`; made there, with the directory, when there is none.
    ///
    /// - Throws: `identityRefused` when others than the owner may read the key, when a key is missing
    ///   beside its certificate, or when the two do not belong together.
    public static func loadOrCreate(in directory: String, at now: Date = Date())
        throws(CoordinatorError) -> Self
    {
        try PrivateFile.createDirectory(directory, mode: 0o755)
        let keyPath = directory + "/" + keyFile
        let certificatePath = directory + "/" + certificateFile
        if try !PrivateFile.exists(keyPath) {
            if try PrivateFile.exists(certificatePath) {
                throw .authorityKeyMissing(keyPath, beside: certificatePath)
            }
            let made = P256.Signing.PrivateKey().pemRepresentation + "\n"
            // False when another program was faster: then its key is the one.
            _ = try PrivateFile.create(keyPath, Array(made.utf8), mode: 0o600)
        }
        let key = try readKey(keyPath)
        if try !PrivateFile.exists(certificatePath) {
            let made = try selfSigned(key, at: now)
            _ = try PrivateFile.create(certificatePath, Array(pem(made).utf8), mode: 0o644)
        }
        let text = String(
            decoding: try PrivateFile.read(certificatePath, byteCountMax: 1 << 16), as: UTF8.self)
        return try Self(certificatePEM: text, key: key, path: certificatePath)
    }

    /// A fresh authority that is kept nowhere.
    public static func ephemeral(at now: Date = Date()) throws(CoordinatorError) -> Self {
        let key = Certificate.PrivateKey(P256.Signing.PrivateKey())
        return try Self(
            certificatePEM: pem(try selfSigned(key, at: now)), key: key, path: "memory")
    }

    private init(certificatePEM: String, key: Certificate.PrivateKey, path: String)
        throws(CoordinatorError)
    {
        guard let certificate = try? Certificate(pemEncoded: certificatePEM) else {
            throw .unreadableCertificate(path)
        }
        guard certificate.publicKey == key.publicKey else { throw .authorityKeyIsAnother(path) }
        self.certificate = certificate
        self.certificatePEM = Self.pem(certificate)
        self.key = key
        self.publicKeySHA256 = key.publicKey.sha256
    }

    private static func readKey(_ path: String) throws(CoordinatorError) -> Certificate.PrivateKey {
        let bytes = try PrivateFile.readSecret(path, byteCountMax: 1 << 16)
        guard
            let key = try? Certificate.PrivateKey(
                pemEncoded: String(decoding: bytes, as: UTF8.self))
        else { throw .unreadableKey(path) }
        return key
    }

    private static func selfSigned(_ key: Certificate.PrivateKey, at now: Date)
        throws(CoordinatorError) -> Certificate
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
                    Critical(BasicConstraints.isCertificateAuthority(maxPathLength: 0))
                    Critical(KeyUsage(keyCertSign: true, cRLSign: true))
                    SubjectKeyIdentifier(hash: key.publicKey)
                },
                issuerPrivateKey: key)
        } catch {
            throw .cannotSign("the authority's own certificate", cause: "\(error)")
        }
    }

    static func pem(_ certificate: Certificate) -> String {
        // Serialising what was parsed or just signed cannot fail.
        try! certificate.serializeAsPEM().pemString + "\n"
    }
}

/// The pin of whoever holds a certificate's key.
public enum PublicKeyPin {
    /// SHA-256 of the SubjectPublicKeyInfo of the first certificate in `pem`.
    public static func sha256(ofCertificatePEM pem: String) throws(CoordinatorError)
        -> LanguageSystem.Digest
    {
        guard let certificate = Certificate(firstInPEM: pem) else {
            throw .unreadableCertificate("the coordinator's answer")
        }
        return certificate.publicKey.sha256
    }
}

extension Certificate {
    /// A chain's own certificate; what follows it is its issuers'.
    init?(firstInPEM text: String) {
        guard let document = try? PEMDocument.parseMultiple(pemString: text).first else {
            return nil
        }
        try? self.init(pemDocument: document)
    }
}

extension Certificate.PublicKey {
    /// Of the whole SubjectPublicKeyInfo in DER, the algorithm included.
    var sha256: LanguageSystem.Digest {
        var serializer = DER.Serializer()
        // A key that exists has a SubjectPublicKeyInfo.
        try! serializer.serialize(self)
        return LanguageSystem.Digest(bytes: SHA256.hash(data: serializer.serializedBytes))!
    }
}
