// The server's certificate by a clock that is stepped: what is shown, what is logged, what is
// measured.
import Foundation
import LanguageSystem
import Logging
import NIOSSL
import PKI
import ProgramSupport
import Testing

@testable import CoordinatorServer

@Suite struct `The server's certificate` {
    private static let day: TimeInterval = 24 * 3600

    /// A clock that somebody sets, and the lines that were logged.
    private final class Site: LogHandler, @unchecked Sendable {
        private let lock = NSLock()
        private var time: Date
        private var written: [String] = []
        var metadata: Logger.Metadata = [:]
        var logLevel: Logger.Level = .trace

        init(_ time: Date) { self.time = time }

        var now: Date {
            get { lock.withLock { time } }
            set { lock.withLock { time = newValue } }
        }
        var lines: [String] { lock.withLock { written } }
        func count(_ words: String) -> Int { lines.count { $0.contains(words) } }

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            lock.withLock { written.append("\(event.level) \(event.message)") }
        }
    }

    private let start = Date(timeIntervalSince1970: 1_800_000_000)
    private let site: Site
    private let authority: CertificateAuthority
    private let certificates: ServerCertificates

    init() throws {
        let site = Site(start)
        self.site = site
        authority = try CertificateAuthority.ephemeral(at: start)
        certificates = try ServerCertificates(
            authority: authority, names: ["localhost"], logger: Logger(label: "test") { _ in site },
            clock: { site.now })
    }

    /// The serial number of the one that the next handshake shows.
    private func shown() throws -> [UInt8] {
        let override = certificates.sslContextConfigurationOverride
        guard case .certificate(let leaf)? = override.certificateChain?.first else { return [] }
        return leaf.serialNumber
    }

    @Test func `the certificate is another one from half of its life on, and the same until then`()
        throws
    {
        let first = try shown()
        site.now = start + 15 * Self.day - 700
        #expect(try shown() == first)
        site.now = start + 15 * Self.day
        let second = try shown()
        #expect(second != first)
        #expect(certificates.life.notAfter == site.now + 30 * Self.day)
        #expect(try shown() == second)
        #expect(site.lines == ["notice the server's certificate was reissued"])
    }

    @Test func `the certificate holds after a suspended year, and after the clock was set back`()
        throws
    {
        for step in [400 * Self.day, -300 * Self.day, 29 * Self.day, -3_600] {
            site.now += step
            #expect(certificates.life.contains(site.now))
        }
        #expect(site.count("was reissued") == 4)
    }

    @Test func `a successor is made once for many handshakes at once`() async throws {
        site.now = start + 40 * Self.day
        let certificates = certificates
        await withDiscardingTaskGroup { group in
            for _ in 0..<200 {
                group.addTask { _ = certificates.sslContextConfigurationOverride }
            }
        }
        #expect(site.count("was reissued") == 1)
    }

    @Test func `the certificate stays when it cannot be reissued, which is said once an hour`()
        throws
    {
        let first = try shown()
        // The clock is beyond the authority's end.
        site.now = authority.life.notAfter + Self.day
        for _ in 0..<119 {
            #expect(try shown() == first)
            site.now += 60
        }
        #expect(
            site.lines
                == Array(repeating: "warning cannot reissue the server's certificate", count: 2))
        // It is set right.
        site.now = start + 20 * Self.day
        #expect(try shown() != first)
        #expect(site.lines.last == "notice the server's certificate was reissued")
    }

    @Test func `a certificate that lasts as long as the authority is left alone`()
        throws
    {
        site.now = authority.life.notAfter - Self.day
        let last = try shown()
        #expect(certificates.life.notAfter == authority.life.notAfter)
        for step in [0, Self.day - 1, 1, Self.day] {
            site.now += step
            #expect(try shown() == last)
        }
        #expect(site.count("reissue") == 1)
        let error = #expect(throws: LanguageSystemError.self) {
            try ServerCertificates(
                authority: authority, names: ["localhost"],
                logger: Logger(label: "test") { _ in site }, clock: { site.now })
        }
        #expect(error?.code == .identityRefused)
    }

    @Test func `what is left of the certificate is measured by port, in seconds`() async throws {
        let metrics = PrometheusMetrics(help: CoordinatorMetrics.help)
        certificates.read(into: metrics, ports: [.https, .workers])
        site.now = start + 10 * Self.day
        var text = await metrics.render()
        #expect(text.contains("\nls_certificate_expiry_seconds{port=\"https\"} 1728000\n"))
        #expect(text.contains("\nls_certificate_expiry_seconds{port=\"workers\"} 1728000\n"))
        #expect(text.contains("\nls_authority_expiry_seconds \(3_640 * 86_400)\n"))
        #expect(text.contains("# HELP ls_certificate_expiry_seconds "))
        // Whoever looks has it reissued.
        site.now = start + 20 * Self.day
        text = await metrics.render()
        #expect(text.contains("\nls_certificate_expiry_seconds{port=\"https\"} 2592000\n"))
        site.now = authority.life.notAfter + 5
        text = await metrics.render()
        #expect(text.contains("\nls_authority_expiry_seconds -5\n"))
    }

    @Test func `the log speaks of the authority's end half a year before, once a day`() throws {
        site.now = authority.life.notAfter - 181 * Self.day
        certificates.noticeAuthority()
        #expect(site.count("authority's certificate ends soon") == 0)
        site.now += 2 * Self.day
        for _ in 0..<50 {
            certificates.noticeAuthority()
            site.now += 3_600
        }
        #expect(site.count("authority's certificate ends soon") == 3)
        site.now = authority.life.notAfter
        certificates.noticeAuthority()
        #expect(site.lines.last == "warning the authority's certificate ended")
    }
}
