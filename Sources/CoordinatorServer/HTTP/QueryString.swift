// A request's query string as forms and every URL library write it: pairs joined by '&', '+' for a
// space, the rest percent-encoded in UTF-8. A name that comes twice is refused: which one is meant
// would be a guess.
import HummingbirdCore
import LanguageSystem

struct QueryString: Sendable {
    private var values: [String: String] = [:]

    /// - Throws: `invalidArgument` for a name that comes twice, and for what is not percent-encoded
    ///   UTF-8.
    init(_ text: some StringProtocol, of what: String = "rerank request")
        throws(LanguageSystemError)
    {
        for pair in text.utf8.split(separator: UInt8(ascii: "&")) {
            let parts = pair.split(
                separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
            guard let name = Self.decoded(parts[0]) else {
                throw .malformedRerank(
                    "a parameter's name in the query string is not percent-encoded UTF-8", of: what)
            }
            guard let value = parts.count == 2 ? Self.decoded(parts[1]) : "" else {
                throw .malformedRerank(
                    "the parameter '\(name.printable(40))' is not percent-encoded UTF-8", of: what,
                    field: name)
            }
            guard values.updateValue(value, forKey: name) == nil else {
                throw .malformedRerank(
                    "found the parameter '\(name.printable(40))' twice, expected it once", of: what,
                    field: name)
            }
        }
    }

    var names: some Collection<String> { values.keys }

    subscript(name: String) -> String? { values[name] }

    /// Nil when the text is not percent-encoded UTF-8.
    ///
    /// - Parameter hasForms: Whether '+' is a space; in a path it is not.
    static func decoded(_ text: some Collection<UInt8>, hasForms: Bool = true) -> String? {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.count)
        var rest = text[...]
        while let byte = rest.popFirst() {
            switch byte {
            case UInt8(ascii: "+") where hasForms: bytes.append(UInt8(ascii: " "))
            case UInt8(ascii: "%"):
                guard let high = rest.popFirst().flatMap(digit),
                    let low = rest.popFirst().flatMap(digit)
                else { return nil }
                bytes.append(high << 4 | low)
            default: bytes.append(byte)
            }
        }
        return String(validating: bytes, as: UTF8.self)
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}

extension URI {
    /// - Throws: `invalidArgument`.
    func queryString(of what: String = "rerank request") throws(LanguageSystemError) -> QueryString
    {
        try QueryString(query ?? "", of: what)
    }
}
