// The certificate that this server shows, on every port the same. Each handshake asks for the
// present one, so a successor takes over without a connection noticing; and as the clock is looked
// at there, too, nobody is shown one that ran out, also right after the machine was suspended or
// its clock was set. Between handshakes it is looked at once a minute: that is for the log and the
// metrics.
import Concurrency
public import Foundation
import LanguageSystem
public import Logging
public import NIOCertificateReloading
public import NIOSSL
public import PKI
public import ProgramSupport
public import ServiceLifecycle

public final class ServerCertificates: CertificateReloader, Service {
    /// Names a port in the metrics, whatever its number.
    public enum Port: String, Sendable { case https, workers, grpc }

    private struct Shown {
        let life: CertificateLife
        let override: NIOSSLContextConfigurationOverride
    }

    private struct State {
        var shown: Shown
        /// When a reissue was last tried in vain, and when that was said, by a clock that may be
        /// set.
        var failure: (triedAt: Date, saidAt: Date)?
        var noticedAt: Date?
    }

    private static let interval: Duration = .seconds(60)
    /// How long before the authority's end the log says daily that it needs a successor: half a
    /// year.
    static let authorityNotice: TimeInterval = 180 * 24 * 3600
    /// After how many seconds the same is said again.
    private static let repetition: (failure: TimeInterval, notice: TimeInterval) = (
        3_600, 24 * 3_600
    )

    private let authority: CertificateAuthority
    private let names: [String]
    private let logger: Logger
    private let clock: @Sendable () -> Date
    private let state: Locked<State>

    /// - Parameters:
    ///   - names: What clients call this server: host names and addresses.
    ///   - clock: The wall clock.
    /// - Throws: `invalidSettings` for a name that is neither; `identityRefused` once the authority
    ///   has ended.
    public init(
        authority: CertificateAuthority, names: [String], logger: Logger,
        clock: @escaping @Sendable () -> Date = { Date() }
    ) throws {
        self.authority = authority
        self.names = names
        self.logger = logger
        self.clock = clock
        state = Locked(State(shown: try Self.issue(authority, names, at: clock())))
    }

    /// The authorities whose certificates workers may show.
    var authoritiesPEM: String { authority.trustedPEM }

    /// The life of the present certificate.
    public var life: CertificateLife { present().life }

    public var sslContextConfigurationOverride: NIOSSLContextConfigurationOverride {
        present().override
    }

    /// Settings for a port where clients show no certificate.
    public func serverTLS() throws -> TLSConfiguration {
        var tls = try TLSConfiguration.makeServerConfiguration(certificateReloader: self)
        tls.minimumTLSVersion = .tlsv12
        return tls
    }

    public func read(into metrics: PrometheusMetrics, ports: [Port]) {
        metrics.onScrape { [self] samples in
            let now = clock()
            let left = life.secondsLeft(at: now).rounded()
            for port in ports {
                samples.gauge("ls_certificate_expiry_seconds", left, [("port", port.rawValue)])
            }
            samples.gauge(
                "ls_authority_expiry_seconds", authority.life.secondsLeft(at: now).rounded())
        }
    }

    /// Returns when asked to stop.
    public func run() async throws {
        await cancelWhenGracefulShutdown { [self] in
            while !Task.isCancelled {
                _ = present()
                noticeAuthority()
                try? await ContinuousClock().sleep(for: Self.interval)
            }
        }
    }

    /// The certificate to show now, a successor if that is due.
    private func present() -> Shown {
        state.withLock { state in
            let now = clock()
            guard state.shown.life.action(at: now, authority: authority.life) == .reissue,
                state.failure.map({ Self.isOver(60, since: $0.triedAt, at: now) }) ?? true
            else { return state.shown }
            do {
                state.shown = try Self.issue(authority, names, at: now)
                state.failure = nil
                logger.notice(
                    "the server's certificate was reissued",
                    metadata: ["until": "\(state.shown.life.notAfter.formatted(.iso8601))"])
            } catch {
                // The one before is shown for as long as it lasts, and this is tried again.
                let isNew =
                    state.failure.map {
                        Self.isOver(Self.repetition.failure, since: $0.saidAt, at: now)
                    } ?? true
                if isNew {
                    logger.warning(
                        "cannot reissue the server's certificate",
                        metadata: [
                            "until": "\(state.shown.life.notAfter.formatted(.iso8601))",
                            "error": "\(error)",
                        ])
                }
                state.failure = (now, isNew ? now : state.failure?.saidAt ?? now)
            }
            return state.shown
        }
    }

    /// Says once a day that the authority ends soon, or ended.
    func noticeAuthority() {
        let now = clock()
        let left = authority.life.secondsLeft(at: now)
        guard left < Self.authorityNotice else { return }
        let isDue = state.withLock { state in
            let isDue =
                state.noticedAt.map { Self.isOver(Self.repetition.notice, since: $0, at: now) }
                ?? true
            if isDue { state.noticedAt = now }
            return isDue
        }
        guard isDue else { return }
        logger.warning(
            left > 0
                ? "the authority's certificate ends soon" : "the authority's certificate ended",
            metadata: [
                "until": "\(authority.life.notAfter.formatted(.iso8601))",
                "days": "\(Int(left / (24 * 3600)))",
                "hint": "lscoord authority rotate, while workers can still renew",
            ])
    }

    /// Whether so much time has passed; a clock that was set back says nothing, so it has.
    private static func isOver(_ seconds: TimeInterval, since before: Date, at now: Date) -> Bool {
        !(0..<seconds).contains(now.timeIntervalSince(before))
    }

    private static func issue(_ authority: CertificateAuthority, _ names: [String], at now: Date)
        throws -> Shown
    {
        let issued = try authority.issueServerCertificate(names: names, at: now)
        var override = NIOSSLContextConfigurationOverride()
        override.certificateChain = try issued.chain.flatMap {
            try NIOSSLCertificate.fromPEMBytes(Array($0.utf8)).map { .certificate($0) }
        }
        override.privateKey = .privateKey(
            try NIOSSLPrivateKey(bytes: Array(issued.keyPEM.utf8), format: .pem))
        return Shown(life: issued.life, override: override)
    }
}
