// Routing and the transfer matrix, read only.
public import LanguageSystem
import PostgresAccess

extension LedgerStore {
    /// Everything that may serve such a request, in order. For unknown users and domains, the later
    /// steps of the chain serve.
    public func routePlan(baseModel: String, user: String? = nil, domain: DomainName? = nil)
        async throws(LanguageSystemError) -> RoutePlan
    {
        try await call(
            """
            select *, ls.read_share_secret() as share_secret from ls.route_plan($1, $2, $3)
            order by place
            """, baseModel, user, domain
        ) { rows in
            RoutePlan(
                entries: try rows.map(RoutePlan.Entry.init(row:)),
                // Without entries there is nothing to have a share of.
                shares: RequestShares(secret: try rows.first?.decode("share_secret") ?? []))
        }
    }

    /// The ranker that `ls.route` names, its version and the rule, as an administrator sees them;
    /// nil when the candidates keep their order.
    package func route(
        baseModel: String, user: String? = nil, domain: DomainName? = nil, request: String? = nil
    ) async throws(LanguageSystemError) -> (version: RankerVersionID, rule: String?)? {
        try await call(
            "select version_id, rule from ls.route($1, $2, $3, $4)", baseModel, user, domain,
            request
        ) { rows in
            try rows.oneOrNone().map { (try $0.decode("version_id"), try $0.decode("rule")) }
        }
    }

    /// The version that `ranker` (its champion), `ranker:alias` or `ranker@number` names. A user or
    /// a domain that a champion was proven worse for gets the version that they keep.
    public func resolve(_ reference: String, user: String? = nil, domain: DomainName? = nil)
        async throws(LanguageSystemError) -> Route
    {
        try await call(
            "select *, null::text as rule from ls.resolve($1, $2, $3)", reference, user, domain
        ) { try Route(row: $0.one()) }
    }

    /// The width of a base model's features, and its feature contract.
    public func servingContract(baseModel: String) async throws(LanguageSystemError)
        -> ServingContract
    {
        try await call("select * from ls.base_model_contract($1)", baseModel) { rows in
            let row = try rows.one()
            return ServingContract(
                hiddenSize: try row.decode("hidden_size"), features: try FeatureContract(row: row))
        }
    }

    /// All cells of a base model, ordered by kind, source and target. A ranker without a champion
    /// is there with its newest version.
    ///
    /// - Parameters:
    ///   - pattern: Domains, such as `math/*`, or several with commas; nil for every domain.
    ///   - configuration: The EvaluationConfiguration as JSON; nil uses the database's default.
    ///     Figures of another configuration, such as a scaling curve's, are another matrix.
    public func transferMatrix(
        baseModel: String, pattern: String? = nil, kind: RankerKind? = nil,
        configuration: String? = nil
    ) async throws(LanguageSystemError) -> [TransferCell] {
        try await call(
            """
            select * from ls.transfer_matrix
            where base_model = $1 and ls.domain_matches_any(target_domain, $2)
                and (ls.domain_matches_any(source_domain, $2)
                    or source_domain || '/*' = any (string_to_array($2, ',')))
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
        baseModel = try row.decode("base_model")
        user = try row.decode("user_name")
        domain = try row.decode("domain")
        kind = try row.decode("kind")
        configuration = try row.decode("configuration")
        versionID = try row.decode("version_id")
        versionNumber = try row.decode("version_number")
        digest = try row.decode("digest")
        byteCount = try row.decode("byte_count")
        reason = try row.decode("reason")
        rule = try row.decode("rule")
        let workerID: WorkerID? = try row.decode("worker_id")
        let workerName: String? = try row.decode("worker")
        worker =
            if let workerID, let workerName { Placement(id: workerID, name: workerName) } else {
                nil
            }
        isCentral = try row.decode("is_central")
        isChampion = try row.decode("is_champion")
        hasCombiner = try row.decode("has_combiner")
    }
}

extension RoutePlan.Entry {
    init(row: Row) throws {
        role = try row.decode("role")
        share = try row.decode("share")
        route = try Route(row: row)
    }
}

extension FeatureContract {
    init(row: Row) throws {
        self.init(
            revision: try row.decode("revision"), layer: try row.decode("layer"),
            layerFraction: try row.decode("layer_fraction"), norm: try row.decode("norm"),
            pooling: try row.decode("pooling"), dtype: try row.decode("dtype"),
            templateDigest: try row.decode("template_digest"))
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
