// A worker's view of its own certificate: for whom, until when, and when to ask for the next.
public import Foundation
public import LanguageSystem
import X509

/// A worker's own certificate, as the worker reads it.
public struct IssuedCertificate: Sendable, Hashable {
    /// The worker's name, from the certificate.
    public let workerName: String
    /// The serial number in lower-case hexadecimal.
    public let serial: String
    /// The beginning of the certificate's validity.
    public let notBefore: Date
    /// The end of the certificate's validity.
    public let notAfter: Date
    /// SHA-256 of the key's SubjectPublicKeyInfo in DER.
    public let publicKeySHA256: Digest

    /// - Parameter chainPEM: Certificates in PEM, the worker's own first.
    /// - Throws: `identityRefused` unless the first is a worker's certificate.
    public init(chainPEM: String, path: String) throws(LanguageSystemError) {
        guard let certificate = Certificate(firstInPEM: chainPEM) else {
            throw .unreadableCertificate(path)
        }
        let identity = try PeerIdentity(certificate)
        workerName = identity.workerName
        serial = identity.serial
        notBefore = certificate.notValidBefore
        notAfter = certificate.notValidAfter
        publicKeySHA256 = certificate.publicKey.sha256
    }

    /// The time at which to renew: when half of the validity is over, at random up to a tenth of it
    /// earlier or later, so that a fleet that joined within a minute does not renew within one.
    ///
    /// - Parameter now: When the certificate was received, by this machine's clock, which may be
    ///   behind the coordinator's: then the certificate is old for the coordinator long before it
    ///   seems so here. Nil: it was kept from before.
    public func renewalTime(receivedAt now: Date? = nil) -> Date {
        let half = notAfter.timeIntervalSince(notBefore) * Double.random(in: 0.45...0.55)
        return min(notBefore, now ?? notBefore) + half
    }

    /// Whether the certificate's validity has ended at `now`.
    public func isExpired(at now: Date) -> Bool { now >= notAfter }
}
