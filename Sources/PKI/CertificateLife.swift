// From when until when a certificate counts, and when one that we issue to ourselves gets a
// successor. It reads only the time it is given, which is the wall clock's: that may be set,
// forward and back, and a machine may have been suspended for a month. So whoever asks does so
// often, rather than sleep until a time was reached.
public import Foundation

/// The validity of a certificate, and when it is to be replaced.
public struct CertificateLife: Sendable, Hashable {
    /// The first moment at which the certificate is valid.
    public let notBefore: Date
    /// The moment from which the certificate is no longer valid.
    public let notAfter: Date

    public init(notBefore: Date, notAfter: Date) {
        self.notBefore = notBefore
        self.notAfter = notAfter
    }

    /// What to do with a certificate.
    public enum Action: Sendable, Hashable {
        /// Keep the certificate until then, unless the clock is set.
        case keep(until: Date)
        case reissue
    }

    /// What to do with the certificate at `now`: it is replaced from half of its validity on, and
    /// before its beginning. The result depends only on the arguments.
    ///
    /// - Parameter authority: Whoever signs it: no certificate outlives its authority's, so one
    ///   that lasts as long as that is kept to the end rather than replaced at ever shorter
    ///   intervals.
    public func action(at now: Date, authority: CertificateLife) -> Action {
        // The clock was ahead when it was made, and was set back.
        if now < notBefore { return .reissue }
        if now < halfTime { return .keep(until: halfTime) }
        return notAfter < authority.notAfter ? .reissue : .keep(until: authority.notAfter)
    }

    /// Whether the certificate is valid at `now`.
    public func contains(_ now: Date) -> Bool { notBefore <= now && now < notAfter }

    /// The seconds that are left at `now`; negative after the end.
    public func secondsLeft(at now: Date) -> Double { notAfter.timeIntervalSince(now) }

    private var halfTime: Date { notBefore + notAfter.timeIntervalSince(notBefore) / 2 }
}
