import LanguageSystem
import Testing

@Suite struct `Host and port` {
    @Test(arguments: [
        ("host:80", "host", 80), ("127.0.0.1:0", "127.0.0.1", 0), ("host:65535", "host", 65_535),
        ("[::1]:8443", "::1", 8443), ("[fe80::1%eth0]:1", "fe80::1%eth0", 1),
        // Without brackets what follows the last colon is the port.
        ("::1:8443", "::1", 8443), (":::8443", "::", 8443), ("[host]:1", "host", 1),
        ("a b:1", "a b", 1),
    ])
    func `are read where a port must be there`(text: String, host: String, port: Int) throws {
        #expect(try HostPort(text) == HostPort(host: host, port: port))
    }

    @Test(arguments: [
        ("host", "host", 8443), ("host:80", "host", 80), ("::1", "::1", 8443),
        ("[::1]", "::1", 8443), ("[::1]:80", "::1", 80), ("fe80::1%eth0", "fe80::1%eth0", 8443),
        // Without brackets an address is an address alone.
        ("::1:80", "::1:80", 8443),
    ])
    func `are read where a port may be missing`(text: String, host: String, port: Int) throws {
        #expect(try HostPort(text, defaultPort: 8_443) == HostPort(host: host, port: port))
    }

    @Test(arguments: [
        ("", HostPort.Fault.noHost), (":", .noHost), (":80", .noHost), ("[]:80", .noHost),
        ("host:", .noPort), ("host:x", .noPort), ("host:65536", .noPort), ("host:-1", .noPort),
        ("host:+1", .noPort), ("host: 1", .noPort), ("host:99999999999999999999", .noPort),
        ("[::1]:65536", .noPort), ("[::1]:", .noPort), ("[::1", .brackets),
        ("[::1:80", .brackets), ("[::1]80", .brackets), ("[::1]]:80", .brackets),
        ("https://host:80", .isURL), ("https://[::1]:80/", .isURL), ("://", .isURL),
    ])
    func `are refused with the reason, with and without a port that is assumed`(
        text: String, fault: HostPort.Fault
    ) {
        #expect(throws: fault) { try HostPort(text, defaultPort: 8_443) }
        #expect(throws: fault) { try HostPort(text) }
    }

    @Test(arguments: ["host", "::1", "[::1]", "a:b:80"])
    func `want a port where none is assumed`(text: String) {
        #expect(throws: HostPort.Fault.noPort) { try HostPort(text) }
    }

    @Test func `come back as they were written out, whatever the host and port`() throws {
        var generator = SystemRandomNumberGenerator()
        let letters = Array("abcXYZ019-._% é")
        for _ in 0..<2_000 {
            let isAddress = Bool.random(using: &generator)
            let groups = (2...8).randomElement(using: &generator) ?? 2
            let host =
                isAddress
                ? (0..<groups).map { _ in String(UInt16.random(in: 0...UInt16.max), radix: 16) }
                    .joined(separator: ":")
                    + (Bool.random(using: &generator) ? "::" : "%eth0")
                : String((0..<groups).compactMap { _ in letters.randomElement(using: &generator) })
            let port = Int.random(in: 0...65_535, using: &generator)
            let place = HostPort(host: host, port: port)
            #expect(try HostPort(place.description) == place)
            #expect(try HostPort(place.description, defaultPort: 1) == place)
        }
    }
}
