// Where a user or a request falls in a rule: the same for ever, on every coordinator and in psql.
import Crypto

public enum ShareBucket {
    public static let count = 10_000

    /// The same number as `ls.share_bucket(rule, unit)`: the first four bytes of the SHA-256 of rule, line
    /// feed, unit, as a number, modulo 10,000.
    package static func of(_ unit: String, in rule: String) -> Int {
        var hash = SHA256()
        hash.update(data: Array(rule.utf8))
        hash.update(data: [UInt8(ascii: "\n")])
        hash.update(data: Array(unit.utf8))
        let number = hash.finalize().prefix(4).reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
        return Int(number % UInt32(count))
    }
}
