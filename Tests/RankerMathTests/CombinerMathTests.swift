import Foundation
import RankerMath
import Testing

/// What numpy and scipy say of groups of the demo sets (make_combiner.py); LS_GOLDEN_LEARNING names
/// another folder, which need not have this file.
private struct GoldenCombiner: Decodable {
    struct Group: Decodable {
        let scores: [Double]
        let labels: [Int]
        let logprobs: [Double]?
        let token_counts: [Int]?
        let answers: [Int32]?
        let finished: [Double]?

        var columns: [String: [Double]] {
            var columns = ["score": scores]
            columns["finished"] = finished
            if let logprobs, let token_counts {
                columns["mean_logprob"] = SignalTerms.meanLogProbabilities(
                    logprobs, tokenCounts: token_counts)
                columns["log_token_count"] = SignalTerms.logTokenCounts(token_counts)
            }
            columns["vote_share"] = answers.map(SignalTerms.voteShares)
            columns["has_answer"] = answers.map { $0.map { $0 >= 0 ? 1 : 0 } }
            return columns
        }
    }

    struct Fit: Decodable {
        let terms: [String]
        let coefficients: [Double]
        let loss: Double
        let combined_of_first_group: [Double]
        let answer_weights_of_first_group: [Double]?
    }

    struct Case: Decodable, CustomTestStringConvertible {
        let name: String
        let groups: [Group]
        let standards: [String: [Double]]
        let fits: [Fit]

        var testDescription: String { name }
    }

    let penalty: Double
    let cases: [Case]

