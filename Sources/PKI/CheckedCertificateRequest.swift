// A worker's request for a certificate, once we know that whoever sent it holds the key it names.
// Only the key is kept: the name and extensions a request asks for are never honored.
import Crypto
public import LanguageSystem
import SwiftASN1
import X509

/// A certificate request whose signature was verified; only its key is used.
public struct CheckedCertificateRequest: Sendable {
    static let byteCountMax = 16 << 10

    /// SHA-256 of the requested key's SubjectPublicKeyInfo in DER.
    public let publicKeySHA256: LanguageSystem.Digest
    let publicKey: Certificate.PublicKey

    /// - Parameter der: The PKCS #10 request in DER, as it was received.
    /// - Throws: `identityRefused` unless it is one request, of a P-256 or P-384 key, signed by it.
    init(der: [UInt8]) throws(LanguageSystemError) {
        guard der.count <= Self.byteCountMax else {
            throw .certificateRequestRefused(
                "found \(der.count) bytes, expected at most \(Self.byteCountMax)")
        }
        guard let request = try? CertificateSigningRequest(derEncoded: der) else {
            throw .certificateRequestRefused("found no PKCS #10 request")
        }
        guard Self.signatureIsWholeBytes(der) else {
            throw .certificateRequestRefused("found a signature that is not whole bytes")
        }
        guard
            P256.Signing.PublicKey(request.publicKey) != nil
                || P384.Signing.PublicKey(request.publicKey) != nil
        else {
            throw .certificateRequestRefused("found a key of another kind than P-256 or P-384")
        }
        guard request.publicKey.isValidSignature(request.signature, for: request) else {
            throw .certificateRequestRefused("it is not signed by the key it names")
        }
        publicKey = request.publicKey
        publicKeySHA256 = request.publicKey.sha256
    }

    /// Whether the signature has no unused bits. The parser accepts unused bits, so that one
    /// request would have several encodings.
    private static func signatureIsWholeBytes(_ der: [UInt8]) -> Bool {
        guard case .constructed(let fields)? = try? DER.parse(der).content,
            let signature = Array(fields).last.flatMap({ try? ASN1BitString(derEncoded: $0) })
        else { return false }
        return signature.paddingBits == 0
    }
}

extension CertificateAuthority {
    /// - Throws: `identityRefused`.
    public func check(certificateRequest der: [UInt8]) throws(LanguageSystemError)
        -> CheckedCertificateRequest
    {
        try CheckedCertificateRequest(der: der)
    }
}
