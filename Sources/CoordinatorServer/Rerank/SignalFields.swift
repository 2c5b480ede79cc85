// The fields of a request that say more of its candidates than their features, and the rules that
// they are held to, whatever form the request has. What a value may be is `CandidateSignals`' to
// say; here a refusal gets the name of its field.
import Coordination
import LanguageSystem
import Rankers

struct SignalFields {
    var logProbabilities: [Double]?
    var tokenCounts: [Int]?
    /// Numbered: equal numbers mean equal answers, -1 that there is none.
    var answers: [Int32]?
    var finished: [Bool]?
    var numbers: [String: [Double]] = [:]
    /// Nil: the best candidate.
    var aggregate: String?

    /// What `finish_reason` says where the model ended the response itself; it did not where
    /// anything else is said, or nothing.
    static let finishedReason = "stop"

    /// Answers as numbers.
    ///
    /// Texts are the same when their bytes are. A whole number is the text of its digits: a caller
    /// that reads some answers as numbers and others not means the same by 5 and "5", and gRPC has
    /// texts alone.
    static func numbered(_ answers: [String?]) -> [Int32] {
        CandidateSignals.numbered(answers.map { $0.map { Array($0.utf8) } })
    }

    /// - Returns: The signals, nil when there are none; and what the first candidate is to be.
    /// - Throws: `invalidArgument` with the field.
    func checked(
        candidateCount: Int
    ) throws(LanguageSystemError) -> (signals: RerankSignals?, aggregate: Aggregate) {
        let aggregate = try checkedAggregate()
        let signals = RerankSignals(
            logProbabilities: logProbabilities, tokenCounts: tokenCounts, answers: answers,
            finished: finished, numbers: numbers)
        guard !signals.isEmpty else { return (nil, aggregate) }
        // One at a time: a refusal is of one field.
        try Self.refuse(in: "logprobs") { () throws(LanguageSystemError) in
            try CandidateSignals(
                candidateCount: candidateCount, logProbabilities: logProbabilities)
        }
        try Self.refuse(in: "token_counts") { () throws(LanguageSystemError) in
            try CandidateSignals(candidateCount: candidateCount, tokenCounts: tokenCounts)
        }
        try Self.refuse(in: "answers") { () throws(LanguageSystemError) in
            try CandidateSignals(candidateCount: candidateCount, answers: answers)
        }
        try Self.refuse(in: "finish_reason") { () throws(LanguageSystemError) in
            try CandidateSignals(candidateCount: candidateCount, finished: finished)
        }
        try Self.refuse(in: "signals") { () throws(LanguageSystemError) in
            try CandidateSignals(candidateCount: candidateCount, numbers: numbers)
        }
        return (signals, aggregate)
    }

    private func checkedAggregate() throws(LanguageSystemError) -> Aggregate {
        guard let aggregate else { return .best }
        guard let known = Aggregate(rawValue: aggregate) else {
            throw .malformedRerank(
                "aggregate is '\(aggregate.printable(40))', expected "
                    + Aggregate.allCases.map(\.rawValue).joined(separator: " or "),
                field: "aggregate")
        }
        guard known != .weightedVote || answers != nil else {
            throw .malformedRerank(
                "'answers' is missing, which the aggregate \(known.rawValue) is a vote on",
                field: "answers")
        }
        return known
    }

    private static func refuse(
        in field: String, _ check: () throws(LanguageSystemError) -> CandidateSignals
    ) throws(LanguageSystemError) {
        do {
            _ = try check()
        } catch {
            throw error.of(field: field)
        }
    }
}
