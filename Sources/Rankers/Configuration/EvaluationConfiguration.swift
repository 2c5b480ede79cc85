// How a ranker is measured. The seed and the feature set alone decide the groups, so that every
// version is compared on the same ones.
public import LanguageSystem

/// How a version is measured: which groups are drawn.
public struct EvaluationConfiguration: Codable, Sendable, Hashable {
    /// K, the number of candidates in a group; a smaller pool is used whole.
    public var candidateCount: Int
    /// The number of groups drawn for each query.
    public var groupsPerQuery: Int
    /// The seed of the groups.
    public var seed: UInt64

    public init(
        candidateCount: Int = 10, groupsPerQuery: Int = 20, seed: UInt64 = 1
    ) throws(LanguageSystemError) {
        self.candidateCount = candidateCount
        self.groupsPerQuery = groupsPerQuery
        self.seed = seed
        try validate()
    }

    /// K = 10, 20 groups a query, seed 1.
    public static var preset: Self {
        do { return try Self() } catch { preconditionFailure("\(error)") }
    }

    func validate() throws(LanguageSystemError) {
        guard (1...Bounds.candidateCountMax).contains(candidateCount) else {
            throw .impossibleConfiguration(
                "found candidate_count \(candidateCount), expected 1 to \(Bounds.candidateCountMax)"
            )
        }
        guard (1...10_000).contains(groupsPerQuery) else {
            throw .impossibleConfiguration(
                "found groups_per_query \(groupsPerQuery), expected 1 to 10000")
        }
    }
}

extension EvaluationConfiguration {
    enum CodingKeys: String, CodingKey, CaseIterable {
        case seed
        case candidateCount = "candidate_count"
        case groupsPerQuery = "groups_per_query"
    }

    public init(json: String) throws(LanguageSystemError) {
        self = try StrictJSON.decode(Self.self, from: json, what: "evaluation configuration")
    }

    /// The configuration as JSON on one line with sorted keys; equal configurations give equal
    /// bytes.
    public var json: String { StrictJSON.encode(self) }

    public init(from decoder: any Decoder) throws {
        try StrictJSON.refuseUnknownKeys(
            CodingKeys.self, in: decoder, what: "evaluation configuration")
        let container = try decoder.container(keyedBy: CodingKeys.self)
        candidateCount = try container.decodeIfPresent(Int.self, forKey: .candidateCount) ?? 10
        groupsPerQuery = try container.decodeIfPresent(Int.self, forKey: .groupsPerQuery) ?? 20
        seed = try container.decodeIfPresent(UInt64.self, forKey: .seed) ?? 1
        try validate()
    }
}
