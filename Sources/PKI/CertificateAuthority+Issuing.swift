// What the authority signs: servers for 30 days (made anew at each start and at half of that),
// workers for 24 hours, coordinators as clients of each other for 24 hours (made anew for each
// connection). A worker's request says which key; everything else in the certificate is ours,
// whatever the request asks.
import Crypto
public import Foundation
public import LanguageSystem
import SwiftASN1
import X509

/// A server's certificate, and its key.
public struct ServerCertificate: Sendable {
    /// The certificates in PEM, the server's own first, then during an overlap the cross
    /// certificate.
    public let chain: [String]
    /// The private key in PEM.
    public let keyPEM: String
    /// The validity of the server's own certificate.
    public let life: CertificateLife
}

/// A worker's certificate.
public struct WorkerCertificate: Sendable {
    /// The certificates in PEM: the worker's own, during an overlap the cross certificate, then the
    /// authorities that the worker trusts from now on.
    public let chainPEM: String
    /// The serial number in lower-case hexadecimal, as `PeerIdentity.serial`.
    public let serial: String
    /// The beginning of the certificate's validity, ten minutes before it was issued.
    public let notBefore: Date
    /// The end of the certificate's validity.
    public let notAfter: Date
}

/// A coordinator's certificate as a client of another coordinator, and its key.
public struct CoordinatorCertificate: Sendable {
    /// The certificates in PEM, its own first, then during an overlap the cross certificate.
    public let chain: [String]
    /// The private key in PEM.
    public let keyPEM: String
    /// The validity of the coordinator's own certificate.
    public let life: CertificateLife
}

extension CertificateAuthority {
    static let serverLifetime: TimeInterval = 30 * 24 * 3600
    static let workerLifetime: TimeInterval = 24 * 3600
    static let coordinatorLifetime: TimeInterval = 24 * 3600

    /// - Parameter names: Host names and IP addresses that clients use.
    /// - Throws: `invalidSettings` for a name that is neither; `identityRefused` once the authority
    ///   has ended.
    public func issueServerCertificate(names: [String], at now: Date = Date())
        throws(LanguageSystemError) -> ServerCertificate
    {
        var alternatives: [GeneralName] = []
        for name in names { alternatives.append(try Self.generalName(name)) }
        guard let first = names.first else { throw .serverWithoutName() }
        let key = P256.Signing.PrivateKey()
        let publicKey = Certificate.PrivateKey(key).publicKey
        let leaf = try sign(
            publicKey, commonName: first, usage: .serverAuth, names: alternatives,
            lifetime: Self.serverLifetime, at: now)
        return ServerCertificate(
            chain: [Self.pem(leaf)] + (overlap.map { [$0.crossPEM] } ?? []),
            keyPEM: key.pemRepresentation + "\n", life: leaf.life)
    }

    /// - Throws: `identityRefused` for a name that is not a worker's, and once the authority has
    ///   ended.
    public func issueWorkerCertificate(
        _ request: CheckedCertificateRequest, workerName: String, at now: Date = Date(),
        lifetime: Duration = .seconds(24 * 3600)
    ) throws(LanguageSystemError) -> WorkerCertificate {
        guard WorkerName.isValid(workerName) else { throw .invalidWorkerName(workerName) }
        let leaf = try sign(
            request.publicKey, commonName: workerName, usage: .clientAuth,
            names: [.uniformResourceIdentifier(PeerIdentity.uriPrefix + workerName)],
            lifetime: TimeInterval(lifetime.components.seconds), at: now)
        return WorkerCertificate(
            chainPEM: Self.pem(leaf) + (overlap?.crossPEM ?? "") + trustedPEM,
            serial: leaf.serialNumber.hexadecimal,
            notBefore: leaf.notValidBefore, notAfter: leaf.notValidAfter)
    }

    /// What this coordinator shows to others. It is signed here, by the key that every coordinator
    /// has, and recorded nowhere.
    ///
    /// - Throws: `invalidArgument` for a name that fits no certificate.
    public func issueCoordinatorCertificate(name: String, at now: Date = Date())
        throws(LanguageSystemError) -> CoordinatorCertificate
    {
        guard WorkerName.isValid(name) else { throw .invalidCoordinatorName(name) }
        let key = P256.Signing.PrivateKey()
        let leaf = try sign(
            Certificate.PrivateKey(key).publicKey, commonName: name, usage: .clientAuth,
            names: [.uniformResourceIdentifier(CoordinatorIdentity.uriPrefix + name)],
            lifetime: Self.coordinatorLifetime, at: now)
        return CoordinatorCertificate(
            chain: [Self.pem(leaf)] + (overlap.map { [$0.crossPEM] } ?? []),
            keyPEM: key.pemRepresentation + "\n", life: leaf.life)
    }

    private func sign(
        _ publicKey: Certificate.PublicKey, commonName: String, usage: ExtendedKeyUsage.Usage,
        names: [GeneralName], lifetime: TimeInterval, at now: Date
    ) throws(LanguageSystemError) -> Certificate {
        guard now < certificate.notValidAfter else {
            throw .authorityEnded(at: certificate.notValidAfter, now: now)
        }
        do {
            return try Certificate(
                version: .v3, serialNumber: .init(), publicKey: publicKey,
                notValidBefore: now - Self.clockSkew,
                notValidAfter: min(now + lifetime, certificate.notValidAfter),
                issuer: certificate.subject,
                // A common name holds 64 characters at most; the alternative names are what counts.
                subject: try DistinguishedName { CommonName(String(commonName.prefix(64))) },
                signatureAlgorithm: .ecdsaWithSHA256,
                extensions: try .init {
                    Critical(BasicConstraints.notCertificateAuthority)
                    Critical(KeyUsage(digitalSignature: true))
                    try ExtendedKeyUsage([usage])
                    SubjectAlternativeNames(names)
                    SubjectKeyIdentifier(hash: publicKey)
                    AuthorityKeyIdentifier(
                        keyIdentifier: SubjectKeyIdentifier(hash: key.publicKey).keyIdentifier)
                },
                issuerPrivateKey: key)
        } catch {
            throw .cannotSign("a certificate for \(commonName)", cause: "\(error)")
        }
    }

    private static func generalName(_ name: String) throws(LanguageSystemError) -> GeneralName {
        if let address = HostAddress.bytes(of: name) {
            return .ipAddress(ASN1OctetString(contentBytes: address[...]))
        }
        if let fault = HostAddress.fault(in: name) {
            throw .invalidServerName(name, because: fault)
        }
        return .dnsName(name)
    }
}

extension Certificate {
    var life: CertificateLife {
        CertificateLife(notBefore: notValidBefore, notAfter: notValidAfter)
    }
}

extension Certificate.SerialNumber {
    var hexadecimal: String {
        let digits = Array("0123456789abcdef".utf8)
        return String(
            decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }
}
