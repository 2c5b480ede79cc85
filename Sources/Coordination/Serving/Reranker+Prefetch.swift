// Having rankers in memory before they are asked for.
public import LanguageSystem
public import Ledger
import Rankers

extension Reranker {
    public struct Prefetched: Sendable {
        public let route: Route
        public let wasCached: Bool
        public let isPinned: Bool
    }

    /// Has the ranker in memory that a request of this user and domain would be served by.
    ///
    /// - Parameter pin: Whether it stays there for this key, also its later versions; nil: as it
    ///   was.
    /// - Throws: As `rerank`; `unavailable` when no ranker fits, `tooLarge` when too much is
    ///   pinned.
    public func prefetch(
        _ model: String, user: String?, domain: DomainName?, pin: Bool?, for caller: RerankCaller
    ) async throws -> Prefetched {
        let (scope, holder) = (caller.scope, caller.keyID ?? "")
        let (user, domain) = try scope.checked(user: user, domain: domain)
        let key = RouteKey(model: model, user: user, domain: domain)
        let answer = try await self.route(key, routes.look(up: key), for: scope)
        guard let route = answer.plan.entries.last(where: { $0.role == .serve })?.route,
            route.isCentral
        else { throw LanguageSystemError.nothingToPrefetch(model) }
        let champion = route.champion(asked: model)
        let cached = cache.known(route.digest, of: champion)
        let scorer =
            if let cached { cached } else {
                try await cache.scorer(for: route.digest, of: champion)
            }
        switch pin {
        case true?:
            // A read during which the memory was compared with the ledger is not kept: once more.
            if !cache.holds(route.digest) {
                _ = try await cache.scorer(for: route.digest, of: champion)
            }
            try cache.pin(
                route.rankerID, route.digest, takes: scorer.byteCount, for: holder,
                follows: champion != nil)
        case false?: cache.unpin(route.rankerID, by: holder)
        case nil: break
        }
        return Prefetched(
            route: route, wasCached: cached != nil,
            isPinned: cache.isPinned(route.rankerID, route.digest, by: holder))
    }

    /// Ends the pins of other keys than these: they were revoked, or expired.
    public func keepPins(of keys: Set<String>) { cache.keepPins(of: keys.union([""])) }
}

extension LanguageSystemError {
    static func nothingToPrefetch(_ model: String) -> Self {
        Self(
            .unknownVersion,
            """
            cannot prefetch for '\(model.printable(120))': no ranker with weights here would serve \
            such a request
            """
        )
    }
}
