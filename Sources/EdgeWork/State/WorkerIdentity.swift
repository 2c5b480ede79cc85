// Who this worker is and whom it works for.
import Foundation
import LanguageSystem
public import PKI

/// Where the coordinator was when this worker joined.
struct CoordinatorEndpoint: Codable, Sendable, Hashable {
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
    let endpoint: CoordinatorEndpoint
    /// Who may be our coordinator; two authorities while the coordinator's key is rotated.
    public let roots: TrustedRoots
    /// The worker's certificate, then its issuers'.
    let chainPEM: String
    let key: WorkerKey
    public let certificate: IssuedCertificate

    /// - Throws: `identityRefused` when the parts do not belong together.
    init(
        endpoint: CoordinatorEndpoint, roots: TrustedRoots, chainPEM: String, chainPath: String,
        key: WorkerKey
    ) throws(LanguageSystemError) {
        self.endpoint = endpoint
        self.roots = roots
        self.chainPEM = chainPEM
        self.key = key
        certificate = try IssuedCertificate(chainPEM: chainPEM, path: chainPath)
        guard certificate.publicKeySHA256 == key.publicKeySHA256 else {
            throw .certificateOfAnotherKey(chainPath)
        }
    }

    public var workerName: String { certificate.workerName }
    public var coordinator: String { "\(endpoint.host):\(endpoint.workerPort)" }

    /// The same worker with its next certificate; whom it trusts from now on came with that.
    ///
    /// - Parameter chainPEM: What came over a connection that the present `roots` verified, no
    ///   other.
    func renewed(chainPEM: String) throws(LanguageSystemError) -> WorkerIdentity {
        let answer = "the coordinator's answer"
        let next = try WorkerIdentity(
            endpoint: endpoint, roots: try TrustedRoots(behindLeafOf: chainPEM, place: answer),
            chainPEM: chainPEM, chainPath: answer, key: key)
        guard next.workerName == workerName else {
            throw .renamedByRenewal(from: workerName, to: next.workerName)
        }
        return next
    }
}
