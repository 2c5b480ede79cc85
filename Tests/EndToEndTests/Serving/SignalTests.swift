// A version that was trained on features with signals orders a request's candidates with them, over
// HTTPS and over gRPC.
import Foundation
import GRPCCore
import GRPCNIOTransportHTTP2Posix
import LanguageSystem
import RankerMath
import Rankers
import RerankWire
import SwiftProtobuf
import Testing

extension Serving {
    @Test func `a trained version orders candidates by its scores and the request's answers`()
        async throws
    {
        let port = try freePort()
        try await Installation.with(workers: ["edge-1"], grpcPort: port) { installation in
            try await installation.registerDemo(["algebra"])
            let trained = try await installation.lscoord(
                "train", "math/algebra.listwise", "--wait", within: 240)
            try #require(trained.status == 0, "\(trained)")
            _ = try await installation.sql(
                """
                select ls.promote(max(version_id), 'test') from ls.ranker_version
                where ranker_id = ls.ranker_id('math/algebra.listwise')
                """)
            let set = try FeatureSet(contentsOf: Programs.demo("algebra", "test"))
            let count = 10
            let scorer = try await scorer(installation)
            let scores = try scorer.score(set, query: 0, rows: Array(0..<count))
            let answers = try #require(set.answers).prefix(count)
            let signals = try CandidateSignals(candidateCount: count, answers: Array(answers))
            let combined = scorer.combine(scores, signals)
            let expected = Aggregate.best.order(combined, answers: nil)

            for aggregate in ["best", "weighted_vote"] {
                let asked = try await installation.lscoord(
                    "rerank", "--model", Installation.baseModel, "--domain", "math/algebra",
                    "--features", Programs.demo("algebra", "test"), "--query", "0",
                    "--candidates", "\(count)", "--aggregate", aggregate, "--json",
                    "--coordinator", "localhost:\(installation.restPort)",
                    "--key-file", try installation.keyFile())
                try #require(asked.status == 0, "\(asked)")
                let rest = try JSONDecoder().decode(Reply.self, from: Data(asked.output.utf8))
                #expect(rest.meta.signals == ["answers"] && rest.meta.aggregate == aggregate)
                #expect(abs(rest.results.map(\.relevance_score).reduce(0, +) - 1) < 1e-4)
                let order = rest.results.map(\.index)
                if aggregate == "best" {
                    #expect(order == expected)
                } else {
                    let first = Aggregate.weightedVote.order(combined, answers: Array(answers))[0]
                    #expect(order[0] == first)
                }
                let reply = try await rerank(
                    installation, port: port, try request(set, count, aggregate))
                #expect(reply.results.map { Int($0.index) } == order)
                #expect(reply.meta.signals == ["answers"] && reply.meta.aggregate == aggregate)
            }
        }
    }

    private struct Reply: Decodable {
        struct Result: Decodable {
            let index: Int
            let relevance_score: Double
        }
        struct Meta: Decodable {
            let signals: [String]
            let aggregate: String
        }
        let results: [Result]
        let meta: Meta
    }

    /// The weights that the worker handed in, in the coordinator's arithmetic.
    private func scorer(_ installation: Installation) async throws -> RankerScorer {
        let text = try await installation.sql(
            """
            select encode(w.bytes, 'base64') from ls.ranker_weights w
            join ls.ranker_version v using (digest) order by v.version_id desc limit 1
            """)
        let bytes = try #require(
            Data(base64Encoded: text, options: .ignoreUnknownCharacters))
        return try bytes.withUnsafeBytes {
            try RankerScorer(safetensors: $0, precision: .bfloat16)
        }
    }

    private func request(
        _ set: FeatureSet, _ count: Int, _ aggregate: String
    ) throws -> Languagesystem_V1_RerankRequest {
        let bytes = try set.withBytes { bytes in
            let file = try SafetensorsFile(parsing: bytes, name: "test", code: .invalidFeatures)
            let (instruction, responses) = (
                try #require(file.tensors["instruction"]), try #require(file.tensors["responses"])
            )
            let size = 2 * set.hiddenSize
            return Data(bytes[instruction.byteRange].prefix(size))
                + Data(bytes[responses.byteRange].prefix(count * size))
        }
        return .with {
            $0.model = Installation.baseModel
            $0.domain = "math/algebra"
            $0.features.dtype = .float16
            $0.features.candidateCount = UInt32(count)
            $0.features.hiddenSize = UInt32(set.hiddenSize)
            $0.features.data = bytes
            $0.answers = (set.answers ?? []).prefix(count).map { answer in
                .with { if answer >= 0 { $0.text = "\(answer)" } }
            }
            $0.aggregate = aggregate
        }
    }

    private func rerank(
        _ installation: Installation, port: Int, _ request: Languagesystem_V1_RerankRequest
    ) async throws -> Languagesystem_V1_RerankReply {
        let transport = try HTTP2ClientTransport.Posix(
            target: .dns(host: "localhost", port: port),
            transportSecurity: .tls {
                $0.trustRoots = .certificates([
                    .file(path: installation.authorityPath, format: .pem)
                ])
            })
        return try await withGRPCClient(transport: transport) { client in
            var metadata: Metadata = [:]
            metadata.addString("Bearer \(installation.apiKey ?? "")", forKey: "authorization")
            return try await Languagesystem_V1_RerankService.Client(wrapping: client)
                .rerank(request, metadata: metadata)
        }
    }
}

extension Installation {
    /// A file that holds the key.
    fileprivate func keyFile() throws -> String {
        let file = home.appendingPathComponent("key")
        try (apiKey ?? "").write(to: file, atomically: true, encoding: .utf8)
        return file.path
    }
}
