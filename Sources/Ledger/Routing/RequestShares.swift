// Where a request falls in a rule: the same for ever, on every coordinator and in psql. Callers
// choose their requests' ids; without the installation's secret nobody can choose one that falls
// where they like.
import Crypto

/// Decides which requests fall into the share of a canary or a shadow.
public struct RequestShares: Sendable, Hashable, CustomStringConvertible {
    /// The number of equal parts into which requests fall.
    public static let count = 10_000

    private let secret: [UInt8]

    /// - Parameter secret: The installation's secret, from `ls.share_secret`.
    public init(secret: [UInt8]) { self.secret = secret }

    public var description: String { "<redacted>" }

    /// The same number as `ls.request_bucket(rule, request)`: the first four bytes of
    /// SHA-256(secret, SHA-256(secret, rule, line feed, request)), as a number, modulo 10,000.
    package func bucket(of request: String, in rule: String) -> Int {
        var inner = SHA256()
        inner.update(data: secret)
        inner.update(data: Array(rule.utf8))
        inner.update(data: [UInt8(ascii: "\n")])
        inner.update(data: Array(request.utf8))
        var outer = SHA256()
        outer.update(data: secret)
        outer.update(data: Array(inner.finalize()))
        let number = outer.finalize().prefix(4).reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
        return Int(number % UInt32(Self.count))
    }
}
