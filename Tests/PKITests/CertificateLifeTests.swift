// When our own certificates get successors, by a clock that is stepped: forward, back, and past the
// authority's end.
import Foundation
import LanguageSystem
import Testing

@testable import PKI

@Suite struct `A certificate's life` {
    private static let day: TimeInterval = 24 * 3600
    private let start = Date(timeIntervalSince1970: 1_800_000_000)

    /// As `CertificateAuthority` would sign it.
    private func issued(at now: Date, until end: Date) -> CertificateLife {
        CertificateLife(
            notBefore: now - CertificateAuthority.clockSkew,
            notAfter: min(now + CertificateAuthority.serverLifetime, end))
    }

    @Test func `a certificate's life is half over when a successor is made, and says when`() {
        let authority = CertificateLife(notBefore: start, notAfter: start + 3_650 * Self.day)
        let life = CertificateLife(notBefore: start, notAfter: start + 30 * Self.day)
        let half = start + 15 * Self.day
        #expect(life.action(at: start, authority: authority) == .keep(until: half))
        #expect(life.action(at: half - 1, authority: authority) == .keep(until: half))
        #expect(life.action(at: half, authority: authority) == .reissue)
        #expect(life.action(at: life.notAfter + 1, authority: authority) == .reissue)
        // A clock that was ahead when it was made.
        #expect(life.action(at: start - 1, authority: authority) == .reissue)
    }

    @Test func `a certificate's life ends with the authority's, without ever more replacements`() {
        let authority = CertificateLife(notBefore: start, notAfter: start + 100 * Self.day)
        var (life, count) = (issued(at: start, until: authority.notAfter), 0)
        for minute in 0..<(99 * 24 * 60) {
            let now = start + Double(minute) * 60
            #expect(life.contains(now))
            if life.action(at: now, authority: authority) == .reissue {
                life = issued(at: now, until: authority.notAfter)
                count += 1
            }
        }
        #expect(count == 5 && life.notAfter == authority.notAfter)
        #expect(
            life.action(at: authority.notAfter + Self.day, authority: authority)
                == .keep(until: authority.notAfter))
    }

    @Test(arguments: 0..<20 as Range<UInt64>)
    func `a certificate's life holds at any moment, however the clock is set`(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        let authority = CertificateLife(
            notBefore: start - 3_650 * Self.day, notAfter: start + 36_500 * Self.day)
        var (now, reissued) = (start, 0)
        var life = issued(at: now, until: authority.notAfter)
        for _ in 0..<2_000 {
            // Mostly minutes; at times a suspended month, or a clock set back by a year.
            let step =
                switch Int.random(in: 0..<20, using: &generator) {
                case 0: Double.random(in: 0...60, using: &generator) * Self.day
                case 1: -Double.random(in: 0...366, using: &generator) * Self.day
                default: Double.random(in: 0...3_600, using: &generator)
                }
            now += step
            if life.action(at: now, authority: authority) == .reissue {
                life = issued(at: now, until: authority.notAfter)
                reissued += 1
            }
            #expect(life.contains(now), "seed \(seed)")
            #expect(life.secondsLeft(at: now) >= 15 * Self.day - 600, "seed \(seed)")
            #expect(life.action(at: now, authority: authority) != .reissue, "seed \(seed)")
        }
        #expect(reissued > 50)
    }

    @Test func `an authority that has ended refuses everybody a certificate`() throws {
        let authority = try CertificateAuthority.ephemeral(at: start)
        let end = authority.life.notAfter
        let last = try authority.issueServerCertificate(names: ["localhost"], at: end - 60)
        #expect(last.life.notAfter == end)
        let request = try authority.check(
            certificateRequest: try WorkerKey().certificateRequest(name: "edge-1"))
        for act in [
            { _ = try authority.issueServerCertificate(names: ["localhost"], at: end) },
            { _ = try authority.issueCoordinatorCertificate(name: "one", at: end) },
            { _ = try authority.issueWorkerCertificate(request, workerName: "edge-1", at: end) },
        ] {
            let error = #expect(throws: LanguageSystemError.self) { try act() }
            #expect(error?.code == .identityRefused)
            #expect(error?.message.contains("the authority's own ended at 2037-") == true)
            #expect(error?.hint?.contains("lscoord authority rotate") == true)
        }
    }

    @Test func `a worker's certificate is half over early where its clock is behind`() throws {
        let authority = try CertificateAuthority.ephemeral(at: start)
        let request = try authority.check(
            certificateRequest: try WorkerKey().certificateRequest(name: "edge-1"))
        let issued = try authority.issueWorkerCertificate(request, workerName: "edge-1", at: start)
        let known = try IssuedCertificate(chainPEM: issued.chainPEM, path: "test")
        for behind in [0, 3_600, 2 * Self.day] {
            let clock = start - behind
            let wait = known.renewalTime(receivedAt: clock).timeIntervalSince(clock)
            #expect((10.5 * 3_600...13.3 * 3_600).contains(wait))
        }
        // Ahead, it renews at once rather than late.
        #expect(known.renewalTime(receivedAt: start + 2 * Self.day) < start + 2 * Self.day)
    }
}

