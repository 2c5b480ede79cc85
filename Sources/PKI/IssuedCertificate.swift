// A worker's view of its own certificate: for whom, until when, and when to ask for the next.
public import Foundation
public import LanguageSystem
import X509

public struct IssuedCertificate: Sendable, Hashable {
    public let workerName: String
    public let serial: String
    public let notBefore: Date
    public let notAfter: Date
    public let publicKeySHA256: Digest

    /// - Parameter chainPEM: The worker's certificate first.
    /// - Throws: `identityRefused` unless the first is a worker's certificate.
    public init(chainPEM: String, path: String) throws(CoordinatorError) {
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

    /// About half of its life is over: a tenth of it more or less, by chance, so that a fleet that
    /// joined in one minute does not renew in one.
    ///
    /// - Parameter now: When it came, by this machine's clock, which may be behind the
    ///   coordinator's: then the certificate is old for the coordinator long before it seems so
    ///   here. Nil: it was kept from before.
    public func renewalTime(receivedAt now: Date? = nil) -> Date {
        let half = notAfter.timeIntervalSince(notBefore) * Double.random(in: 0.45...0.55)
        return min(notBefore, now ?? notBefore) + half
    }

    public func isExpired(at now: Date) -> Bool { now >= notAfter }
}
