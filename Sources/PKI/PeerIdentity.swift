// Who a caller on the workers' port is, read from its certificate: a worker, by the URI
// `ls://worker/<name>`, or another coordinator, by `ls://coordinator/<name>`, and nothing else. TLS
// has verified the chain; what must hold beyond that (one name, clientAuth alone) is checked here,
// so that no other certificate of the same authority passes for either, nor one of the two for the
// other.
public import LanguageSystem
public import X509

/// A worker's identity, from a certificate that TLS has verified.
public struct PeerIdentity: Sendable, Hashable {
    static let uriPrefix = "ls://worker/"

    /// The worker's name, from the certificate's URI `ls://worker/<name>`.
    public let workerName: String
    /// The serial number in lower-case hexadecimal, as it was recorded when the certificate was
    /// issued.
    public let serial: String

    /// - Throws: `identityRefused` unless the certificate is exactly what we issue to workers.
    public init(_ certificate: Certificate) throws(LanguageSystemError) {
        workerName = try certificate.clientName(Self.uriPrefix, of: "worker")
        serial = certificate.serialNumber.hexadecimal
    }
}

/// Another coordinator of the same installation. Its certificate is not recorded: a process that
/// can make one has the authority's key, and could make any other.
public struct CoordinatorIdentity: Sendable, Hashable {
    static let uriPrefix = "ls://coordinator/"

    /// The coordinator's name, from the certificate's URI `ls://coordinator/<name>`.
    public let name: String

    /// - Throws: `identityRefused` unless the certificate is exactly what a coordinator issues to
    ///   itself.
    public init(_ certificate: Certificate) throws(LanguageSystemError) {
        name = try certificate.clientName(Self.uriPrefix, of: "coordinator")
    }
}

extension Certificate {
    /// The only name in a client's certificate of ours, without the prefix that names the kind of
    /// client.
    fileprivate func clientName(_ prefix: String, of owner: String) throws(LanguageSystemError)
        -> String
    {
        guard let usages = try? extensions.extendedKeyUsage, Array(usages) == [.clientAuth] else {
            throw .notAClientCertificate(
                of: owner, "its extended key usage is not clientAuth alone")
        }
        guard let names = try? extensions.subjectAlternativeNames, names.count == 1,
            case .uniformResourceIdentifier(let uri)? = names.first, uri.hasPrefix(prefix)
        else {
            throw .notAClientCertificate(
                of: owner, "it does not carry one name of the form \(prefix)NAME")
        }
        let name = String(uri.dropFirst(prefix.count))
        guard WorkerName.isValid(name) else {
            throw .notAClientCertificate(
                of: owner, "'\(name.printable(80))' is not a \(owner)'s name")
        }
        guard case .notCertificateAuthority? = try? extensions.basicConstraints else {
            throw .notAClientCertificate(of: owner, "it may sign other certificates")
        }
        guard subject == (try? DistinguishedName { CommonName(name) }) else {
            throw .notAClientCertificate(of: owner, "its subject is not CN=\(name)")
        }
        return name
    }
}

/// The rule for names of workers and coordinators, which fit a certificate, a path and a line of a
/// table.
public enum WorkerName {
    /// Whether the name is 1 to 63 characters a-z, 0-9, `.`, `_` or `-`, of which the first is a
    /// letter or digit.
    public static func isValid(_ name: some StringProtocol) -> Bool {
        guard let first = name.utf8.first, name.utf8.count <= 63, isWord(first) else {
            return false
        }
        return name.utf8.allSatisfy { isWord($0) || "._-".utf8.contains($0) }
    }

    private static func isWord(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
            || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }
}
