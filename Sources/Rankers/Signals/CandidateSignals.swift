// The signals of one group of candidates: what a request says of them, or a feature file.
// Everything is optional; what is there is there for all K.
public import LanguageSystem
internal import RankerMath

/// What is known of the K candidates of a group beside their features.
public struct CandidateSignals: Sendable, Hashable {
    /// K.
    public let candidateCount: Int
    /// The sum of the tokens' log-probabilities, in nats; nil: not known.
    public let logProbabilities: [Double]?
    /// The number of tokens; nil: not known.
    public let tokenCounts: [Int]?
    /// Equal numbers mean equal answers, a negative one that none was found; nil: not known.
    public let answers: [Int32]?
    /// Whether the model ended the response itself; nil: not known.
    public let finished: [Bool]?
    /// Further numbers by name.
    public let numbers: [String: [Double]]

    /// - Throws: `invalidArgument` unless each signal has K finite values of a possible size, and
    ///   there are at most `Signal.numberCountMax` numbers with possible names.
    public init(
        candidateCount: Int, logProbabilities: [Double]? = nil, tokenCounts: [Int]? = nil,
        answers: [Int32]? = nil, finished: [Bool]? = nil, numbers: [String: [Double]] = [:]
    ) throws(LanguageSystemError) {
        self.init(
            unchecked: candidateCount, logProbabilities, tokenCounts, answers, finished, numbers)
        try checkCount(logProbabilities?.count, of: "logprobs")
        try checkCount(tokenCounts?.count, of: "token_counts")
        try checkCount(answers?.count, of: "answers")
        try checkCount(finished?.count, of: "finish_reason")
        try checkSize(logProbabilities ?? [], of: "logprobs")
        if let index = (tokenCounts ?? []).firstIndex(where: { !(0...Self.tokenMax).contains($0) })
        {
            throw .unusableSignal(
                "found \(tokenCounts?[index] ?? 0) at 'token_counts' of candidate \(index), "
                    + "expected 0 to \(Self.tokenMax)")
        }
        guard numbers.count <= Signal.numberCountMax else {
            throw .unusableSignal(
                "found \(numbers.count) named numbers, expected at most \(Signal.numberCountMax)")
        }
        for (name, values) in numbers.sorted(by: { $0.key < $1.key }) {
            guard Signal.isNumberName(name) else {
                throw .unusableSignal(
                    "found a number named '\(name.printable())', expected 1 to "
                        + "\(Signal.nameLengthMax) of a-z, 0-9, '_' and '-'")
            }
            try checkCount(values.count, of: name)
            try checkSize(values, of: name)
        }
    }

    /// Nothing is known.
    public static func none(candidateCount: Int) -> Self {
        Self(unchecked: candidateCount, nil, nil, nil, nil, [:])
    }

    /// The signals of the responses `rows` of a feature set, in this order.
    init(of set: FeatureSet, rows: [Int]) {
        self.init(
            unchecked: rows.count,
            set.logProbabilities.map { all in rows.map { Double(all[$0]) } },
            set.tokenCounts.map { all in rows.map { Int(all[$0]) } },
            set.answers.map { all in rows.map { all[$0] } },
            set.finished.map { all in rows.map { all[$0] } },
            set.numbers.mapValues { all in rows.map { Double(all[$0]) } })
    }

    private init(
        unchecked candidateCount: Int, _ logProbabilities: [Double]?, _ tokenCounts: [Int]?,
        _ answers: [Int32]?, _ finished: [Bool]?, _ numbers: [String: [Double]]
    ) {
        self.candidateCount = candidateCount
        self.logProbabilities = logProbabilities
        self.tokenCounts = tokenCounts
        self.answers = answers
        self.finished = finished
        self.numbers = numbers
    }

    /// Answers as numbers: equal ones for equal answers, -1 for those that are nil.
    public static func numbered<Answer: Hashable>(_ answers: [Answer?]) -> [Int32] {
        var known: [Answer: Int32] = [:]
        return answers.map { answer in
            guard let answer else { return -1 }
            if let number = known[answer] { return number }
            let number = Int32(known.count)
            known[answer] = number
            return number
        }
    }

    /// The signals that are there. Log-probabilities count only with the numbers of tokens.
    public var present: Set<Signal> {
        var present = Set(numbers.keys.map(Signal.number))
        if logProbabilities != nil, tokenCounts != nil { present.insert(.logProbabilities) }
        if answers != nil { present.insert(.answers) }
        if finished != nil { present.insert(.finished) }
        return present
    }

    /// The mean log-probability of a token, shape [K]; nil: not known.
    public var meanLogProbabilities: [Double]? {
        guard let logProbabilities, let tokenCounts else { return nil }
        return SignalTerms.meanLogProbabilities(logProbabilities, tokenCounts: tokenCounts)
    }

    /// The values of a term, shape [K]; nil where its signal is not there. The score is no signal.
    func values(of term: CombinerTerm) -> [Double]? {
        switch term {
        case .score: nil
        case .meanLogProbability: meanLogProbabilities
        case .logTokenCount:
            logProbabilities == nil ? nil : tokenCounts.map(SignalTerms.logTokenCounts)
        case .voteShare: answers.map(SignalTerms.voteShares)
        case .hasAnswer: answers.map { $0.map { $0 >= 0 ? 1 : 0 } }
        case .finished: finished.map { $0.map { $0 ? 1 : 0 } }
        case .number(let name): numbers[name]
        }
    }

    private static let tokenMax = 1 << 30

    private func checkCount(_ count: Int?, of name: String) throws(LanguageSystemError) {
        guard count == nil || count == candidateCount else {
            throw .unusableSignal(
                "found \(count ?? 0) values of '\(name)', expected \(candidateCount), "
                    + "one for each candidate")
        }
    }

    private func checkSize(_ values: [Double], of name: String) throws(LanguageSystemError) {
        let magnitudeMax = Double(Bounds.magnitudeMax)
        // What is not a number is not within the bound either.
        if let index = values.firstIndex(where: { !(abs($0) <= magnitudeMax) }) {
            throw .unusableSignal(
                "found a number that is not finite or beyond \(Bounds.magnitudeMax) at "
                    + "'\(name)' of candidate \(index)")
        }
    }
}

extension LanguageSystemError {
    fileprivate static func unusableSignal(_ why: String) -> Self {
        Self(.invalidArgument, "cannot use these signals: \(why)")
    }
}
