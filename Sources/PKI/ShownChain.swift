// Why a server's certificates were not believed. TLS decides, and says no more than that it did
// not; this looks at what was shown a second time, for the words alone, and nothing is believed
// because of it.
public import Foundation
public import LanguageSystem
import SwiftASN1
import X509

/// The certificates that a server showed, and why TLS does not trust them.
public struct ShownChain: Sendable {
    /// Why a certificate is not trusted.
    public enum Fault: Sendable, Hashable {
        case notYetValid(from: Date)
        case ended(Date)
        /// The trusted authority is not valid yet, by this machine's clock.
        case authorityNotYetValid(from: Date)
        case authorityEnded(Date)
        case ofAnotherAuthority
        case named([String])
    }

    private let leaf: Certificate
    private let issuers: [Certificate]

    /// - Parameter der: The certificates as they were shown, the server's own first. The result is
    ///   nil if there is none, or one cannot be read.
    public init?(der: [[UInt8]]) {
        let certificates = der.compactMap { try? Certificate(derEncoded: $0) }
        guard let leaf = certificates.first, certificates.count == der.count else { return nil }
        self.leaf = leaf
        issuers = Array(certificates.dropFirst())
    }

    /// The reason not to trust the chain. The clock is checked first, because a wrong clock makes
    /// the other checks fail, too.
    ///
    /// - Parameters:
    ///   - host: The name or address under which the server was reached.
    ///   - rootsPEM: The authorities that are trusted.
    public func fault(for host: String, trusting rootsPEM: String, at now: Date) -> Fault? {
        if now < leaf.notValidBefore { return .notYetValid(from: leaf.notValidBefore) }
        if now >= leaf.notValidAfter { return .ended(leaf.notValidAfter) }
        let signers = Certificate.all(inPEM: rootsPEM).filter { root in
            ([leaf] + issuers).contains { root.publicKey.isValidSignature($0.signature, for: $0) }
        }
        guard let root = signers.first else { return .ofAnotherAuthority }
        if !signers.contains(where: { $0.life.contains(now) }) {
            return now < root.notValidBefore
                ? .authorityNotYetValid(from: root.notValidBefore)
                : .authorityEnded(root.notValidAfter)
        }
        return names(host) ? nil : .named(listedNames)
    }

    private var alternatives: [GeneralName] {
        (try? leaf.extensions.subjectAlternativeNames).map { Array($0) } ?? []
    }

    private func names(_ host: String) -> Bool {
        let address = HostAddress.bytes(of: host)
        return alternatives.contains { name in
            switch name {
            case .dnsName(let known): address == nil && known.lowercased() == host.lowercased()
            case .ipAddress(let known): address.map { $0[...] == known.bytes } ?? false
            default: false
            }
        }
    }

    private var listedNames: [String] {
        alternatives.prefix(8).map { name in
            switch name {
            case .dnsName(let name): name.printable(80)
            case .ipAddress(let address): HostAddress.text(of: Array(address.bytes)) ?? "an address"
            default: "\(name)".printable(80)
            }
        }
    }
}

extension LanguageSystemError {
    /// - Parameters:
    ///   - address: The address under which the server was reached.
    ///   - now: The time with which the certificate was compared.
    public static func untrusted(_ address: String, _ fault: ShownChain.Fault, at now: Date) -> Self
    {
        let (clock, subject) = (
            "this machine's clock says \(now.formatted(.iso8601))",
            "cannot trust the coordinator at \(address):"
        )
        let setTheClock = "set the clock of this machine, or the coordinator's, for example by NTP"
        let look = "if this machine's clock is right, look at the coordinator's clock and log"
        return switch fault {
        case .notYetValid(let start):
            Self(
                .unavailable,
                "\(subject) its certificate begins at \(start.formatted(.iso8601)), \(clock)",
                hint: setTheClock)
        case .ended(let end):
            Self(
                .unavailable,
                "\(subject) its certificate ended at \(end.formatted(.iso8601)), \(clock)",
                hint: look)
        case .authorityNotYetValid(let start):
            Self(
                .unavailable,
                """
                \(subject) its authority's certificate begins at \(start.formatted(.iso8601)), \
                \(clock)
                """,
                hint: setTheClock)
        case .authorityEnded(let end):
            Self(
                .unavailable,
                """
                \(subject) its authority's certificate ended at \(end.formatted(.iso8601)), \(clock)
                """,
                hint:
                    """
                    if this machine's clock is right, the authority needs another key and every \
                    worker a new token: lscoord authority rotate
                    """
            )
        case .ofAnotherAuthority:
            Self(
                .unavailable,
                "\(subject) its certificate is of another authority than is trusted here",
                hint:
                    """
                    was the authority's key rotated? Then start that lscoord again. Otherwise \
                    check the address: something may be in between
                    """
            )
        case .named(let names):
            Self(
                .unavailable,
                "\(subject) its certificate names \(names.joined(separator: ", ")), and not this",
                hint: "use one of these names, or start it with --server-name")
        }
    }

    /// The error for a port that does not speak TLS: another program's, or one behind a proxy that
    /// removes TLS.
    public static func speaksNoTLS(_ address: String) -> Self {
        Self(
            .invalidSettings,
            "cannot use \(address): it does not speak TLS, as every port of lscoord does",
            hint: "name the HTTPS port, 8443 unless lscoord serve --rest-address says another")
    }

    /// The error for a join that was sent to the workers' port instead of the HTTPS port.
    public static func asksForCertificate(_ address: String) -> Self {
        Self(
            .invalidSettings,
            "cannot use \(address): it asks for a client's certificate, as the workers' port does",
            hint: "name the HTTPS port, 8443 unless lscoord serve --rest-address says another")
    }
}
