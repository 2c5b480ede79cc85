// A worker's own key, which never leaves its machine, and the requests made with it.
import Crypto
public import LanguageSystem
import SwiftASN1
import X509

/// A worker's private key, P-256. It never leaves the machine.
public struct WorkerKey: Sendable {
    private let key: P256.Signing.PrivateKey

    /// Makes a new key.
    public init() { key = P256.Signing.PrivateKey() }

    /// - Throws: `identityRefused` when the text is not a P-256 key in PEM; the error does not
    ///   repeat the text.
    public init(pem: String, path: String) throws(LanguageSystemError) {
        guard let key = try? P256.Signing.PrivateKey(pemRepresentation: pem) else {
            throw .unreadableKey(path)
        }
        self.key = key
    }

    /// The private key in PEM.
    public var pem: String { key.pemRepresentation + "\n" }

    /// SHA-256 of the key's SubjectPublicKeyInfo in DER.
    public var publicKeySHA256: LanguageSystem.Digest {
        Certificate.PrivateKey(key).publicKey.sha256
    }

    /// A certificate request (PKCS #10 in DER). The name in it is only for people; the authority
    /// decides the name.
    public func certificateRequest(name: String) throws(LanguageSystemError) -> [UInt8] {
        do {
            let request = try CertificateSigningRequest(
                version: .v1,
                subject: try DistinguishedName { CommonName(String(name.prefix(64))) },
                privateKey: .init(key), attributes: .init(), signatureAlgorithm: .ecdsaWithSHA256)
            return try request.serializeAsPEM().derBytes
        } catch {
            throw .cannotSign("a certificate request", cause: "\(error)")
        }
    }
}
