// What a key may name, a page at a time: for GET /v1/models.
public import LanguageSystem
import PostgresAccess

/// A base model, or a ranker that has a champion.
public struct Model: Sendable, Hashable {
    public let name: String
    /// The user whose ranker it is; nil for a ranker of everybody and for a base model.
    public let user: String?
    /// The kind of the ranker; nil for a base model.
    public let kind: RankerKind?
    /// The number of the champion's version; nil for a base model.
    public let champion: Int?
}

/// One page of the models that a key may name.
public struct ModelPage: Sendable, Hashable {
    /// The most models in one page.
    public static let countMax = 1_000

    public let models: [Model]
    /// The argument `after` for the next page; nil on the last page.
    public let next: String?
}

extension LedgerStore {
    /// Base models, each followed by its rankers that have a champion, restricted to the scope.
    ///
    /// - Parameters:
    ///   - place: `next` of the previous page; nil for the first page.
    ///   - countMax: The most models in the page, 1 to `ModelPage.countMax`. A shorter page need
    ///     not be the last.
    /// - Throws: `invalidArgument` for a place that is not a `next`, or a count out of range;
    ///   `deadlineExceeded`, `busy`.
    public func models(for scope: KeyScope, after place: String? = nil, upTo countMax: Int)
        async throws(LanguageSystemError) -> ModelPage
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