    static func read() throws -> Self {
        let named = goldenLearning("combiner.json")
        let ours = URL(filePath: #filePath).deletingLastPathComponent()
            .appending(path: "Golden/combiner.json")
        let isThere = FileManager.default.fileExists(atPath: named.path)
        return try JSONDecoder().decode(
            Self.self, from: Data(contentsOf: isThere ? named : ours))
    }
}

@Suite struct `Conditional logit` {
    @Test func `terms, standards, coefficients and votes are the reference's`() throws {
        let reference = try GoldenCombiner.read()
        #expect(!reference.cases.isEmpty)
        for found in reference.cases {
            let names = found.standards.keys.sorted()
            var groups = LogitGroups(width: names.count)
            for group in found.groups {
                let columns = group.columns
                #expect(columns.keys.sorted() == names)
                let values = group.labels.indices.flatMap { k in
                    names.map { columns[$0]![k] }
                }
                let isAdded = groups.add(values, isRight: group.labels.map { $0 == 1 })
                #expect(isAdded)
            }
            let standards = names.indices.map { Standardisation(of: groups.column($0)) }
            for (name, standard) in zip(names, standards) {
                #expect(isClose(standard.mean, found.standards[name]![0], 1e-12))
                #expect(isClose(standard.deviation, found.standards[name]![1], 1e-12))
            }
            for fit in found.fits {
                let columns = fit.terms.map { names.firstIndex(of: $0)! }
                let chosen = groups.standardised(
                    columns: columns, by: columns.map { standards[$0] })
                let logit = ConditionalLogit(chosen, penalty: reference.penalty)
                #expect(isClose(logit.loss, fit.loss, 1e-13), "\(found.name), \(fit.terms)")
                #expect(
                    zip(logit.coefficients, fit.coefficients).allSatisfy {
                        isClose($0, $1, 1e-7)
                    }, "\(found.name), \(fit.terms): \(logit.coefficients)")
                let first = 0..<found.groups[0].labels.count
                let combined = first.map { row in
                    (0..<chosen.width).reduce(0) {
                        $0 + chosen.values[row * chosen.width + $1] * logit.coefficients[$1]
                    }
                }
                #expect(
                    zip(combined, fit.combined_of_first_group).allSatisfy { isClose($0, $1, 1e-7) })
                if let answers = found.groups[0].answers {
                    let weights = SignalTerms.answerWeights(combined, answers: answers)
                    #expect(
                        zip(weights, fit.answer_weights_of_first_group ?? []).allSatisfy {
                            isClose($0, $1, 1e-7)
                        })
                }
            }
        }
    }

    @Test func `of two candidates, one right, it is a logistic regression, by hand`() {
        // Three groups for the term, one against it: sigmoid(b) = 3/4, but for the penalty.
        var groups = LogitGroups(width: 1)
        for x in [1.0, 1, 1, -1] { groups.add([x, 0], isRight: [true, false]) }
        let logit = ConditionalLogit(groups, penalty: 1e-9)
        #expect(isClose(logit.coefficients[0], log(3), 1e-7))
    }

    @Test func `groups without a right or a wrong candidate are not counted`() {
        var groups = LogitGroups(width: 1)
        groups.add([1, 2], isRight: [true, true])
        groups.add([1, 2], isRight: [false, false])
        #expect(groups.count == 0)
        #expect(ConditionalLogit(groups, penalty: 1).coefficients == [0])
    }

    @Test func `a constant added to a group's terms changes nothing`() {
        func fit(_ shift: Double) -> [Double] {
            var generator = Generator(seed: 4)
            var groups = LogitGroups(width: 2)
            for _ in 0..<40 {
                let values = (0..<10).map { _ in generator.normal() + shift }
                groups.add(values, isRight: (0..<5).map { _ in generator.below(2) == 0 })
            }
            return ConditionalLogit(groups, penalty: 1e-3).coefficients
        }
        #expect(zip(fit(0), fit(5)).allSatisfy { isClose($0, $1, 1e-8) })
    }

    @Test func `separable groups have finite coefficients and a loss below that of none`() {
        var groups = LogitGroups(width: 2)
        for _ in 0..<5 { groups.add([1, 0, 0, 1, -1, 0], isRight: [true, false, false]) }
        let logit = ConditionalLogit(groups, penalty: 1e-3)
        #expect(logit.coefficients.allSatisfy(\.isFinite) && logit.coefficients[0] > 2)
        #expect(logit.loss < log(3))
    }

    /// Of four candidates the two outer ones are right: at zero the loss curves down.
    @Test func `where the loss is not convex the descent still ends at a flat place`() {
        var groups = LogitGroups(width: 1)
        groups.add([-3, -0.5, 0.4, 3.5], isRight: [true, false, false, true])
        let logit = ConditionalLogit(groups, penalty: 1e-3)
        func loss(_ b: Double) -> Double {
            let powers = [-3, -0.5, 0.4, 3.5].map { exp($0 * b) }
            return -log((powers[0] + powers[3]) / powers.reduce(0, +)) + 0.5e-3 * b * b
        }
        let b = logit.coefficients[0]
        #expect(isClose(logit.loss, loss(b), 1e-12) && logit.loss < loss(0))
        #expect(abs(loss(b + 1e-4) - loss(b - 1e-4)) / 2e-4 < 1e-6)
    }
}

@Suite struct `Signal terms` {
    @Test func `an unknown answer is equal to no other`() {
        #expect(SignalTerms.voteShares([7, -1, 7, -1]) == [0.5, 0.25, 0.5, 0.25])
        let weights = SignalTerms.answerWeights([0, 0, 0, 0], answers: [7, -1, 7, -1])
        #expect(weights == [0.5, 0.25, 0.5, 0.25])
    }

    @Test func `an empty response counts as one token`() {
        #expect(SignalTerms.meanLogProbabilities([-2, -3], tokenCounts: [0, 2]) == [-2, -1.5])
        #expect(SignalTerms.logTokenCounts([0, 1]) == [0, 0])
    }

    @Test func `what is the same everywhere is only shifted`() {
        let standard = Standardisation(of: [0.1, 0.1, 0.1])
        #expect(standard.deviation == 1 && abs(standard(0.1)) < 1e-15)
    }
}
