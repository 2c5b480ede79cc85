// Why a version answered a request. The raw values are what SQL stores,
// the wire carries and a person types.

/// Why a ranker serves a request, in the order in which the chain is tried.
public enum RouteReason: String, Sendable, CaseIterable, Codable, Hashable {
    /// The request named a ranker or a version.
    case named
    /// A rule of `ls.route_rule` applied, before the chain.
    case rule
    case userAndDomain = "user+domain"
    case user
    case domain
    case parentDomain = "parent domain"
    /// The domain has no ranker, so the ranker that transfers best to it serves.
    case bestTransfer = "best transfer"
    case global
    /// No ranker fits, so the candidates keep their order.
    case firstSample = "first sample"
}
