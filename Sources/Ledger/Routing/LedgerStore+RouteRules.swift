// What comes before the chain, and where a ranker is scored.
public import LanguageSystem
import PostgresAccess

public struct RouteRule: Sendable, Hashable {
    public enum Action: String, Sendable, CaseIterable, Hashable {
        /// Serves every request it matches.
        case pin
        /// Serves a share of the users, the same ones for ever.
        case split
        /// Serves a share of the requests.
        case canary
        /// Scores a share of the requests beside; recorded, not served.
        case shadow
    }

    public var name: String
    public var action: Action
    /// `ranker`, `ranker:alias` or `ranker@number`, looked up each time.
    public var target: String
    /// 0 to 1.
    public var share: Double
    /// Nil: everybody's requests.
    public var user: String?
    /// A domain, or a pattern such as `math/*`; nil: all.
    public var domain: String?
    /// The lowest comes first.
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
    /// A rule of the same name is replaced.
    public func addRouteRule(
        _ rule: RouteRule, because reason: String = "", by actor: String? = nil
    )
        async throws(CoordinatorError)
    {
        try await call(
            "select ls.add_route_rule($1, $2, $3, $4, $5, $6, $7, $8, $9)", rule.name, rule.action,
            rule.target, rule.share, rule.user, rule.domain, rule.priority, reason, actor
        ) { _ in }
    }

    /// - Returns: Whether it was there.
    @discardableResult
    public func removeRouteRule(_ name: String, because reason: String, by actor: String? = nil)
        async throws(CoordinatorError) -> Bool
    {
        try await call("select ls.remove_route_rule($1, $2, $3)", name, reason, actor) {
            try $0.one().decode()
        }
    }

    /// From now on the ranker is scored on that worker, as far as it answers in time.
    public func placeRanker(
        _ ranker: String, on worker: String, because reason: String, by actor: String? = nil
    ) async throws(CoordinatorError) {
        try await call("select ls.place_ranker($1, $2, $3, $4)", ranker, worker, reason, actor) {
            _ in
        }
    }

    /// - Returns: Whether it was placed on a worker.
    @discardableResult
    public func unplaceRanker(_ ranker: String, because reason: String, by actor: String? = nil)
        async throws(CoordinatorError) -> Bool
    {
        try await call("select ls.unplace_ranker($1, $2, $3)", ranker, reason, actor) {
            try $0.one().decode()
        }
    }
}
