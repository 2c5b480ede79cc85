// Where the coordinator is, as a person writes it: host, host:port, [ipv6]:port.
public import LanguageSystem
import PKI
import WorkerWire

public struct CoordinatorAddress: Sendable, Hashable, CustomStringConvertible {
    public let host: String
    /// Of HTTPS.
    public let port: Int

    public init(_ text: String) throws(CoordinatorError) {
        if let scheme = text.firstRange(of: "://") {
            let rest = text[scheme.upperBound...].prefix { !"/?#".contains($0) }
            throw .coordinatorIsURL(text, meant: try? Self(String(rest)).description)
        }
        var host = text[...]
        var port = JoinPaths.defaultPort
        let colons = text.utf8.count { $0 == UInt8(ascii: ":") }
        if let colon = text.lastIndex(of: ":"), colons == 1 || text[..<colon].hasSuffix("]") {
            guard let number = Int(text[text.index(after: colon)...]), (1...65_535).contains(number)
            else { throw .malformedCoordinator(text) }
            port = number
            host = text[..<colon]
        }
        if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
        try self.init(host: String(host), port: port, text: text)
    }

    init(host: String, port: Int) throws(CoordinatorError) {
        try self.init(host: host, port: port, text: "\(host):\(port)")
    }

    private init(host: String, port: Int, text: String) throws(CoordinatorError) {
        if let fault = HostAddress.fault(in: host) {
            throw .malformedCoordinator(text, fault: fault)
        }
        self.host = host
        self.port = port
    }

    public var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }

    var url: String { "https://\(description)" }
}
