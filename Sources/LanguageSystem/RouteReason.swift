// Why a version answered a request. The raw values are what SQL stores,
// the wire carries and a person types.

/// Where and how a request was answered, best first. See DESIGN section 6.
public enum RouteReason: String, Sendable, CaseIterable, Codable, Hashable {
    /// The request named a ranker or a version.
    case named
    /// A rule of ls.route_rule came before the chain.
    case rule
    case userAndDomain = "user+domain"
    case user
    case domain
    case parentDomain = "parent domain"
    /// The asked domain has no ranker; the source domain that transfers best to it serves.
    case bestTransfer = "best transfer"
    case global
    /// No ranker fits: the candidates keep their order.
    case firstSample = "first sample"
}
