// A domain, or everything beneath one: `math/algebra`, `math/*`.

/// A domain, or all domains below one (`math/*`), with the meaning of `ls.domain_matches` in SQL.
public struct DomainPattern: Hashable, Sendable, CustomStringConvertible {
    /// The pattern as it was written.
    public let description: String

    /// - Throws: `invalidArgument` unless it is a domain's name, or one followed by `/*`.
    public init(_ text: some StringProtocol) throws(LanguageSystemError) {
        _ = try DomainName(text.hasSuffix("/*") ? String(text.dropLast(2)) : String(text))
        description = String(text)
    }

    public func matches(_ domain: DomainName) -> Bool { domain.matches(description) }
}
