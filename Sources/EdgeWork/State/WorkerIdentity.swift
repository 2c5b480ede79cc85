// Who this worker is and whom it works for.
import Foundation
public import LanguageSystem
public import PKI

/// Where the coordinator was when this worker joined.
struct CoordinatorPlace: Codable, Sendable, Hashable {
    var host: String
    var restPort: Int
    var workerPort: Int

    enum CodingKeys: String, CodingKey {
        case host
        case restPort = "rest_port"
        case workerPort = "worker_port"
    }
}

public struct WorkerIdentity: Sendable {
    let place: CoordinatorPlace
    let authorityPEM: String
    /// The worker's certificate, then its issuer's.
    let chainPEM: String
    let key: WorkerKey
    public let certificate: IssuedCertificate
    public let authorityPin: Digest

    /// - Throws: `identityRefused` when the parts do not belong together.
    init(
        place: CoordinatorPlace, authorityPEM: String, chainPEM: String, chainPath: String,
        key: WorkerKey
    ) throws(CoordinatorError) {
        self.place = place
        self.authorityPEM = authorityPEM
        self.chainPEM = chainPEM
        self.key = key
        certificate = try IssuedCertificate(chainPEM: chainPEM, path: chainPath)
        authorityPin = try PublicKeyPin.sha256(ofCertificatePEM: authorityPEM)
        guard certificate.publicKeySHA256 == key.publicKeySHA256 else {
            throw .certificateOfAnotherKey(chainPath)
        }
    }

    public var workerName: String { certificate.workerName }
    public var coordinator: String { "\(place.host):\(place.workerPort)" }

    func renewed(chainPEM: String) throws(CoordinatorError) -> WorkerIdentity {
        let next = try WorkerIdentity(
            place: place, authorityPEM: authorityPEM, chainPEM: chainPEM,
            chainPath: "the coordinator's answer", key: key)
        guard next.workerName == workerName else {
            throw .renamedByRenewal(from: workerName, to: next.workerName)
        }
        return next
    }
}
