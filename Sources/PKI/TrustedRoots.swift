// Whom a worker believes: one authority, or two while its key is rotated. Where they came from is
// what makes them trusted: a token's pin, or a connection that those known before have verified.
// Nothing here is trusted because it says so itself.
public import LanguageSystem
import SwiftASN1
import X509

/// The one or two authorities that a worker trusts.
public struct TrustedRoots: Sendable, Hashable {
    static let countMax = 2

    /// Their certificates in PEM, the present authority's first.
    public let pem: String
    /// SHA-256 of their keys' SubjectPublicKeyInfo, in the same order.
    public let pins: [Digest]

    /// - Throws: `identityRefused` unless it is one or two authorities' own certificates.
    public init(pem text: String, place: String) throws(LanguageSystemError) {
        let found = Certificate.all(inPEM: text)
        guard !found.isEmpty else { throw .unreadableCertificate(place) }
        guard found.count <= Self.countMax, found.allSatisfy(\.isRoot) else {
            throw .noAuthorities(place)
        }
        self.init(found)
    }

    /// Reads the authorities that follow a worker's certificate.
    ///
    /// - Throws: `identityRefused` unless they are one or two, and one of them signed the
    ///   certificate.
    public init(behindLeafOf chainPEM: String, place: String) throws(LanguageSystemError) {
        let chain = Certificate.all(inPEM: chainPEM)
        guard let leaf = chain.first else { throw .unreadableCertificate(place) }
        let roots = chain.dropFirst().filter(\.isRoot)
        guard (1...Self.countMax).contains(roots.count),
            roots.contains(where: {
                $0.subject == leaf.issuer
                    && $0.publicKey.isValidSignature(leaf.signature, for: leaf)
            })
        else { throw .noAuthorities(place) }
        self.init(roots)
    }

    /// Only the authority with this pin: the others were not verified. Nil when none has it.
    public func only(_ pin: Digest) -> TrustedRoots? {
        Certificate.all(inPEM: pem).first { $0.publicKey.sha256 == pin }.map { TrustedRoots([$0]) }
    }

    private init(_ roots: [Certificate]) {
        pem = roots.map(CertificateAuthority.pem).joined()
        pins = roots.map(\.publicKey.sha256)
    }
}

extension Certificate {
    /// The certificates of a text in PEM, in their order; none when the text contains anything
    /// else.
    static func all(inPEM text: String) -> [Certificate] {
        guard let documents = try? PEMDocument.parseMultiple(pemString: text) else { return [] }
        return (try? documents.map { try Certificate(pemDocument: $0) }) ?? []
    }

    /// Whether the certificate is signed by its own key and may sign others.
    fileprivate var isRoot: Bool {
        guard case .isCertificateAuthority? = try? extensions.basicConstraints else { return false }
        return subject == issuer && publicKey.isValidSignature(signature, for: self)
    }
}
