// What may be known of a candidate beside its features, by the names that feature files, requests
// and combiners use.
internal import LanguageSystem

/// One kind of knowledge of all candidates of a group.
public enum Signal: Sendable, Hashable {
    /// The sum of the tokens' log-probabilities, with the number of tokens: `logprobs`.
    case logProbabilities
    /// Which candidates give the same answer, and which none: `answers`.
    case answers
    /// Whether the model ended the response itself, or was cut off: `finished`.
    case finished
    /// A number that the user names, such as a reward model's score: `scores.NAME`.
    case number(String)

    static let numberPrefix = "scores."
    /// The most further numbers of a candidate.
    public static let numberCountMax = 8
    static let nameLengthMax = 40

    /// The name in files and in JSON.
    public var name: String {
        switch self {
        case .logProbabilities: "logprobs"
        case .answers: "answers"
        case .finished: "finished"
        case .number(let name): Self.numberPrefix + name
        }
    }

    /// - Returns: Nil unless it is a signal's name.
    public init?(name: String) {
        switch name {
        case "logprobs": self = .logProbabilities
        case "answers": self = .answers
        case "finished": self = .finished
        default:
            guard name.hasPrefix(Self.numberPrefix) else { return nil }
            let number = String(name.dropFirst(Self.numberPrefix.count))
            guard Self.isNumberName(number) else { return nil }
            self = .number(number)
        }
    }

    /// Whether a number may be called so: 1 to 40 of a-z, 0-9, `_` and `-`.
    public static func isNumberName(_ name: String) -> Bool {
        (1...nameLengthMax).contains(name.utf8.count)
            && name.utf8.allSatisfy {
                (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0)
                    || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0)
                    || $0 == UInt8(ascii: "_") || $0 == UInt8(ascii: "-")
            }
    }

    /// The terms of a combiner that need this signal.
    var terms: [CombinerTerm] {
        switch self {
        case .logProbabilities: [.meanLogProbability, .logTokenCount]
        case .answers: [.voteShare, .hasAnswer]
        case .finished: [.finished]
        case .number(let name): [.number(name)]
        }
    }
}

extension Signal: Comparable {
    /// Log-probabilities, answers, finished, then numbers by name.
    public static func < (a: Signal, b: Signal) -> Bool { (a.rank, a.name) < (b.rank, b.name) }

    private var rank: Int {
        switch self {
        case .logProbabilities: 0
        case .answers: 1
        case .finished: 2
        case .number: 3
        }
    }
}

/// One summand of a combined score.
enum CombinerTerm: Sendable, Hashable {
    case score
    case meanLogProbability
    case logTokenCount
    case voteShare
    case hasAnswer
    case finished
    case number(String)

    /// The name in a combiner's JSON.
    var name: String {
        switch self {
        case .score: "score"
        case .meanLogProbability: "mean_logprob"
        case .logTokenCount: "log_token_count"
        case .voteShare: "vote_share"
        case .hasAnswer: "has_answer"
        case .finished: "finished"
        case .number(let name): Signal.number(name).name
        }
    }

    /// The score, then the terms of the signals in their order.
    static func terms(of signals: [Signal]) -> [CombinerTerm] {
        [.score] + signals.flatMap(\.terms)
    }
}
