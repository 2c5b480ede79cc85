// How one version did on one feature set, beside everything it has to be compared with.

/// The progress of an evaluation.
public struct EvaluationProgress: Sendable, Hashable {
    /// The number of queries measured so far.
    public let query: Int
    public let queryCount: Int

    /// The part that is done, 0 to 1.
    public var fraction: Double { Double(query) / Double(queryCount) }
    /// The progress for people: `query 16 of 57`.
    public var note: String { "query \(query) of \(queryCount)" }
}

/// The figures of a version: shares of picks with label 1, 0 to 1 (for score labels, mean labels of
/// the picks).
public struct EvaluationReport: Codable, Sendable, Hashable {
    /// The figure of what is served: the picks of the combined score where the version has a
    /// combiner, else of the ranker.
    public var accuracy: Double
    /// The standard error of `accuracy`: bootstrap by query, 1,000 seeded resamples.
    public var standardError: Double
    /// The figure of the first candidate of each group.
    public var firstSample: Double
    /// The figure of the most frequent answer; nil where answers are unknown.
    public var majority: Double?
    /// The figure of the candidate with the highest log-probability; nil where these are unknown.
    public var highestLogProbability: Double?
    /// The figure of the best candidate of each group.
    public var oracle: Double
    /// The number of groups that were measured.
    public var groupCount: Int
    public var queryCount: Int
    /// K as configured; `smallerPoolCount` queries had fewer candidates, of which all were used.
    public var candidateCount: Int
    public var groupsPerQuery: Int
    /// The number of queries whose pool is smaller than K.
    public var smallerPoolCount: Int
    public var seed: UInt64
    /// The time that the evaluation took.
    public var seconds: Double
    /// The figure of the ranker's picks without a combiner; nil where that is `accuracy`.
    public var ranker: Double? = nil
    /// The figure of a combination that was fitted as if there were no ranker; nil without a
    /// combiner that uses the set's signals.
    public var withoutRanker: Double? = nil
    /// The figure of the first candidate in which an answer was found; nil where answers are
    /// unknown.
    public var hasAnswer: Double? = nil
    /// The figure of the candidate with the highest mean log-probability of a token; nil where
    /// log-probabilities or lengths are unknown.
    public var meanLogProbability: Double? = nil
    /// The figure of the vote weighted by combined scores, or by the ranker's without a combiner;
    /// nil where answers are unknown.
    public var weightedVote: Double? = nil
    /// The mean label of what is served for each query; `accuracy` is their mean. Nil for sets
    /// of more than `queryValueCountMax` queries, and from earlier workers.
    public var queryValues: [Float]? = nil
    /// The same of what needs no ranker; nil where `queryValues` are.
    public var methodQueryValues: MethodQueryValues? = nil
    /// The same of methods that no decision needs. It is not part of the JSON.
    package var localQueryValues: LocalQueryValues? = nil
    /// The set's least and greatest label: by how much picks can differ.
    public var labelRange: [Double]? = nil

    /// The most query values that fit into a report on the wire.
    static let queryValueCountMax = 10_000

    enum CodingKeys: String, CodingKey {
        case accuracy, majority, oracle, seed, seconds, ranker
        case withoutRanker = "without_ranker"
        case hasAnswer = "has_answer"
        case meanLogProbability = "mean_log_probability"
        case weightedVote = "weighted_vote"
        case standardError = "standard_error"
        case firstSample = "first_sample"
        case highestLogProbability = "highest_log_probability"
        case groupCount = "group_count"
        case queryCount = "query_count"
        case candidateCount = "candidate_count"
        case groupsPerQuery = "groups_per_query"
        case smallerPoolCount = "smaller_pool_count"
        case queryValues = "query_values"
        case methodQueryValues = "method_query_values"
        case labelRange = "label_range"
    }

    /// The report as JSON on one line with sorted keys.
    public var json: String { StrictJSON.encode(self) }

    /// As `json`, without what single queries say where that makes it too long: first of the
    /// methods that no decision needs, last of the ranker.
    public func json(byteCountMax: Int) -> String {
        var report = self
        let steps: [(inout Self) -> Void] = [
            { $0.methodQueryValues?.highestLogProbability = nil },
            { $0.methodQueryValues?.majority = nil },
            { $0.methodQueryValues = nil },
            { $0.queryValues = nil },
        ]
        var text = report.json
        for shorten in steps where text.utf8.count > byteCountMax {
            shorten(&report)
            text = report.json
        }
        return text
    }
}

/// The mean label of the picks of further methods, query by query.
package struct LocalQueryValues: Sendable, Hashable {
    package var ranker: [Float]
    /// Nil where answers are not known.
    package var hasAnswer: [Float]?
    /// Nil without a combiner that uses the set's signals.
    package var withoutRanker: [Float]?
    /// Nil where log-probabilities or lengths are not known.
    package var meanLogProbability: [Float]?
    /// Nil where answers are not known.
    package var weightedVote: [Float]?
}

/// The mean label of the picks of each method that needs no ranker, query by query.
public struct MethodQueryValues: Codable, Sendable, Hashable {
    public var firstSample: [Float]
    /// Nil where answers are not known.
    public var majority: [Float]?
    /// Nil where log-probabilities are not known.
    public var highestLogProbability: [Float]?
    public var oracle: [Float]

    enum CodingKeys: String, CodingKey {
        case majority, oracle
        case firstSample = "first_sample"
        case highestLogProbability = "highest_log_probability"
    }
}
