// Names of domains: lower-case words joined by slashes, `math/algebra`. A name's ancestors are the
// broader domains that may stand in for it; a pattern ends in `/*` and means everything beneath.

/// A kind of request with its own best ranker, such as `math/algebra` or `code/mbpp`.
public struct DomainName: Hashable, Sendable, Codable, Comparable, CustomStringConvertible {
    /// The longest name, in bytes of UTF-8.
    public static let byteCountMax = 120
    /// The whole name, with its slashes.
    public let description: String

    /// - Throws: `invalidArgument` unless each segment consists of letters a-z, digits, `_`, `-` or
    ///   `.`, starts with a letter or digit, and the whole is 1 to 120 bytes.
    public init(_ name: some StringProtocol) throws(LanguageSystemError) {
        guard Self.isValid(name) else { throw .invalidDomainName(String(name)) }
        self.description = String(name)
    }

    public init(from decoder: any Decoder) throws {
        try self.init(try decoder.singleValueContainer().decode(String.self))
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }

    /// The broader domains, the nearest first: `a/b/c` gives `a/b` and `a`.
    public var ancestors: [DomainName] {
        var found: [DomainName] = []
        var rest = description[...]
        while let slash = rest.lastIndex(of: "/") {
            rest = rest[..<slash]
            found.append(DomainName(valid: String(rest)))
        }
        return found
    }

    /// Whether `pattern`, a name or a name followed by `/*`, includes this domain.
    public func matches(_ pattern: some StringProtocol) -> Bool {
        guard pattern.hasSuffix("/*") else { return description == pattern }
        return description.hasPrefix(pattern.dropLast())
    }

    public static func < (a: Self, b: Self) -> Bool { a.description < b.description }

    private init(valid name: String) { description = name }

    private static func isValid(_ name: some StringProtocol) -> Bool {
        guard !name.isEmpty, name.utf8.count <= byteCountMax else { return false }
        return name.split(separator: "/", omittingEmptySubsequences: false).allSatisfy { segment in
            guard let first = segment.utf8.first, isWord(first) else { return false }
            return segment.utf8.allSatisfy { isWord($0) || "_-.".utf8.contains($0) }
        }
    }

    private static func isWord(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
            || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }
}

extension LanguageSystemError {
    static func invalidDomainName(_ name: String) -> Self {
        Self(
            .invalidArgument,
            "cannot use '\(name.printable(130))' as a domain: found a name that does not fit",
            hint: "use lower-case words joined by slashes, such as math/algebra")
    }
}
