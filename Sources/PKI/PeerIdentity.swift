// Who a worker is, read from its certificate: the URI `ls://worker/<name>` and nothing else. TLS has
// verified the chain; what must hold beyond that (one name, clientAuth alone) is checked here, so
// that no other certificate of the same authority passes for a worker's.
public import LanguageSystem
public import X509

public struct PeerIdentity: Sendable, Hashable {
    static let uriPrefix = "ls://worker/"

    public let workerName: String
    /// Lower-case hexadecimal, as recorded when the certificate was issued.
    public let serial: String

    /// - Throws: `identityRefused` unless the certificate is exactly what we issue to workers.
    public init(_ certificate: Certificate) throws(CoordinatorError) {
        guard let usages = try? certificate.extensions.extendedKeyUsage,
            Array(usages) == [.clientAuth]
        else {
            throw .notAWorkersCertificate("its extended key usage is not clientAuth alone")
        }
        guard let names = try? certificate.extensions.subjectAlternativeNames, names.count == 1,
            case .uniformResourceIdentifier(let uri)? = names.first, uri.hasPrefix(Self.uriPrefix)
        else {
            throw .notAWorkersCertificate("it does not carry one name of the form ls://worker/NAME")
        }
        let name = String(uri.dropFirst(Self.uriPrefix.count))
        guard WorkerName.isValid(name) else {
            throw .notAWorkersCertificate("'\(name.printable(80))' is not a worker's name")
        }
        guard case .notCertificateAuthority? = try? certificate.extensions.basicConstraints else {
            throw .notAWorkersCertificate("it may sign other certificates")
        }
        guard certificate.subject == (try? DistinguishedName { CommonName(name) }) else {
            throw .notAWorkersCertificate("its subject is not CN=\(name)")
        }
        workerName = name
        serial = certificate.serialNumber.hexadecimal
    }
}

/// What a worker may be called: what fits a certificate, a path and a line of a table.
public enum WorkerName {
    /// 1 to 63 characters a-z, 0-9, `.`, `_`, `-`, the first a letter or digit.
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
