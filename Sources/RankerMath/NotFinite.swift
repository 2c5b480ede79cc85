// Where a forward pass ran out of numbers. A cosine of what overflowed is not a number, or 0 and
// then passes for one: whoever scores, measures or trains is told, and gives no answer.
import LanguageSystem

/// A token whose norm or score is not finite.
public struct NotFinite: Sendable, Hashable {
    /// What was not finite.
    public enum Quantity: String, Sendable {
        case norm, score
    }

    /// The number of the group in the pass, from 0.
    public let group: Int
    /// The number of the candidate in the group, from 0; nil for the instruction.
    public let candidate: Int?
    public let quantity: Quantity

    public init(group: Int, candidate: Int?, quantity: Quantity) {
        self.group = group
        self.candidate = candidate
        self.quantity = quantity
    }

    /// The token for people: `the norm of candidate 3`, `the norm of the instruction`.
    public var words: String {
        "the \(quantity.rawValue) of \(candidate.map { "candidate \($0)" } ?? "the instruction")"
    }
}

extension Trunk {
    /// The first group of the last forward pass that holds such a token, and of those the one that
    /// was the greatest before the blocks: attention spreads what is not a number over all tokens
    /// of a group.
    func notFinite(scores: UnsafePointer<Float>, groups: Int, tokens: Int) -> NotFinite? {
        let (type, k) = (FeatureType.float32, tokens - 1)
        if type.isFinite(norms, count: groups * tokens), type.isFinite(scores, count: groups * k) {
            return nil
        }
        for group in 0..<groups {
            let (norms, scores) = (norms + group * tokens, scores + group * k)
            let found = (0..<tokens).filter {
                !norms[$0].isFinite || ($0 > 0 && norms[0].isFinite && !scores[$0 - 1].isFinite)
            }
            let worst = found.max {
                greatest(group * tokens + $0) < greatest(group * tokens + $1)
            }
            guard let worst else { continue }
            return NotFinite(
                group: group, candidate: worst == 0 ? nil : worst - 1,
                quantity: norms[worst].isFinite ? .score : .norm)
        }
        return nil
    }
}
