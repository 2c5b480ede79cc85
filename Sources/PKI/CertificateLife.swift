// From when until when a certificate counts, and when one that we issue to ourselves gets a
// successor. It reads only the time it is given, which is the wall clock's: that may be set,
// forward and back, and a machine may have been suspended for a month. So whoever asks does so
// often, rather than sleep until a time was reached.
public import Foundation

public struct CertificateLife: Sendable, Hashable {
    public let notBefore: Date
    public let notAfter: Date

    public init(notBefore: Date, notAfter: Date) {
        self.notBefore = notBefore
        self.notAfter = notAfter
    }

    public enum Action: Sendable, Hashable {
        /// Nothing is to be done before then, unless the clock is set.
        case keep(until: Date)
        case reissue
    }

    /// What to do with it at `now`: at half of its life, and before its beginning, it gets a
    /// successor. Pure.
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

    public func contains(_ now: Date) -> Bool { notBefore <= now && now < notAfter }

    /// Seconds that are left at `now`; negative when it is over.
    public func secondsLeft(at now: Date) -> Double { notAfter.timeIntervalSince(now) }

    private var halfTime: Date { notBefore + notAfter.timeIntervalSince(notBefore) / 2 }
}