@Suite struct `A host's name` {
    @Test(arguments: [
        ("my_host", "'_'"), ("a_b.example.org", "'_'"), ("", "empty"), ("x..y", "between two dots"),
        (".x", "between two dots"), ("host.", "a dot at its end"), ("-x.org", "'-'"),
        ("x-.org", "'-'"), ("fe80::1%eth0", "zone"), ("1:2:3", "no IPv6"),
        ("[::1]", "written without brackets"), ("[fe80::1]", "written without brackets"),
        ("host.org:8443", "names a port"), ("[::1]:8443", "names a port"),
        ("https://host.org", "is a URL"), ("http://[::1]:8443/", "is a URL"), ("[host]", "other"),
        ("a b", "other characters"),
        ("évry.fr", "other characters"), ("evil\u{0}.org", "other characters"),
        ("*.example.org", "other characters"), ("10.0.0.256", "ends in a number"),
        ("1.2.3", "ends in a number"), (String(repeating: "a", count: 64), "more than 63"),
        (Array(repeating: "abcdefghi", count: 26).joined(separator: "."), "longer than 253"),
    ])
    func `a host's name that TLS can never verify is refused, with the reason`(
        name: String, reason: String
    )
        throws
    {
        let fault = try #require(HostAddress.fault(in: name))
        #expect(fault.contains(reason), "\(fault)")
        #expect(!HostAddress.isHostName(name))
        let authority = try CertificateAuthority.ephemeral()
        let error = #expect(throws: LanguageSystemError.self) {
            try authority.issueServerCertificate(names: ["localhost", name])
        }
        #expect(error?.code == .invalidSettings)
        #expect(error?.message.hasSuffix(fault) == true)
    }

    @Test(arguments: [
        "localhost", "a", "coordinator.example.org", "Host-7.Example.ORG", "xn--vry-9la.fr",
        "3com.com",
        "127.0.0.1", "::1", "fe80::1",
    ])
    func `a host's name that can be verified is taken`(name: String) throws {
        #expect(HostAddress.fault(in: name) == nil)
        _ = try CertificateAuthority.ephemeral().issueServerCertificate(names: [name])
    }
}

@Suite struct `What a server showed` {
    private let now = Date()

