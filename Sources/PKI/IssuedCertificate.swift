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

    /// Half of its life is over.
    public var renewalTime: Date { notBefore + notAfter.timeIntervalSince(notBefore) / 2 }

    public func isExpired(at now: Date) -> Bool { now >= notAfter }
}
