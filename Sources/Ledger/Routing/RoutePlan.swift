// The answer of ls.route_plan, kept in memory: everything that may answer a user's requests for a
// domain, in order. Which of it answers one request is decided by that request's id, here as in
// ls.route().
import LanguageSystem

/// The routes that may serve requests of one base model, user and domain, in order.
public struct RoutePlan: Sendable, Hashable {
    /// Whether a route serves requests or is only scored beside them.
    public enum Role: String, Sendable, Hashable {
        case serve
        /// The route is scored and recorded, but not served.
        case shadow
    }

    /// A route, and the share of requests that it applies to.
    public struct Entry: Sendable, Hashable {
        public let role: Role
        /// The share of requests, in parts of 10,000.
        public let share: Int
        public let route: Route

        public init(role: Role = .serve, share: Int = RequestShares.count, route: Route) {
            self.role = role
            self.share = share
            self.route = route
        }

        /// Whether a request with this id falls into the share.
        func takes(_ request: String, of shares: RequestShares) -> Bool {
            guard share < RequestShares.count else { return true }
            return shares.bucket(of: request, in: route.rule ?? "") < share
        }
    }

    public let entries: [Entry]
    /// Decides which requests fall into an entry's share.
    public let shares: RequestShares

    public init(entries: [Entry], shares: RequestShares = RequestShares(secret: [])) {
        self.entries = entries
        self.shares = shares
    }

    /// The routes that may serve a request with this id: the first, or if that is out of reach the
    /// next, up to the first that a coordinator can score. When there is none, the candidates keep
    /// their order.
    public func choices(for request: String) -> [Route] {
        var choices: [Route] = []
        for entry in entries where entry.role == .serve && entry.takes(request, of: shares) {
            choices.append(entry.route)
            if entry.route.isCentral { break }
        }
        return choices
    }

    /// The routes that also score a request with this id without serving it.
    public func shadows(for request: String) -> [Route] {
        entries.filter { $0.role == .shadow && $0.takes(request, of: shares) }.map(\.route)
    }
}

/// The features that a base model's rankers accept.
public struct ServingContract: Sendable, Hashable {
    /// D, the number of values in one feature.
    public let hiddenSize: Int
    public let features: FeatureContract

    public init(hiddenSize: Int, features: FeatureContract = FeatureContract()) {
        self.hiddenSize = hiddenSize
        self.features = features
    }
}
