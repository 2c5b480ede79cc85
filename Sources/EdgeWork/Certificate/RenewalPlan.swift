// When a worker's certificate is renewed, and what has to happen before it can be shown. A value:
// certificates live by the wall clock; a renewal that failed waits for time that only passes.
import Concurrency
import Foundation
import LanguageSystem

struct RenewalPlan: Sendable {
    typealias Instant = ContinuousClock.Instant

    enum Step: Sendable, Equatable {
        /// The certificate can be shown.
        case connect
        /// It has run out: another one is asked for first.
        case recover
        /// The coordinator takes it for expired, this machine's clock does not.
        case recoverEarly
    }

    private var expiry: Date
    private var renewal: Date
    private var retry: Instant?
    private var backoff = Backoff(first: .seconds(5), most: .seconds(300))
    /// As of the newest connection; the coordinator's clock is what counts.
    private var isTakenForExpired = false

    /// - Parameters:
    ///   - expiry: When the certificate runs out.
    ///   - renewal: From when on another is asked for.
    init(expiry: Date, renewal: Date) {
        self.expiry = expiry
        self.renewal = renewal
    }

    /// What comes before the next connection. Asked once for each.
    mutating func stepBeforeConnecting(at date: Date) -> Step {
        defer { isTakenForExpired = false }
        if date >= expiry { return .recover }
        return isTakenForExpired ? .recoverEarly : .connect
    }

    mutating func connectionFailed(_ failure: LanguageSystemError) {
        isTakenForExpired = failure.cause?.contains("ALERT_CERTIFICATE_EXPIRED") ?? false
    }

    /// Whether to ask for another certificate over the connection there is.
    func isDue(at date: Date, _ now: Instant) -> Bool {
        date >= renewal && retry.map { now >= $0 } ?? true
    }

    /// There is a new certificate.
    mutating func renewed(expiry: Date, renewal: Date) {
        self.expiry = expiry
        self.renewal = renewal
        backoff.reset()
        retry = nil
    }

    /// - Parameter chance: 0 to 1.
    mutating func renewalFailed(at now: Instant, chance: Double = .random(in: 0...1)) {
        retry = now + backoff.next(chance: chance)
    }
}
