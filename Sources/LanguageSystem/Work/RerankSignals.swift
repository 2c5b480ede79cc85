// What is known of a request's candidates beside their features, as it travels: from a request to
// the worker that scores it, and into a kept decision. What the numbers are worth is Rankers' to
// say; here are their names and which of them a version uses.

/// The signals of one group of candidates. Each is there for all K candidates, or is nil.
public struct RerankSignals: Sendable {
    /// The sum of each response's log-probabilities, in nats; used together with `tokenCounts`.
    public var logProbabilities: [Double]?
    /// The number of tokens of each response.
    public var tokenCounts: [Int]?
    /// Equal numbers mean equal answers; a negative one means that no answer was found. The texts
    /// of the answers go no further than the request.
    public var answers: [Int32]?
    /// Whether the model ended the response itself.
    public var finished: [Bool]?
    /// Further numbers by name.
    public var numbers: [String: [Double]]

    public init(
        logProbabilities: [Double]? = nil, tokenCounts: [Int]? = nil, answers: [Int32]? = nil,
        finished: [Bool]? = nil, numbers: [String: [Double]] = [:]
    ) {
        self.logProbabilities = logProbabilities
        self.tokenCounts = tokenCounts
        self.answers = answers
        self.finished = finished
        self.numbers = numbers
    }

    public var isEmpty: Bool {
        logProbabilities == nil && tokenCounts == nil && answers == nil && finished == nil
            && numbers.isEmpty
    }

    /// How many values each of them has.
    public var counts: [Int] {
        [logProbabilities?.count, tokenCounts?.count, answers?.count, finished?.count]
            .compactMap { $0 } + numbers.values.map(\.count)
    }

    /// The signals that are there, by the names that feature files and combiners have for them.
    private var names: Set<String> {
        var names = Set(numbers.keys.map { Self.numberPrefix + $0 })
        if logProbabilities != nil, tokenCounts != nil { names.insert("logprobs") }
        if answers != nil { names.insert("answers") }
        if finished != nil { names.insert("finished") }
        return names
    }

    /// The signals that a version uses of these.
    ///
    /// A version is fitted for every set of its signals, but with all of its named numbers or with
    /// none: where one of them is missing the others do not count.
    ///
    /// - Parameter usable: The names of the signals that the version's combiner can use.
    /// - Returns: Their names, in ascending order.
    public func used(by usable: some Sequence<String>) -> [String] {
        let (usable, names) = (Set(usable), names)
        let used = usable.intersection(names)
        let lacksNumber = usable.subtracting(used).contains { $0.hasPrefix(Self.numberPrefix) }
        return used.filter { !lacksNumber || !$0.hasPrefix(Self.numberPrefix) }.sorted()
    }

    private static let numberPrefix = "scores."
}

/// Equal when the bits of their numbers are, so that NaN equals itself.
extension RerankSignals: Hashable {
    public static func == (one: Self, other: Self) -> Bool { one.exact == other.exact }

    public func hash(into hasher: inout Hasher) { hasher.combine(exact) }

    private struct Exact: Hashable {
        let logProbabilities: [UInt64]?
        let tokenCounts: [Int]?
        let answers: [Int32]?
        let finished: [Bool]?
        let numbers: [String: [UInt64]]
    }

    private var exact: Exact {
        Exact(
            logProbabilities: logProbabilities?.map(\.bitPattern), tokenCounts: tokenCounts,
            answers: answers, finished: finished,
            numbers: numbers.mapValues { $0.map(\.bitPattern) })
    }
}

/// JSON, as a kept decision has it.
extension RerankSignals: Codable {
    private enum CodingKeys: String, CodingKey {
        case logProbabilities = "logprobs"
        case tokenCounts = "token_counts"
        case answers, finished
        case numbers = "scores"
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        logProbabilities = try container.decodeIfPresent([Double].self, forKey: .logProbabilities)
        tokenCounts = try container.decodeIfPresent([Int].self, forKey: .tokenCounts)
        answers = try container.decodeIfPresent([Int32].self, forKey: .answers)
        finished = try container.decodeIfPresent([Bool].self, forKey: .finished)
        numbers = try container.decodeIfPresent([String: [Double]].self, forKey: .numbers) ?? [:]
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encodeIfPresent(logProbabilities, forKey: .logProbabilities)
        try container.encodeIfPresent(tokenCounts, forKey: .tokenCounts)
        try container.encodeIfPresent(answers, forKey: .answers)
        try container.encodeIfPresent(finished, forKey: .finished)
        if !numbers.isEmpty { try container.encode(numbers, forKey: .numbers) }
    }
}

/// The ranker's scores and the signals of a group as one number a candidate.
public struct CombinedScores: Sendable {
    /// One for each candidate, in their order; higher is better.
    public let values: [Double]
    /// The names of the signals that are in them.
    public let signals: [String]

    public init(_ values: [Double], signals: [String]) {
        self.values = values
        self.signals = signals
    }
}

/// Equal when their bits are, so that NaN equals itself.
extension CombinedScores: Hashable {
    public static func == (one: Self, other: Self) -> Bool {
        one.signals == other.signals
            && one.values.map(\.bitPattern) == other.values.map(\.bitPattern)
    }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(values.map(\.bitPattern))
        hasher.combine(signals)
    }
}
