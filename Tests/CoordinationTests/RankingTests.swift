// The order in which candidates are served, without a database.
import Foundation
import LanguageSystem
import RankerMath
import Rankers
import Testing

@testable import Coordination

@Suite struct `Order of candidates` {
    private static func indices(_ ranking: [RerankReply.RankedCandidate]) -> [Int] {
        ranking.map(\.candidateIndex)
    }

    @Test func `without signals it is the ranker's, and its scores to the bit`() {
        let scores: [Float] = [0.25, -0.5, 0.25, 1.000_000_1]
        for answers in [nil, [0, 0, 1, 2]] as [[Int32]?] {
            let ranking = RerankReply.ranking(
                scores, nil, isCosine: true, by: .best, answers: answers)
            #expect(Self.indices(ranking) == [3, 0, 2, 1])
            #expect(ranking.map(\.score) == [1.000_000_1, 0.25, 0.25, -0.5])
            #expect(ranking.map(\.relevance) == [1, 0.625, 0.625, 0.25])
        }
        let affine = RerankReply.ranking([2, 3], nil, isCosine: false, by: .best, answers: nil)
        #expect(affine.map(\.relevance) == [3, 2])
    }

    @Test func `combined scores decide it, and their softmax is the relevance`() {
        let combined = CombinedScores([0, log(3), 0], signals: ["logprobs"])
        let ranking = RerankReply.ranking(
            [0.9, -0.9, 0.1], combined, isCosine: true, by: .best, answers: nil)
        #expect(Self.indices(ranking) == [1, 0, 2])
        #expect(ranking.map(\.score) == [Float(log(3.0)), 0, 0])
        for (found, expected) in zip(ranking.map(\.relevance), [0.6, 0.2, 0.2] as [Float]) {
            #expect(abs(found - expected) < 1e-6)
        }
    }

    @Test(
        arguments: [
            // Two halves of one answer weigh more than the best candidate.
            ([0, 1, 1, 2], [0.4, 0.3, 0.2, 0.1], [1, 2, 0, 3]),
            // No answer stands for itself.
            ([-1, 0, 0, -1], [0.4, 0.16, 0.16, 0.28], [0, 1, 2, 3]),
            ([-1, -1, -1], [0.2, 0.5, 0.3], [1, 2, 0]),
            // Of equal weights the one with the better candidate.
            ([0, 1, 1], [0.5, 0.25, 0.25], [0, 1, 2]),
            ([-1, 0], [0.5, 0.5], [1, 0]),
        ] as [([Int32], [Double], [Int])])
    func `a weighted vote puts the best answer first, with its candidates one behind the other`(
        answers: [Int32], probabilities: [Double], expected: [Int]
    ) {
        let combined = CombinedScores(probabilities.map { log($0) }, signals: ["answers"])
        let ranking = RerankReply.ranking(
            [Float](repeating: 0, count: answers.count), combined, isCosine: true,
            by: .weightedVote, answers: answers)
        #expect(Self.indices(ranking) == expected)
        for place in ranking {
            #expect(abs(place.relevance - Float(probabilities[place.candidateIndex])) < 1e-6)
        }
    }

    @Test func `without a ranker a vote is the majority's, as reports have it`() {
        var generator = Generator(seed: 5)
        for _ in 0..<500 {
            let count = 2 + Int(generator.below(9))
            let answers = (0..<count).map { _ in Int32(generator.below(5)) - 1 }
            let ranking = RerankReply.ranking(
                [Float](repeating: 0, count: count), nil, isCosine: false, by: .weightedVote,
                answers: answers)
            #expect(Self.indices(ranking).first == mostFrequent(answers), "\(answers)")
            #expect(Self.indices(ranking).sorted() == Array(0..<count))
            #expect(ranking.allSatisfy { $0.relevance == Float(1 / Double(count)) })
        }
    }

    @Test func `the first of a vote is the one that is measured, and answers stay together`() {
        var generator = Generator(seed: 6)
        for _ in 0..<500 {
            let count = 2 + Int(generator.below(9))
            let answers = (0..<count).map { _ in Int32(generator.below(4)) - 1 }
            let values = (0..<count).map { _ in Double(generator.below(1_000)) / 100 }
            let ranking = RerankReply.ranking(
                [Float](repeating: 0, count: count), CombinedScores(values, signals: ["answers"]),
                isCosine: true, by: .weightedVote, answers: answers)
            let order = Self.indices(ranking)
            let measured = Aggregate.weightedVote.order(values, answers: answers)
            let weights = SignalTerms.answerWeights(values, answers: answers)
            #expect(weights[order[0]] == weights[measured[0]])
            if Set(weights).count == weights.count { #expect(order[0] == measured[0]) }
            for answer in Set(answers) where answer >= 0 {
                let places = order.indices.filter { answers[order[$0]] == answer }
                #expect(places.last! - places.first! == places.count - 1, "\(order) \(answers)")
            }
        }
    }

    @Test func `a combined score that no float holds is the largest that one does`() {
        let ranking = RerankReply.ranking(
            [0, 0], CombinedScores([1e60, -1e60], signals: ["answers"]), isCosine: true, by: .best,
            answers: nil)
        #expect(ranking.map(\.score) == [.greatestFiniteMagnitude, -.greatestFiniteMagnitude])
        #expect(ranking.map(\.relevance) == [1, 0])
    }
}