    private func shown(
        _ authority: CertificateAuthority, at time: Date? = nil,
        names: [String] = ["coordinator.example.org", "127.0.0.1"]
    ) throws -> ShownChain {
        let chain = try authority.issueServerCertificate(names: names, at: time ?? now).chain
        return try #require(
            ShownChain(der: try chain.map { try PEMBytes.der($0) }))
    }

    @Test func `a server's certificate is in order, under each of its names`() throws {
        let authority = try CertificateAuthority.ephemeral()
        let chain = try shown(authority)
        for host in ["coordinator.example.org", "Coordinator.Example.org", "127.0.0.1"] {
            #expect(chain.fault(for: host, trusting: authority.certificatePEM, at: now) == nil)
        }
    }

    @Test func `a server's certificate is at fault for clock, authority or name, in this order`()
        throws
    {
        let authority = try CertificateAuthority.ephemeral(at: now)
        let other = try CertificateAuthority.ephemeral(at: now)
        let chain = try shown(authority)
        let day: TimeInterval = 24 * 3600
        func fault(_ host: String, _ root: CertificateAuthority, _ time: Date) -> ShownChain.Fault?
        {
            chain.fault(for: host, trusting: root.certificatePEM, at: time)
        }
        guard case .notYetValid? = fault("elsewhere", other, now - day) else {
            Issue.record("\(String(describing: fault("elsewhere", other, now - day)))")
            return
        }
        guard case .ended? = fault("elsewhere", other, now + 31 * day) else {
            Issue.record("\(String(describing: fault("elsewhere", other, now + 31 * day)))")
            return
        }
        #expect(fault("elsewhere", other, now) == .ofAnotherAuthority)
        #expect(
            fault("elsewhere", authority, now) == .named(["coordinator.example.org", "127.0.0.1"]))
        #expect(fault("127.0.0.2", authority, now) != nil)
    }

    @Test func `a server's chain leads from the authority of before during an overlap alone`()
        throws
    {
        let directory = FileManager.default.temporaryDirectory
            .appendingPathComponent("ls-pki-\(UUID().uuidString)").path
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let old = try CertificateAuthority.loadOrCreate(in: directory)
        let next = try CertificateAuthority.prepareRotation(
            in: directory, from: old.publicKeySHA256)
        let new = try CertificateAuthority.loadOrCreate(
            in: directory,
            following: DecidedKeys(
                present: next.publicKeySHA256, previous: old.publicKeySHA256))
        let chain = try shown(new)
        for root in [old, new] {
            #expect(
                chain.fault(for: "127.0.0.1", trusting: root.certificatePEM, at: now) == nil)
        }
        #expect(
            chain.fault(
                for: "127.0.0.1", trusting: try CertificateAuthority.ephemeral().certificatePEM,
                at: now) == .ofAnotherAuthority)
    }

    @Test func `a certificate by an authority that has ended is said to be that`() throws {
        let authority = try CertificateAuthority.ephemeral(at: now - 3_700 * 24 * 3600)
        // As a server with a clock that stopped would show it: TLS compares both.
        let end = authority.life.notAfter
        let fault = try shown(authority, at: end - 60).fault(
            for: "127.0.0.1", trusting: authority.certificatePEM, at: now)
        #expect(fault == .ended(end))
    }

    @Test func `a server that showed no certificate is nothing to speak about`() {
        #expect(ShownChain(der: []) == nil)
        #expect(ShownChain(der: [[1, 2, 3]]) == nil)
    }

    @Test func `what is wrong with a certificate is told in one sentence with both times`() {
        let clock = Date(timeIntervalSince1970: 951_000_000)
        let start = Date(timeIntervalSince1970: 1_800_000_000)
        let error = LanguageSystemError.untrusted("host:8443", .notYetValid(from: start), at: clock)
        #expect(
            error.message
                == """
                cannot trust the coordinator at host:8443: its certificate begins at \
                2027-01-15T08:00:00Z, this machine's clock says 2000-02-19T22:40:00Z
                """
        )
        #expect(error.hint?.contains("clock") == true)
    }
}

private enum PEMBytes {
    /// What is between the lines of a PEM.
    static func der(_ pem: String) throws -> [UInt8] {
        let body = pem.split(separator: "\n").filter { !$0.hasPrefix("-----") }.joined()
        return [UInt8](try #require(Data(base64Encoded: body)))
    }
}
