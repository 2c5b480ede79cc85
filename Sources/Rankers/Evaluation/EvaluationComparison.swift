// Whether two evaluations of one version, on the same groups, say the same: what a worker reported,
// and what was found when it was measured again. What needs no ranker is the same to the last digit
// that is written; what the ranker picked may differ in near ties, for processors add in different
// orders.

import LanguageSystem

/// The figures of a report that are compared. A report of an older worker has no `queryValues`.
public struct ReportedFigures: Sendable, Hashable, Codable {
    /// The mean label of what is served.
    public var accuracy: Double
    public var firstSample: Double
    public var majority: Double?
    public var highestLogProbability: Double?
    public var oracle: Double
    public var hasAnswer: Double? = nil
    public var meanLogProbability: Double? = nil
    public var groupCount: Int
    public var queryCount: Int
    public var queryValues: [Float]?
    /// What needs no ranker, query by query, under the names of the figures; nil where it is not
    /// this report's word.
    public var methodQueryValues: [String: [Float]?]?

    enum CodingKeys: String, CodingKey {
        case accuracy, majority, oracle
        case firstSample = "first_sample"
        case highestLogProbability = "highest_log_probability"
        case hasAnswer = "has_answer"
        case meanLogProbability = "mean_log_probability"
        case groupCount = "group_count"
        case queryCount = "query_count"
        case queryValues = "query_values"
        case methodQueryValues = "method_query_values"
    }
}

/// Compares the figures of a worker with those that a coordinator measured again.
public enum EvaluationComparison {
    /// The number of picks in a hundred that may have another label, and two more at any number.
    /// Between processors one pick in a thousand differs, where two scores are equal up to
    /// rounding: an honest worker does not reach ten times that, and a lie that stays below moves
    /// accuracy by one point at most.
    public static let differingPicksInHundred = 1.0
    static let differingPicksAlways = 2.0
    /// The tolerance of the baselines, relative to the larger figure or 1; it allows only for
    /// rounding in text.
    static let exactTolerance = 1e-6

    /// - Parameters:
    ///   - labelRange: The set's largest label minus its smallest, by which one pick can change a
    ///     sum.
    /// - Returns: The first difference, for people; nil when the figures agree.
    public static func difference(
        of reported: ReportedFigures, from found: EvaluationReport, labelRange: Double
    ) -> String? {
        guard reported.groupCount == found.groupCount, reported.queryCount == found.queryCount
        else {
            return
                """
                found \(found.groupCount) groups of \(found.queryCount) queries, it said \
                \(reported.groupCount) of \(reported.queryCount)
                """
        }
        for (name, said, actual) in [
            ("first_sample", reported.firstSample, found.firstSample),
            ("majority", reported.majority, found.majority),
            (
                "highest_log_probability", reported.highestLogProbability,
                found.highestLogProbability
            ),
            ("oracle", reported.oracle, found.oracle),
            ("has_answer", reported.hasAnswer, found.hasAnswer),
            (
                "mean_log_probability", reported.meanLogProbability, found.meanLogProbability
            ),
        ] as [(String, Double?, Double?)] {
            if let said, let actual, !areSame(said, actual) {
                return "\(name) is \(actual), it said \(said)"
            }
        }
        if let words = methodDifference(of: reported, from: found) { return words }
        guard labelRange > 0 else { return nil }
        let groupsPerQuery = Double(found.groupsPerQuery)
        let allowed =
            differingPicksAlways + differingPicksInHundred / 100 * Double(found.groupCount)
        let differing: Double
        if let said = reported.queryValues, let actual = found.queryValues,
            said.count == actual.count
        {
            // In labels of one pick: a query's value is the mean of its groups' picks.
            differing = zip(said, actual).reduce(0) {
                $0 + abs(Double($1.0) - Double($1.1)) * groupsPerQuery / labelRange
            }
        } else {
            differing =
                abs(reported.accuracy - found.accuracy) * Double(found.groupCount) / labelRange
        }
        // They are float32: a whole number of picks all the same. What was said may be any number.
        let isSame = differing.rounded() <= allowed
        guard !isSame else { return nil }
        let count = min(Int(nearest: differing), found.groupCount)
        let picks = "of \(found.groupCount) picks at least \(count) have another label"
        guard reported.accuracy == found.accuracy else {
            return "accuracy is \(found.accuracy), it said \(reported.accuracy); \(picks)"
        }
        // What cancels out in accuracy: the query that differs most shows it.
        let queries = zip(found.queryValues ?? [], reported.queryValues ?? [])
        guard
            let (index, (actual, said)) = queries.enumerated().max(by: {
                abs($0.element.0 - $0.element.1) < abs($1.element.0 - $1.element.1)
            })
        else { return picks }
        return
            """
            \(picks), though accuracy is \(found.accuracy) as it said: in query \(index), \
            counted from 0, their mean is \(actual), it said \(said)
            """
    }

    /// In each query, what needs no ranker is the same to the last digit, too.
    private static func methodDifference(
        of reported: ReportedFigures, from found: EvaluationReport
    ) -> String? {
        let methods = found.methodQueryValues
        for (name, actual) in [
            ("first_sample", methods?.firstSample), ("majority", methods?.majority),
            ("highest_log_probability", methods?.highestLogProbability),
            ("oracle", methods?.oracle),
        ] {
            guard let actual, let said = reported.methodQueryValues?[name] ?? nil,
                said.count == actual.count
            else { continue }
            if let index = said.indices.first(where: {
                !areSame(Double(said[$0]), Double(actual[$0]))
            }) {
                return """
                    \(name) of query \(index), counted from 0, is \(actual[index]), \
                    it said \(said[index])
                    """
            }
        }
        return nil
    }

    private static func areSame(_ a: Double, _ b: Double) -> Bool {
        abs(a - b) <= exactTolerance * max(1, abs(a), abs(b))
    }
}

extension FeatureSet {
    /// The largest label minus the smallest.
    public var labelRange: Double { labelBounds.map { $0[1] - $0[0] } ?? 0 }

    /// The smallest label and the largest; nil without any.
    var labelBounds: [Double]? {
        guard let least = labels.min(), let greatest = labels.max() else { return nil }
        return [Double(least), Double(greatest)]
    }
}
