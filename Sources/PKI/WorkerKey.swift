// A worker's own key, which never leaves its machine, and the requests made with it.
import Crypto
public import LanguageSystem
import SwiftASN1
import X509

public struct WorkerKey: Sendable {
    private let key: P256.Signing.PrivateKey

    public init() { key = P256.Signing.PrivateKey() }

    /// - Throws: `identityRefused` when the text is no P-256 key in PEM; the text is not repeated.
    public init(pem: String, path: String) throws(CoordinatorError) {
        guard let key = try? P256.Signing.PrivateKey(pemRepresentation: pem) else {
            throw .unreadableKey(path)
        }
        self.key = key
    }

    public var pem: String { key.pemRepresentation + "\n" }

    public var publicKeySHA256: LanguageSystem.Digest {
        Certificate.PrivateKey(key).publicKey.sha256
    }

    /// PKCS #10, DER. The name in it is for people: the authority gives the real one.
    public func certificateRequest(name: String) throws(CoordinatorError) -> [UInt8] {
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
