// Base models, domains, rankers, versions and aliases.
public import LanguageSystem
import PostgresAccess

extension LedgerStore {
    /// Registers a base model. Repeating it with the same contract returns the same id; another
    /// contract is refused (`contractMismatch`).
    @discardableResult
    public func registerBaseModel(
        _ name: String, hiddenSize: Int, contract: FeatureContract = FeatureContract()
    ) async throws(LanguageSystemError) -> BaseModelID {
        try await call(
            "select ls.register_base_model($1, $2, $3, $4, $5, $6, $7, $8, $9)",
            name, hiddenSize, contract.revision, contract.layer, contract.layerFraction,
            contract.norm, contract.pooling, contract.dtype, contract.templateDigest
        ) { try $0.one().decode() }
    }

    /// Registers a domain and all broader domains. Repeating it returns the same id.
    @discardableResult
    public func registerDomain(_ name: DomainName) async throws(LanguageSystemError) -> DomainID {
        try await call("select ls.register_domain($1)", name) { try $0.one().decode() }
    }

    /// The names among these that are not registered.
    public func unregistered(
        baseModels: some Sequence<String>, domains: some Sequence<DomainName>
    ) async throws(LanguageSystemError) -> (baseModels: [String], domains: [String]) {
        try await call(
            "select * from ls.unregistered($1, $2)", Array(baseModels), domains.map(\.description)
        ) { rows in
            var missing: (baseModels: [String], domains: [String]) = ([], [])
            for row in rows {
                let name: String = try row.decode("name")
                if try row.decode(String.self, "kind") == "domain" {
                    missing.domains.append(name)
                } else {
                    missing.baseModels.append(name)
                }
            }
            return missing
        }
    }

    /// Registers a ranker for a user, a domain, both, or (with neither) everyone. Repeating it with
    /// the same values returns the same ranker; the same name with other values is refused
    /// (`alreadyExists`).
    ///
    /// - Parameters:
    ///   - configuration: RankerConfiguration as JSON.
    ///   - training: TrainingConfiguration as JSON.
    ///   - name: The name; nil makes `math/algebra.listwise`, `~ada.listwise` or `global.listwise`.
    ///   - home: The worker that trains it and keeps its weights; nil keeps them in the database.
    @discardableResult
    public func registerRanker(
        baseModel: String, kind: RankerKind, configuration: String, training: String,
        user: String? = nil, domain: DomainName? = nil, name: String? = nil, home: String? = nil
    ) async throws(LanguageSystemError) -> RegisteredRanker {
        try await call(
            "select * from ls.register_ranker($1, $2, $3, $4, $5, $6, $7, $8)",
            baseModel, kind, configuration, training, user, domain, name, home
        ) { rows in
            let row = try rows.one()
            return RegisteredRanker(id: try row.decode("ranker_id"), name: try row.decode("name"))
        }
    }

    /// Adds a version with weights that were trained elsewhere. It is measured and goes through the
    /// same promotion gate. Repeating it with the same bytes returns the same version.
    @discardableResult
    public func addVersion(
        to ranker: String, digest: Digest, weights: [UInt8], report: String = "{}",
        parent: RankerVersionID? = nil, by actor: String? = nil
    ) async throws(LanguageSystemError) -> RankerVersionID {
        try await call(
            "select ls.add_version($1, $2, $3, $4, $5, $6)", ranker, digest, weights, report,
            parent, actor
        ) { try $0.one().decode() }
    }

    /// By hand, past the promotion gate.
    @discardableResult
    public func promote(
        _ version: RankerVersionID, because reason: String, by actor: String? = nil
    ) async throws(LanguageSystemError) -> Bool {
        try await call("select ls.promote($1, $2, $3)", version, reason, actor) {
            try $0.one().decode()
        }
    }

    /// - Throws: `unknownRanker` unless all of these are registered.
    public func checkRankers(_ names: [String]) async throws(LanguageSystemError) {
        try await call("select ls.ranker_id(n) from unnest($1::text[]) n", names) { _ in }
    }

    /// Restores the previous champion. Each further call goes back one more step, so do not repeat
    /// it without a check.
    @discardableResult
    public func rollback(
        _ ranker: String, because reason: String, by actor: String? = nil
    ) async throws(LanguageSystemError) -> RankerVersionID {
        try await call("select ls.rollback($1, $2, $3)", ranker, reason, actor) {
            try $0.one().decode()
        }
    }

    /// Lets the promotion gate decide: true for promoted, false for not promoted, nil when figures
    /// are missing.
    @discardableResult
    public func considerPromotion(
        _ version: RankerVersionID, configuration: String? = nil
    ) async throws(LanguageSystemError) -> Bool? {
        try await call("select ls.consider_promotion($1, $2)", version, configuration) {
            try $0.one().decode()
        }
    }

