import Foundation
import LanguageSystem
import Testing

@Suite struct `Signals of a rerank` {
    static let all = RerankSignals(
        logProbabilities: [-1.5, -2], tokenCounts: [3, 4], answers: [0, -1],
        finished: [true, false], numbers: ["reward": [0.1, 2], "tail": [1, 1]])

    @Test(
        arguments: [
            (["logprobs", "answers"], ["answers", "logprobs"]),
            (
                ["finished", "scores.reward", "scores.tail"],
                ["finished", "scores.reward", "scores.tail"]
            ),
            // Fitted with both, so used with both.
            (["answers", "scores.reward", "scores.other"], ["answers"]),
            (["scores.other"], []), ([], []),
        ] as [([String], [String])])
    func `a version uses of its signals those that are there, of named numbers all or none`(
        usable: [String], used: [String]
    ) {
        #expect(Self.all.used(by: usable) == used)
    }

    @Test func `log-probabilities count with the numbers of tokens alone`() {
        let sums = RerankSignals(logProbabilities: [-1, -2])
        #expect(sums.used(by: ["logprobs"]) == [])
        #expect(RerankSignals(tokenCounts: [1, 2]).used(by: ["logprobs"]) == [])
        #expect(sums.counts == [2] && !sums.isEmpty && RerankSignals().isEmpty)
    }

    @Test func `signals are the same after JSON, which has nothing of what is not there`() throws {
        for signals in [Self.all, RerankSignals(), RerankSignals(finished: [true])] {
            let json = try JSONEncoder().encode(signals)
            #expect(try JSONDecoder().decode(RerankSignals.self, from: json) == signals)
        }
        let json = try JSONEncoder().encode(RerankSignals(answers: [0, 0]))
        #expect(String(decoding: json, as: UTF8.self) == #"{"answers":[0,0]}"#)
    }
}
