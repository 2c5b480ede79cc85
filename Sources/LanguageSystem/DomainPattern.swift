// A domain, or everything beneath one: `math/algebra`, `math/*`.

/// Which domains are meant; the same words as in SQL (`ls.domain_matches`).
public struct DomainPattern: Hashable, Sendable, CustomStringConvertible {
    public let description: String

    /// - Throws: `invalidArgument` unless it is a domain's name, or one followed by `/*`.
    public init(_ text: some StringProtocol) throws(CoordinatorError) {
        _ = try DomainName(text.hasSuffix("/*") ? String(text.dropLast(2)) : String(text))
        description = String(text)
    }

    public func matches(_ domain: DomainName) -> Bool { domain.matches(description) }
}