    /// The rankers with these names, ordered by name; unknown names are left out.
    public func rankers(named names: [String]) async throws(LanguageSystemError) -> [RankerStatus] {
        try await call(
            """
            select *, accuracy_percent::float8 / 100 as accuracy,
                first_sample_percent::float8 / 100 as first_sample
            from ls.ranker_status where name = any ($1)
            """, names
        ) { try $0.map(RankerStatus.init(row:)) }
    }

    /// The names of the rankers of these domains that belong to no user, in order.
    ///
    /// - Parameter pattern: A domain, or `math/*` for all domains below it.
    public func rankerNames(of pattern: String) async throws(LanguageSystemError) -> [String] {
        try await call(
            """
            select name from ls.ranker_status
            where user_name is null and ls.domain_matches(domain, $1)
            """, pattern
        ) { rows in try rows.map { try $0.decode() } }
    }

    /// The edge-only rankers whose champion's weights are lost, the earliest loss first.
    public func lostRankers(limit: Int? = nil) async throws(LanguageSystemError) -> [LostRanker] {
        try await call("select * from ls.lost_ranker limit $1", limit) { rows in
            try rows.map {
                LostRanker(
                    name: try $0.decode("name"), home: try $0.decode("home"),
                    lostAt: try $0.decode("lost_at"), because: try $0.decode("lost_because"))
            }
        }
    }

    /// The versions of a ranker, oldest first, without those that were forgotten.
    public func versions(of ranker: String) async throws(LanguageSystemError) -> [VersionLineage] {
        try await call(
            """
            select * from ls.version_lineage where ranker = $1 and forgotten_at is null
            order by number
            """, ranker
        ) { try $0.map(VersionLineage.init(row:)) }
    }

    /// Deletes everything that came from one user: features, rankers, every version that learned
    /// from them, and the name wherever it stands.
    ///
    /// - Returns: The kinds of deleted objects, for people, with their counts; zeros for an unknown
    ///   user.
    public func forgetUser(_ user: String, because reason: String, by actor: String? = nil)
        async throws(LanguageSystemError) -> [(what: String, count: Int)]
    {
        try await call("select * from ls.forget_user($1, $2, $3)", user, reason, actor) { rows in
            try rows.map { (try $0.decode("deleted"), try $0.decode("count")) }
        }
    }

    /// The weights among these that the database stores, or that it knows a worker to keep.
    public func keptWeights(of digests: [Digest]) async throws(LanguageSystemError) -> [Digest] {
        try await call("select ls.kept_weights($1)", digests) { rows in
            try rows.map { try $0.decode() }
        }
    }

    /// The moves of all aliases of a ranker, newest first.
    public func aliasHistory(of ranker: String) async throws(LanguageSystemError) -> [AliasMove] {
        try await call("select * from ls.alias_moves where ranker = $1", ranker) {
            try $0.map(AliasMove.init(row:))
        }
    }
}

extension RankerStatus {
    init(row: Row) throws {
        id = try row.decode("ranker_id")
        name = try row.decode("name")
        baseModel = try row.decode("base_model")
        user = try row.decode("user_name")
        domain = try row.decode("domain")
        kind = try row.decode("kind")
        versionCount = try row.decode("versions")
        championID = try row.decode("champion_version_id")
        championNumber = try row.decode("champion")
        accuracy = try row.decode("accuracy")
        firstSample = try row.decode("first_sample")
        openTaskCount = try row.decode("open_tasks")
        training = try row.decode("training")
        home = try row.decode("home")
        lostBecause = try row.decode("lost_because")
    }
}

extension VersionLineage {
    init(row: Row) throws {
        id = try row.decode("version_id")
        ranker = try row.decode("ranker")
        number = try row.decode("number")
        digest = try row.decodeHexDigest("digest")
        byteCount = try row.decode("byte_count")
        parent = try row.decode("parent")
        taskID = try row.decode("task_id")
        worker = try row.decode("worker")
        trainedOn = try row.decode([String]?.self, "trained_on") ?? []
        aliases = try row.decode([String]?.self, "aliases") ?? []
        report = try row.decode("report")
        addedAt = try row.decode("added_at")
    }
}

extension AliasMove {
    init(row: Row) throws {
        movedAt = try row.decode("moved_at")
        ranker = try row.decode("ranker")
        alias = try row.decode("alias")
        fromNumber = try row.decode("from_version")
        toNumber = try row.decode("to_version")
        movedBy = try row.decode("moved_by")
        reason = try row.decode("reason")
    }
}
