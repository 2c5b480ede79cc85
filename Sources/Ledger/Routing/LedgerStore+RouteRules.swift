// What comes before the chain, and where a ranker is scored.
public import LanguageSystem
import PostgresAccess

/// A rule that comes before the routing chain.
public struct RouteRule: Sendable, Hashable {
    /// What a rule does with the requests that match it.
    public enum Action: String, Sendable, CaseIterable, Hashable {
        /// Serves every request it matches.
        case pin
        /// Serves a share of the users, always the same ones.
        case split
        /// Serves a share of the requests.
        case canary
        /// Also scores a share of the requests; the result is recorded and not served.
        case shadow
    }

    public var name: String
    public var action: Action
    /// The ranker that serves: `ranker`, `ranker:alias` or `ranker@number`, resolved for each
    /// request.
    public var target: String
    /// The share of users or requests, 0 to 1.
    public var share: Double
    /// The user whose requests match; nil matches everybody's.
    public var user: String?
    /// The domain or pattern (`math/*`) that matches; nil matches all.
    public var domain: String?
    /// The order of rules: the lowest priority comes first.
    public var priority: Int

    public init(
        name: String, action: Action, target: String, share: Double = 1, user: String? = nil,
        domain: String? = nil, priority: Int = 0
    ) {
        self.name = name
        self.action = action
        self.target = target
        self.share = share
        self.user = user
        self.domain = domain
        self.priority = priority
    }
}

extension LedgerStore {
    /// Adds a rule; a rule of the same name is replaced.
    public func addRouteRule(
        _ rule: RouteRule, because reason: String = "", by actor: String? = nil
    )
        async throws(LanguageSystemError)
    {
        try await call(
            "select ls.add_route_rule($1, $2, $3, $4, $5, $6, $7, $8, $9)", rule.name, rule.action,
            rule.target, rule.share, rule.user, rule.domain, rule.priority, reason, actor
        ) { _ in }
    }

    /// - Returns: Whether the rule existed.
    @discardableResult
    public func removeRouteRule(_ name: String, because reason: String, by actor: String? = nil)
        async throws(LanguageSystemError) -> Bool
    {
        try await call("select ls.remove_route_rule($1, $2, $3)", name, reason, actor) {
            try $0.one().decode()
        }
    }

    /// Places a ranker on a worker, which scores its requests as long as it answers in time.
    public func placeRanker(
        _ ranker: String, on worker: String, because reason: String, by actor: String? = nil
    ) async throws(LanguageSystemError) {
        try await call("select ls.place_ranker($1, $2, $3, $4)", ranker, worker, reason, actor) {
            _ in
        }
    }

    /// - Returns: Whether the ranker was placed on a worker before.
    @discardableResult
    public func unplaceRanker(_ ranker: String, because reason: String, by actor: String? = nil)
        async throws(LanguageSystemError) -> Bool
    {
        try await call("select ls.unplace_ranker($1, $2, $3)", ranker, reason, actor) {
            try $0.one().decode()
        }
    }
}
