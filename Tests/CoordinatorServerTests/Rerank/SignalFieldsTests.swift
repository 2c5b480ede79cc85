// What a request says of its candidates beside their features: the same in every form, and of wrong
// values the field's name.
import Foundation
import LanguageSystem
import Rankers
import RerankWire
import SwiftProtobuf
import Testing

@testable import Coordination
@testable import CoordinatorServer

@Suite struct `Fields of signals` {
    private static let features =
        #""features": {"dtype": "float16", "shape": [4, 1], "data": "AAAAAAAAAAA="}"#

    private static func json(_ more: String) throws -> RerankRequest {
        try RerankCall(
            .json, Array(#"{"model": "m", \#(features), \#(more)}"#.utf8), query: ""
        ).request
    }

    @Test func `signals are read alike from JSON, tensors and messages`() throws {
        let expected = RerankSignals(
            logProbabilities: [-1.5, -20, 0], tokenCounts: [3, 40, 0], answers: [0, -1, 0],
            finished: [true, false, false], numbers: ["reward": [0.5, 1, -2]])
        let json = try Self.json(
            """
            "logprobs": [-1.5, -20, 0], "token_counts": [3, 40, 0], "answers": ["7", null, 7],
            "finish_reason": ["stop", "length", null], "signals": {"reward": [0.5, 1, -2]},
            "aggregate": "weighted_vote"
            """)
        #expect(json.signals == expected && json.aggregate == .weightedVote)

        var writer = SafetensorsWriter()
        writer.add("instruction", .f32, [1], [Float(1)])
        writer.add("responses", .f32, [3, 1], [Float(1), 2, 3])
        writer.add("logprobs", .f32, [3], [Float(-1.5), -20, 0])
        writer.add("token_counts", .i32, [3], [Int32(3), 40, 0])
        writer.add("answers", .i32, [3], [Int32(0), -1, 0])
        writer.add("finished", .u8, [3], [UInt8(1), 0, 0])
        writer.add("scores.reward", .f32, [3], [Float(0.5), 1, -2])
        let tensors = try RerankCall(
            .safetensors, writer.bytes(), query: "model=m&aggregate=weighted_vote"
        ).request
        #expect(tensors.signals == expected && tensors.aggregate == .weightedVote)
        #expect(tensors.features.count == 16)

        let message = Languagesystem_V1_RerankRequest.with {
            $0.model = "m"
            $0.features.dtype = .float16
            $0.features.candidateCount = 3
            $0.features.hiddenSize = 1
            $0.features.data = Data(count: 8)
            $0.logprobs = [-1.5, -20, 0]
            $0.tokenCounts = [3, 40, 0]
            $0.answers = [.with { $0.text = "7" }, .init(), .with { $0.text = "7" }]
            $0.finishReason = ["stop", "length", ""]
            $0.signals = ["reward": .with { $0.values = [0.5, 1, -2] }]
            $0.aggregate = "weighted_vote"
        }
        let call = try RerankCall(message).request
        #expect(call.signals == expected && call.aggregate == .weightedVote)
    }

    @Test func `a request without signals has none, and is of the best`() throws {
        for more in [
            #""top_n": 1"#, #""logprobs": null, "signals": {}, "aggregate": null"#,
        ] {
            let request = try Self.json(more)
            #expect(request.signals == nil && request.aggregate == .best)
        }
    }

    @Test(
        arguments: [
            (#"["5", 5, "05"]"#, [0, 0, 1]),
            // Equal to the eye is not equal: bytes are compared.
            (#"["é", "e\u0301", "é"]"#, [0, 1, 0]),
            (#"["", null, null]"#, [0, -1, -1]), ("[-1, 1, -1.0]", [0, 1, 0]),
        ] as [(String, [Int32])])
    func `answers are the same when their bytes are, a whole number being its digits`(
        json: String, numbers: [Int32]
    ) throws {
        #expect(try Self.json(#""answers": \#(json)"#).signals?.answers == numbers)
    }

    @Test(
        arguments: [
            (
                #""logprobs": [-1, 2]"#, "logprobs",
                "found 2 values of 'logprobs', expected 3, one for each candidate"
            ),
            (
                #""token_counts": [1, 2, -3]"#, "token_counts",
                "found -3 at 'token_counts' of candidate 2"
            ),
            (#""answers": []"#, "answers", "found 0 values of 'answers', expected 3"),
            (
                #""finish_reason": ["stop"]"#, "finish_reason",
                "found 1 values of 'finish_reason', expected 3"
            ),
            (
                #""signals": {"a": [1, 2, 3], "B": [1, 2, 3]}"#, "signals",
                "found a number named 'B'"
            ),
            (
                #""signals": {"a": [1, 2, 1e20]}"#, "signals",
                "found a number that is not finite or beyond"
            ),
            (#""answers": [1, 2.5, 3]"#, "answers[1]", "expected a whole number"),
            (
                #""answers": [1, true, 3]"#, "answers[1]",
                "'answers[1]' is not a string, a whole number or null"
            ),
            (
                #""aggregate": "first""#, "aggregate",
                "aggregate is 'first', expected best or weighted_vote"
            ),
            (
                #""aggregate": "weighted_vote", "logprobs": [1, 2, 3]"#, "answers",
                "'answers' is missing"
            ),
        ])
    func `a wrong value is refused by its field, in one sentence`(
        more: String, field: String, words: String
    ) throws {
        let error = #expect(throws: LanguageSystemError.self) { try Self.json(more) }
        #expect(error?.code == .invalidArgument && error?.field == field, "\(error?.message ?? "")")
        #expect(error?.message.contains(words) == true, "\(error?.message ?? "-")")
    }

    @Test(
        arguments: [
            ("logprobs", SafetensorsFile.DType.f32, [Float.nan, 1, 2], [3], "logprobs"),
            ("logprobs", .f32, [1, 2], [2], "logprobs"),
            ("logprobs", .f32, [1, 2, 3], [3, 1], "logprobs"),
            ("answers", .f32, [1, 2, 3], [3], "answers"),
            ("finished", .f32, [1, 0, 1], [3], "finish_reason"),
            ("scores.a", .f32, [1, .infinity, 1], [3], "signals"),
            ("scores.A", .f32, [1, 1, 1], [3], "signals"),
        ] as [(String, SafetensorsFile.DType, [Float], [Int], String)])
    func `a tensor of another type, shape or size is refused by its field`(
        name: String, type: SafetensorsFile.DType, values: [Float], shape: [Int], field: String
    ) {
        var writer = SafetensorsWriter()
        writer.add("instruction", .f32, [1], [Float(1)])
        writer.add("responses", .f32, [3, 1], [Float(1), 2, 3])
        writer.add(name, type, shape, values)
        let error = #expect(throws: LanguageSystemError.self) {
            try RerankCall(.safetensors, writer.bytes(), query: "model=m")
        }
        #expect(error?.code == .invalidArgument && error?.field == field, "\(error?.message ?? "")")
    }
}
