// Routing and the transfer matrix, read only.
public import LanguageSystem
import PostgresAccess

extension LedgerStore {
    /// Which champion answers a request of this user and domain; nil: the candidates keep their
    /// order. Users and domains nobody has heard of are served by the later steps of the chain.
    public func route(baseModel: String, user: String? = nil, domain: DomainName? = nil)
        async throws(CoordinatorError) -> Route?
    {
        try await call("select * from ls.route($1, $2, $3)", baseModel, user, domain) {
            try $0.oneOrNone().map(Route.init(row:))
        }
    }

    /// The version that `ranker`, `ranker:alias` or `ranker@number` means.
    public func resolve(_ reference: String) async throws(CoordinatorError) -> Route {
        try await call("select * from ls.resolve($1)", reference) { try Route(row: $0.one()) }
    }

    /// All cells of a base model, ordered by kind, source and target.
    ///
    /// - Parameter configuration: EvaluationConfiguration as JSON; nil: the database's default.
    ///   Figures of other configurations, as of a scaling curve, are another matrix.
    public func transferMatrix(
        baseModel: String, pattern: String = "math/*", kind: RankerKind? = nil,
        configuration: String? = nil
    ) async throws(CoordinatorError) -> [TransferCell] {
        try await call(
            """
            select * from ls.transfer_matrix
            where base_model = $1 and ls.domain_matches(target_domain, $2)
                and (ls.domain_matches(source_domain, $2) or source_domain || '/*' = $2)
                and ($3::text is null or kind = $3)
                and configuration = coalesce($4, ls.default_evaluation_configuration())
            """, baseModel, pattern, kind, configuration
        ) { try $0.map(TransferCell.init(row:)) }
    }
}

extension Route {
    init(row: Row) throws {
        rankerID = try row.decode("ranker_id")
        rankerName = try row.decode("ranker_name")
        kind = try row.decode("kind")
        configuration = try row.decode("configuration")
        versionID = try row.decode("version_id")
        versionNumber = try row.decode("version_number")
        digest = try row.decode("digest")
        reason = try row.decode("reason")
    }
}

extension TransferCell {
    init(row: Row) throws {
        baseModel = try row.decode("base_model")
        kind = try row.decode("kind")
        sourceRanker = try row.decode("source_ranker")
        sourceDomain = try row.decode("source_domain")
        sourceVersionID = try row.decode("source_version_id")
        targetDomain = try row.decode("target_domain")
        accuracy = try row.decode("accuracy")
        standardError = try row.decode("standard_error")
        firstSample = try row.decode("first_sample")
        majority = try row.decode("majority")
        highestLogProbability = try row.decode("highest_log_probability")
        oracle = try row.decode("oracle")
        difference = try row.decode("difference")
        queryCount = try row.decode("query_count")
        groupCount = try row.decode("group_count")
        candidateCount = try row.decode("candidate_count")
        seed = try row.decode("seed")
        configuration = try row.decode("configuration")
    }
}
