// How one version did on one feature set, beside everything it has to be compared with.

/// A few more queries are measured, told to the caller.
public struct EvaluationProgress: Sendable, Hashable {
    /// Measured so far.
    public let query: Int
    public let queryCount: Int

    public var fraction: Double { Double(query) / Double(queryCount) }
    /// `query 16 of 57`
    public var note: String { "query \(query) of \(queryCount)" }
}

/// Shares of picks with label 1 (for score labels: mean labels of the picks), 0 to 1.
public struct EvaluationReport: Codable, Sendable, Hashable {
    public var accuracy: Double
    /// Of `accuracy`: bootstrap by query, 1,000 resamples, seeded.
    public var standardError: Double
    public var firstSample: Double
    /// Nil where answers are not known.
    public var majority: Double?
    /// Nil where log-probabilities are not known.
    public var highestLogProbability: Double?
    public var oracle: Double
    public var groupCount: Int
    public var queryCount: Int
    /// K as configured; `smallerPoolCount` queries had fewer candidates and gave them all.
    public var candidateCount: Int
    public var groupsPerQuery: Int
    /// Queries whose pool is smaller than K.
    public var smallerPoolCount: Int
    public var seed: UInt64
    public var seconds: Double
    /// The mean label of the ranker's picks, query by query: `accuracy` is their mean. Nil for sets
    /// of more than `queryValueCountMax` queries, and from workers of before.
    public var queryValues: [Float]? = nil

    /// What still fits into a report on the wire.
    static let queryValueCountMax = 10_000

    enum CodingKeys: String, CodingKey {
        case accuracy, majority, oracle, seed, seconds
        case standardError = "standard_error"
        case firstSample = "first_sample"
        case highestLogProbability = "highest_log_probability"
        case groupCount = "group_count"
        case queryCount = "query_count"
        case candidateCount = "candidate_count"
        case groupsPerQuery = "groups_per_query"
        case smallerPoolCount = "smaller_pool_count"
        case queryValues = "query_values"
    }

    /// One line, keys sorted.
    public var json: String { StrictJSON.encode(self) }
}
