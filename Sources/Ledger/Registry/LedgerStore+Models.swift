// What a key may name, a page at a time: for GET /v1/models.
public import LanguageSystem
import PostgresAccess

/// A base model, or a ranker that has a champion.
public struct Model: Sendable, Hashable {
    public let name: String
    /// Whose ranker it is; nil: everybody's, or it is a base model.
    public let user: String?
    /// Nil: it is a base model.
    public let kind: RankerKind?
    /// Number of the champion's version.
    public let champion: Int?
}

/// Some of what a key may name.
public struct ModelPage: Sendable, Hashable {
    public static let countMax = 1_000

    public let models: [Model]
    /// After which the next page goes on; nil: this is the last.
    public let next: String?
}

extension LedgerStore {
    /// Base models, each followed by its rankers that have a champion, as far as the scope sees
    /// them.
    ///
    /// - Parameters:
    ///   - place: `next` of the page before; nil: from the first on.
    ///   - countMax: 1 to `ModelPage.countMax`. A page may be shorter and not be the last.
    /// - Throws: `invalidArgument` for a place that no page ended at, or another count;
    ///   `deadlineExceeded`, `busy`.
    public func models(for scope: KeyScope, after place: String? = nil, upTo countMax: Int)
        async throws(CoordinatorError) -> ModelPage
    {
        try await list(
            "select * from ls.list_models($1, $2, $3, $4, $5)", scope.users, scope.domains,
            scope.baseModels, place, countMax
        ) { rows in
            var models: [Model] = []
            var next: String?
            for row in rows {
                guard let name: String = try row.decode("name") else {
                    next = try row.decode("place")
                    continue
                }
                models.append(
                    Model(
                        name: name, user: try row.decode("user_name"),
                        kind: try row.decode("kind"), champion: try row.decode("champion")))
            }
            return ModelPage(models: models, next: next)
        }
    }
}
