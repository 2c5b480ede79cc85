// How a version does with more candidates to choose from (Figure 4): asking for what is missing,
// and reading what is known. Figures at another K than the promotion gate's promote nobody.
public import LanguageSystem
import PostgresAccess

/// One row of `ls.scaling_curve`: the figures of a version on one test set with K candidates in a
/// group, 0 to 1 for binary labels.
public struct ScalingPoint: Sendable, Hashable {
    public let ranker: String
    public let versionNumber: Int
    public let versionID: RankerVersionID
    public let domain: DomainName
    /// K, the number of candidates in a group.
    public let candidateCount: Int
    /// The mean label of the version's picks.
    public let accuracy: Double
    /// The standard error of `accuracy`, bootstrapped by query.
    public let standardError: Double
    /// The baselines that need no ranker, on the same groups; nil where unknown.
    public let firstSample: Double
    public let majority: Double?
    public let highestLogProbability: Double?
    public let oracle: Double
    public let queryCount: Int
    public let groupCount: Int64
    /// The number of queries with fewer than K candidates, of which all were used; nil for earlier
    /// reports.
    public let smallerPoolCount: Int?
    /// Groups drawn for each query.
    public let groupsPerQuery: Int
    /// The seed of the groups.
    public let seed: Int64

    public init(
        ranker: String, versionNumber: Int, versionID: RankerVersionID, domain: DomainName,
        candidateCount: Int, accuracy: Double, standardError: Double, firstSample: Double,
        majority: Double? = nil, highestLogProbability: Double? = nil, oracle: Double,
        queryCount: Int, groupCount: Int64, smallerPoolCount: Int? = nil, groupsPerQuery: Int,
        seed: Int64
    ) {
        self.ranker = ranker
        self.versionNumber = versionNumber
        self.versionID = versionID
        self.domain = domain
        self.candidateCount = candidateCount
        self.accuracy = accuracy
        self.standardError = standardError
        self.firstSample = firstSample
        self.majority = majority
        self.highestLogProbability = highestLogProbability
        self.oracle = oracle
        self.queryCount = queryCount
        self.groupCount = groupCount
        self.smallerPoolCount = smallerPoolCount
        self.groupsPerQuery = groupsPerQuery
        self.seed = seed
    }
}

extension LedgerStore {
    /// - Parameters:
    ///   - reference: `ranker` (its champion), `ranker:alias` or `ranker@number`.
    ///   - candidateCounts: The values of K, at most 32, each from 1 to 1024.
    ///   - pattern: The domains whose test sets are used; nil uses the ranker's own.
    /// - Returns: The tasks to wait for; none when the curve is complete.
    public func requestScalingCurve(
        _ reference: String, candidateCounts: [Int] = [1, 2, 4, 8, 16, 32],
        pattern: String? = nil, by actor: String? = nil
    ) async throws(LanguageSystemError) -> [TaskID] {
        try await call(
            "select task_id from ls.request_scaling_curve($1, $2, $3, $4)", reference,
            candidateCounts, pattern, actor
        ) { rows in try rows.map { try $0.decode() } }
    }

    /// The points of a version that have the promotion gate's groups per query and seed, ordered by
    /// domain and K.
    public func scalingCurve(
        of version: RankerVersionID, candidateCounts: [Int] = [1, 2, 4, 8, 16, 32],
        pattern: String? = nil
    ) async throws(LanguageSystemError) -> [ScalingPoint] {
        try await call(
            """
            select c.*, c.smaller_pools::integer as smaller_pool_count
            from ls.scaling_curve c, ls.ranker_status r, ls.default_evaluation_configuration() g
            where c.version_id = $1 and c.k = any ($2) and r.name = c.ranker
                and c.groups_per_query = (g ->> 'groups_per_query')::integer
                and c.seed = (g ->> 'seed')::bigint
                and (ls.domain_matches(c.domain, $3)
                    or $3::text is null and ls.domain_is_within(c.domain, r.domain))
            order by c.domain collate "C", c.k
            """, version, candidateCounts, pattern
        ) { try $0.map(ScalingPoint.init(row:)) }
    }
}

extension ScalingPoint {
    init(row: Row) throws {
        ranker = try row.decode("ranker")
        versionNumber = try row.decode("version")
        versionID = try row.decode("version_id")
        domain = try row.decode("domain")
        candidateCount = try row.decode("k")
        accuracy = try row.decode("accuracy")
        standardError = try row.decode("standard_error")
        firstSample = try row.decode("first_sample")
        majority = try row.decode("majority")
        highestLogProbability = try row.decode("highest_log_probability")
        oracle = try row.decode("oracle")
        queryCount = try row.decode("query_count")
        groupCount = try row.decode("group_count")
        smallerPoolCount = try row.decode("smaller_pool_count")
        groupsPerQuery = try row.decode("groups_per_query")
        seed = try row.decode("seed")
    }
}
