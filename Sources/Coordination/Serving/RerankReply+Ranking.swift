// The order in which candidates are served, and what each is reported as. Without signals it is the
// ranker's order and nothing else is computed.
public import LanguageSystem
import RankerMath
public import Rankers

extension RerankReply {
    /// The candidates, best first.
    ///
    /// - `best`: by combined score, or else by the ranker's; of equal ones the first stands first.
    /// - `weighted_vote`: scores become probabilities (softmax), which are summed over equal
    ///   answers. Answers stand in the order of their sums, each with all its candidates one behind
    ///   the other, best first; of equal sums the one with the better candidate stands first. A
    ///   candidate without an answer stands for itself, and behind an answer of the same sum. Where
    ///   sums differ, the first candidate is the one that `Aggregate.order` has first.
    ///
    /// Scores become probabilities as they are, at temperature 1, combined ones and cosines alike,
    /// as in the row `weighted_vote` of evaluation reports. A combined score is fitted as a logit.
    /// A cosine is a weak logit: such a vote is close to a count in which the ranker has a say.
    /// Sharper votes were worse on the demo (listwise 69.4 at 1, 61.2 at 5; a count 66.5).
    ///
    /// The score that is reported is the combined one, or else the ranker's. Where probabilities
    /// were computed, they are the relevance, so that those of an answer's candidates add up to its
    /// weight.
    ///
    /// - Parameters:
    ///   - scores: The ranker's; all 0 when there is none, and a vote then counts.
    ///   - isCosine: Whether the ranker's scores are cosines.
    public static func ranking(
        _ scores: [Float], _ combined: CombinedScores?, isCosine: Bool, by aggregate: Aggregate,
        answers: [Int32]?
    ) -> [RankedCandidate] {
        let vote = aggregate == .weightedVote ? answers : nil
        guard combined != nil || vote != nil else {
            let order = scores.indices.sorted { (scores[$1], $0) < (scores[$0], $1) }
            return order.map {
                RankedCandidate(
                    candidateIndex: $0, score: scores[$0],
                    // A cosine may be beyond 1 by the last bit.
                    relevance: isCosine ? min(max((1 + scores[$0]) / 2, 0), 1) : scores[$0])
            }
        }
        let logits = combined?.values ?? scores.map { Double($0) }
        // Of candidates that all stand for themselves: the softmax.
        let shares = SignalTerms.answerWeights(
            logits, answers: [Int32](repeating: -1, count: logits.count))
        return order(logits, answers: vote).map {
            RankedCandidate(
                candidateIndex: $0,
                score: combined == nil ? scores[$0] : Float(bounded: logits[$0]),
                relevance: Float(shares[$0]))
        }
    }

    /// - Parameter answers: Nil: there is no vote.
    private static func order(_ logits: [Double], answers: [Int32]?) -> [Int] {
        let order = Aggregate.best.order(logits, answers: nil)
        guard let answers else { return order }
        let weights = SignalTerms.answerWeights(logits, answers: answers)
        var ranks = [Int](repeating: 0, count: order.count)
        for (rank, candidate) in order.enumerated() { ranks[candidate] = rank }
        /// The rank of each answer's best candidate.
        var leaders: [Int32: Int] = [:]
        for candidate in order where leaders[answers[candidate]] == nil {
            leaders[answers[candidate]] = ranks[candidate]
        }
        func place(_ candidate: Int) -> (Double, Int, Int, Int) {
            let (answer, rank) = (answers[candidate], ranks[candidate])
            let isNone = answer < 0
            return (
                -weights[candidate], isNone ? 1 : 0, isNone ? rank : leaders[answer] ?? rank, rank
            )
        }
        return order.sorted { place($0) < place($1) }
    }
}

extension Float {
    /// The number, or the largest of its sign that a float holds: JSON has no infinity.
    fileprivate init(bounded value: Double) {
        let magnitudeMax = Double(Float.greatestFiniteMagnitude)
        self = Float(min(max(value, -magnitudeMax), magnitudeMax))
    }
}
