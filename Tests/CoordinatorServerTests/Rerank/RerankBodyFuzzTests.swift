// Damaged rerank bodies: each is refused with one sentence, or is a call whose parts fit each
// other.
import Coordination
import Foundation
import HummingbirdCore
import LanguageSystem
import Ledger
import RankerMath
import Rankers
import RerankWire
import SwiftProtobuf
import Testing

@testable import CoordinatorServer

@Suite(.timeLimit(.minutes(60))) struct `Damaged rerank bodies` {
    /// As `deploy/develop/fuzz` asks for; without it, a short run.
    static let environment = ProcessInfo.processInfo.environment
    static let inputCount = Int(environment["LS_FUZZ_INPUTS"] ?? "") ?? 12_000
    static let seeds: [UInt64] =
        UInt64(environment["LS_FUZZ_SEED"] ?? "").map { [$0] } ?? [1, 2, 3]

    static let json = Array(
        #"""
        {"model": "tiny", "user": "ada", "domain": "math/algebra", "documents": ["a", {"text": \#
        "b"}], "top_n": 1, "return_documents": true, "raw_scores": false, "fallbacks": ["x@1"], \#
        "features": {"dtype": "float32", "shape": [3, 2], "data": \#
        "AAAAAAAAgD8AAABAAABAQAAAgEAAAKBA", "contract": {"layer": 19, "norm": "rms"}}, \#
        "logprobs": [-1.5, -20], "token_counts": [3, 40], "answers": ["1/2", null], \#
        "finish_reason": ["stop", "length"], "signals": {"reward": [0.5, 1e9]}, \#
        "aggregate": "weighted_vote"}
        """#
        .utf8)
    static let safetensors: [UInt8] = {
        var writer = SafetensorsWriter(metadata: ["layer": "19", "layer_fraction": "0.6"])
        writer.add("instruction", .f32, [2], [Float(1), 2])
        writer.add("responses", .f32, [2, 2], [Float(1), 2, 3, 4])
        writer.add("logprobs", .f32, [2], [Float(-1.5), -20])
        writer.add("token_counts", .i32, [2], [Int32(3), 40])
        writer.add("answers", .i32, [2], [Int32(0), -1])
        writer.add("finished", .u8, [2], [UInt8(1), 0])
        writer.add("scores.reward", .f32, [2], [Float(0.5), 1e9])
        return writer.bytes()
    }()
    static let query = Array(
        """
        /v1/rerank?model=tiny&user=a%20da&domain=math%2Falgebra&top_n=2&raw_scores=true\
        &fallbacks=a,b&aggregate=weighted_vote
        """.utf8)

    @Test(arguments: seeds)
    func `damaged bodies are refused in a sentence, or hold together`(seed: UInt64) {
        var random = Generator(seed: seed)
        for _ in 0..<Self.inputCount / 3 {
            check(.json, Self.damaged(Self.json, &random), "/v1/rerank")
            let query = String(decoding: Self.damaged(Self.query, &random), as: UTF8.self)
            check(.safetensors, Self.safetensors, query)
            check(
                .safetensors, Self.damaged(Self.safetensors, &random),
                String(decoding: Self.query, as: UTF8.self))
        }
    }

    @Test(arguments: seeds)
    func `damaged messages of gRPC are refused in a sentence, or hold together`(seed: UInt64) throws
    {
        var random = Generator(seed: seed)
        let sample: [UInt8] = try Languagesystem_V1_RerankRequest.with {
            $0.model = "tiny"
            $0.user = "ada"
            $0.domain = "math/algebra"
            $0.topN = 2
            $0.fallbacks = ["a", "b"]
            $0.features.dtype = .float32
            $0.features.candidateCount = 2
            $0.features.hiddenSize = 2
            $0.features.data = Data(count: 24)
            $0.features.contract.layer = 19
            $0.logprobs = [-1.5, -20]
            $0.tokenCounts = [3, 40]
            $0.answers = [.with { $0.text = "1/2" }, .init()]
            $0.finishReason = ["stop", ""]
            $0.signals = ["reward": .with { $0.values = [0.5, 1e9] }]
            $0.aggregate = "weighted_vote"
        }.serializedBytes()
        var readCount = 0
        for _ in 0..<Self.inputCount {
            let bytes = Self.damaged(sample, &random)
            guard let message = try? Languagesystem_V1_RerankRequest(serializedBytes: bytes) else {
                continue
            }
            readCount += 1
            check { () throws(LanguageSystemError) in try RerankCall(message) }
        }
        #expect(readCount > Self.inputCount / 100)
        let whole = try RerankCall(Languagesystem_V1_RerankRequest(serializedBytes: sample))
        #expect(whole.request.contract.layer == 19 && whole.presentation.topN == 2)
    }

    @Test func `undamaged bodies are read`() throws {
        let text = String(decoding: Self.query, as: UTF8.self)
        let call = try RerankCall(.safetensors, Self.safetensors, query: URI(text).query ?? "")
        #expect(call.request.user == "a da" && call.request.candidateCount == 2)
        #expect(call.request.contract.layer == 19 && call.presentation.topN == 2)
        let json = try RerankCall(.json, Self.json, query: "")
        #expect(json.request.hiddenSize == 2 && json.presentation.documents == ["a", "b"])
        #expect(call.request.signals == json.request.signals && json.request.signals != nil)
        #expect(call.request.aggregate == .weightedVote && json.request.aggregate == .weightedVote)
    }

    private func check(_ type: RerankMediaType, _ body: [UInt8], _ uri: String) {
        let query = URI(uri).query ?? ""
        check { () throws(LanguageSystemError) in try RerankCall(type, body, query: query) }
    }

    private func check(_ read: () throws(LanguageSystemError) -> RerankCall) {
        do throws(LanguageSystemError) {
            let request = try read().request
            #expect(
                request.features.count
                    == (request.candidateCount + 1) * request.hiddenSize * request.dtype.byteCount)
            #expect((2...1_000).contains(request.candidateCount))
            #expect(request.fallbacks.count <= RerankCall.fallbackCountMax)
            if let signals = request.signals {
                #expect(signals.counts.allSatisfy { $0 == request.candidateCount })
                #expect(signals.numbers.count <= Signal.numberCountMax)
            }
            #expect(request.aggregate == .best || request.signals?.answers != nil)
        } catch {
            #expect(!error.message.isEmpty && error.message.utf8.count < 600, "\(error)")
            let isOneLine = error.message.unicodeScalars.allSatisfy {
                !$0.properties.isNoncharacterCodePoint && $0.value >= 0x20 && $0.value != 0x7f
            }
            #expect(isOneLine, "\(error)")
        }
    }

    /// A few bytes changed, left out or doubled.
    private static func damaged(_ bytes: [UInt8], _ random: inout Generator) -> [UInt8] {
        var bytes = bytes
        for _ in 0..<Int.random(in: 1...4, using: &random) where !bytes.isEmpty {
            let place = Int.random(in: 0..<bytes.count, using: &random)
            switch Int.random(in: 0..<5, using: &random) {
            case 0: bytes[place] = UInt8.random(in: .min ... .max, using: &random)
            case 1: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
            case 2: bytes.removeSubrange(place..<min(place + 8, bytes.count))
            case 3: bytes.insert(contentsOf: bytes[place..<min(place + 8, bytes.count)], at: place)
            default: bytes.removeLast(bytes.count - place)
            }
        }
        return bytes
    }
}
