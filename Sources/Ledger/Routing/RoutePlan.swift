// The answer of ls.route_plan, kept in memory: everything that may answer a user's requests for a
// domain, in order. Which of it answers one request is decided by that request's id, here as in
// ls.route().
import LanguageSystem

public struct RoutePlan: Sendable, Hashable {
    public enum Role: String, Sendable, Hashable {
        case serve
        /// Scored and recorded, not served.
        case shadow
    }

    public struct Entry: Sendable, Hashable {
        public let role: Role
        /// Of requests, in parts of 10,000.
        public let share: Int
        public let route: Route

        public init(role: Role = .serve, share: Int = RequestShares.count, route: Route) {
            self.role = role
            self.share = share
            self.route = route
        }

        /// Whether a request of this id falls in the share.
        func takes(_ request: String, of shares: RequestShares) -> Bool {
            guard share < RequestShares.count else { return true }
            return shares.bucket(of: request, in: route.rule ?? "") < share
        }
    }

    public let entries: [Entry]
    /// What decides which requests fall in an entry's share.
    public let shares: RequestShares

    public init(entries: [Entry], shares: RequestShares = RequestShares(secret: [])) {
        self.entries = entries
        self.shares = shares
    }

    /// What may serve a request of this id: the first, or when that is out of reach the next, up to
    /// the first that can be scored here. None: the candidates keep their order.
    public func choices(for request: String) -> [Route] {
        var choices: [Route] = []
        for entry in entries where entry.role == .serve && entry.takes(request, of: shares) {
            choices.append(entry.route)
            if entry.route.isCentral { break }
        }
        return choices
    }

    /// What scores a request of this id beside.
    public func shadows(for request: String) -> [Route] {
        entries.filter { $0.role == .shadow && $0.takes(request, of: shares) }.map(\.route)
    }
}

/// What features for a base model must be.
public struct ServingContract: Sendable, Hashable {
    /// D
    public let hiddenSize: Int
    public let features: FeatureContract

    public init(hiddenSize: Int, features: FeatureContract = FeatureContract()) {
        self.hiddenSize = hiddenSize
        self.features = features
    }
}
