// Where the coordinator is, as a person writes it: host, host:port, [ipv6]:port.
public import LanguageSystem
import PKI
import WorkerWire

public struct CoordinatorAddress: Sendable, Hashable, CustomStringConvertible {
    public let host: String
    /// Of HTTPS.
    public let port: Int

    public init(_ text: String) throws(LanguageSystemError) {
        if let scheme = text.firstRange(of: "://") {
            let rest = text[scheme.upperBound...].prefix { !"/?#".contains($0) }
            throw .coordinatorIsURL(text, meant: try? Self(String(rest)).description)
        }
        let place: HostPort
        do throws(HostPort.Fault) {
            place = try HostPort(text, defaultPort: JoinPaths.defaultPort)
        } catch {
            throw .malformedCoordinator(
                text, fault: error == .noHost ? HostAddress.fault(in: "") : nil)
        }
        // Nobody connects to port 0.
        guard place.port > 0 else { throw .malformedCoordinator(text) }
        try self.init(host: place.host, port: place.port, text: text)
    }

    init(host: String, port: Int) throws(LanguageSystemError) {
        try self.init(host: host, port: port, text: "\(host):\(port)")
    }

    private init(host: String, port: Int, text: String) throws(LanguageSystemError) {
        if let fault = HostAddress.fault(in: host) {
            throw .malformedCoordinator(text, fault: fault)
        }
        self.host = host
        self.port = port
    }

    public var description: String { HostPort(host: host, port: port).description }

    var url: String { "https://\(description)" }
}
