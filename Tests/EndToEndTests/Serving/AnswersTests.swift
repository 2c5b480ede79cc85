// What an answer holds of what was asked for, whatever the features came as and however many there
// were.
import Foundation
import LanguageSystem
import NIOCore
import NIOHTTP1
import RankerMath
import Rankers
import Testing
import struct Crypto.SHA256

extension Serving {
    @Test func `an answer holds what was asked for, in any number format, up to 1,000 candidates`()
        async throws
    {
        try await FaultSite.with(.embedded, coordinators: 1) { site in
            try await site.script(Served.adding("everyone", seed: 1) + Wide.ranker)
            let connection = try await site.connect()
            try await bestWithDocuments(connection)
            try await namesAndTimes(connection)
            try await formats(connection)
            try await manyCandidates(connection)
        }
    }
}

private func bestWithDocuments(_ connection: ServedConnection) async throws {
    let documents = (0..<Served.candidateCount).map { "document \($0)" }
    let all = try await connection.rerank().scores
    let answer = try await connection.rerank(
        more: ["top_n": 2, "documents": documents, "return_documents": true])
    let results = try #require(try answer.json["results"] as? [[String: Any]])
    let best = all.indices.sorted { all[$0] > all[$1] }.prefix(2)
    #expect(results.map { $0["index"] as? Int } == Array(best))
    #expect(results.map { $0["relevance_score"] as? Double } == best.map { all[$0] })
    #expect(
        results.map { ($0["document"] as? [String: Any])?["text"] as? String }
            == best.map { documents[$0] })
    let without = try await connection.rerank(more: ["documents": documents])
    #expect(!without.body.contains("document 0"), "not asked for")
    for topN in [0, -1] {
        #expect(try await connection.rerank(more: ["top_n": topN]).status == 400)
    }
    #expect(try await connection.rerank(more: ["top_n": 10_000]).scores == all)
}

private func namesAndTimes(_ connection: ServedConnection) async throws {
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    for (sent, repeated) in [(trace, trace), ("00-zz", nil)] as [(String, String?)] {
        let answer = try await connection.kept.ask(
            .POST, "/v1/rerank",
            [
                ("content-type", "application/json"), ("traceparent", sent),
                ("authorization", "Bearer \(connection.key)"), ("x-request-id", "mine"),
            ], body: Served.body())
        #expect(answer.header("traceparent") == repeated)
        #expect(answer.header("x-request-id") == "mine")
        #expect(try answer.json["id"] as? String == "mine")
        for name in ["x-queue-time", "x-compute-time"] {
            let time = answer.header(name).flatMap(Double.init)
            #expect(time.map { (0..<10_000).contains($0) } == true, "\(name), in milliseconds")
        }
    }
}

/// The same numbers in each format are the same scores.
private func formats(_ connection: ServedConnection) async throws {
    // Of few bits, so that each format has them whole.
    let numbers = (0..<(Served.candidateCount + 1) * Served.hiddenSize).map {
        Float($0 * 37 % 61 - 30) / 16
    }
    func scores(_ dtype: String, _ bytes: [UInt8]) async throws -> [Double] {
        let features: [String: Any] = [
            "dtype": dtype, "shape": [Served.candidateCount + 1, Served.hiddenSize],
            "data": Data(bytes).base64EncodedString(),
        ]
        return try await connection.rerank(more: ["features": features]).scores
    }
    func bytes<Value>(_ values: [Value]) -> [UInt8] { values.withUnsafeBytes { [UInt8]($0) } }
    let whole = try await scores("float32", bytes(numbers))
    #expect(Set(whole).count > 1)
    #expect(try await scores("float16", bytes(numbers.map { Float16($0) })) == whole)
    let halves = numbers.map { UInt16($0.bitPattern >> 16) }
    #expect(try await scores("bfloat16", bytes(halves)) == whole)
}

/// A group that is scored on threads of its own, from a body that is read on another thread than
/// its connection's.
private func manyCandidates(_ connection: ServedConnection) async throws {
    let answer = try await connection.post("/v1/rerank", Wide.body(candidateCount: 1_000))
    #expect(answer.status == 200, "\(answer.body.prefix(300))")
    let scores = try answer.scores
    #expect(scores.count == 1_000)
    let few = try await connection.post("/v1/rerank", Wide.body(candidateCount: 3)).scores
    for (one, other) in zip(few, scores) { #expect(abs(one - other) < 1e-5) }
    let more = try await connection.post("/v1/rerank", Wide.body(candidateCount: 1_001))
    #expect(more.status == 400 && more.body.contains("2 to 1000 candidates"))
}

/// Wide enough for a thousand candidates to be a large group.
private enum Wide {
    static let hiddenSize = 512

    static var ranker: String {
        let configuration = RankerConfiguration.preset(kind: .pointwise, hiddenSize: hiddenSize)
        let weights = RankerWeights(fresh: configuration, seed: 5).safetensors()
        func hexadecimal(_ bytes: some Sequence<UInt8>) -> String {
            bytes.map { String(format: "%02x", $0) }.joined()
        }
        return """
            select ls.register_base_model('wide', \(hiddenSize));
            select ls.register_ranker('wide', 'pointwise', '\(configuration.json)', null, null, \
            null, 'broad');
            select ls.promote(
                ls.add_version('broad', '\\x\(hexadecimal(SHA256.hash(data: weights)))', \
            '\\x\(hexadecimal(weights))'), 'a test of serving');

            """
    }

    /// Repeats three candidates: a pointwise ranker scores each by itself.
    static func body(candidateCount: Int) -> ByteBuffer {
        let rows = [0] + (0..<candidateCount).map { $0 % 3 + 1 }
        let bytes = rows.flatMap { row in
            (0..<hiddenSize).flatMap { column -> [UInt8] in
                let bits = Float(sin(Double(row * 7 + column))).bitPattern >> 16
                return [UInt8(bits & 0xff), UInt8(bits >> 8)]
            }
        }
        let object: [String: Any] = [
            "model": "wide", "raw_scores": true,
            "features": [
                "dtype": "bfloat16", "shape": [candidateCount + 1, hiddenSize],
                "data": Data(bytes).base64EncodedString(),
            ] as [String: Any],
        ]
        return ByteBuffer(bytes: try! JSONSerialization.data(withJSONObject: object))
    }
}
