// A host and a port as a person writes them: host:port, or [address]:port for an IPv6 address.
// Nothing is looked up; whether TLS can verify a host of that name is for PKI's HostAddress to say.

public struct HostPort: Sendable, Hashable, CustomStringConvertible {
    /// A name or an address; of IPv6 without its brackets.
    public var host: String
    /// 0 to 65,535; 0 lets the system choose where something listens.
    public var port: Int

    /// Why a text is no host and port.
    public enum Fault: Error, Sendable, Equatable {
        /// It has `://`.
        case isURL
        case noHost
        /// It has no port where it needs one, or one that is no number up to 65,535.
        case noPort
        /// `[` without its `]`, or something else than a port after it.
        case brackets
    }

    public init(host: String, port: Int) {
        self.host = host
        self.port = port
    }

    /// Reads `host:port` and `[address]:port`.
    ///
    /// - Parameter defaultPort: The port of a text that names none; then an IPv6 address without
    ///   brackets is an address alone. Nil: a port must be there, and is what follows the last
    ///   colon also of an address without brackets.
    public init(_ text: String, defaultPort: Int? = nil) throws(Fault) {
        guard text.firstRange(of: "://") == nil else { throw .isURL }
        let (host, port) = try Self.parts(of: text[...], mayLackPort: defaultPort != nil)
        guard !host.isEmpty else { throw .noHost }
        if let port {
            guard port.utf8.allSatisfy(Self.digits.contains), let number = UInt16(port) else {
                throw .noPort
            }
            self.port = Int(number)
        } else {
            guard let defaultPort else { throw .noPort }
            self.port = defaultPort
        }
        self.host = String(host)
    }

    public var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }

    private static let digits = UInt8(ascii: "0")...UInt8(ascii: "9")

    private static func parts(of text: Substring, mayLackPort: Bool) throws(Fault) -> (
        host: Substring, port: Substring?
    ) {
        if text.first == "[" {
            guard let close = text.firstIndex(of: "]") else { throw .brackets }
            let host = text[..<close].dropFirst()
            let rest = text[close...].dropFirst()
            guard rest.isEmpty || rest.first == ":" else { throw .brackets }
            return (host, rest.isEmpty ? nil : rest.dropFirst())
        }
        guard let colon = text.lastIndex(of: ":") else { return (text, nil) }
        let host = text[..<colon]
        let colonCount = host.utf8.count { $0 == UInt8(ascii: ":") }
        if mayLackPort, colonCount > 0 { return (text, nil) }
        // An IPv6 address has two colons or more.
        guard colonCount != 1 else { throw .noPort }
        return (host, text[colon...].dropFirst())
    }
}
