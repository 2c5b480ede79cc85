// Reranks over gRPC with the real coordinator over TLS: the scores of the HTTPS surface, its
// refusals, its bound.
import Foundation
import GRPCCore
import GRPCNIOTransportHTTP2Posix
import LanguageSystem
import RankerMath
import Rankers
import RerankWire
import SwiftProtobuf
import Testing

@Suite(.serialized, .timeLimit(.minutes(20))) struct `Reranks over gRPC` {
    static let width = 8
    static let numbers = (0..<3 * width).map { Float16(($0 * 7) % 11 - 5) / 8 }

    static var request: Languagesystem_V1_RerankRequest {
        .with {
            $0.model = "llama-8b"
            $0.user = "ada"
            $0.features.dtype = .float16
            $0.features.candidateCount = 2
            $0.features.hiddenSize = UInt32(width)
            $0.features.data = numbers.withUnsafeBytes { Data($0) }
        }
    }

    @Test func `reranks over gRPC are those of the HTTPS surface, one by one and many at once`()
        async throws
    {
        let port = try freePort()
        try await Installation.with(grpcPort: port) { installation in
            let weights = RankerWeights(
                fresh: .preset(kind: .pointwise, hiddenSize: Self.width), seed: 7)
            let bytes = weights.safetensors().map {
                String($0 >> 4, radix: 16) + String($0 & 15, radix: 16)
            }.joined()
            let script = installation.home.appendingPathComponent("register.sql")
            try """
            select ls.register_base_model('llama-8b', \(Self.width));
            select ls.register_ranker('llama-8b', 'pointwise', p_user => 'ada');
            with w as (select decode('\(bytes)', 'hex') as b)
            select ls.promote(ls.add_version('~ada.pointwise', sha256(b), b, '{}'), 'a test')
            from w;
            """.write(to: script, atomically: true, encoding: .utf8)
            let ending = try await installation.lscoord(
                "psql", "-qAt", "-v", "ON_ERROR_STOP=1", "-f", script.path)
            try #require(ending.status == 0, "\(ending)")

            let transport = try HTTP2ClientTransport.Posix(
                target: .dns(host: "localhost", port: port),
                transportSecurity: .tls {
                    $0.trustRoots = .certificates([
                        .file(path: installation.authorityPath, format: .pem)
                    ])
                })
            try await withGRPCClient(transport: transport) { client in
                let service = Languagesystem_V1_RerankService.Client(wrapping: client)
                var metadata: Metadata = [:]
                metadata.addString("Bearer \(installation.apiKey ?? "")", forKey: "authorization")
                metadata.addString("my-request.1", forKey: "x-request-id")
                try await answers(service, metadata, weights)
                try await refusals(service, metadata)
            }
        }
    }

    private func answers(
        _ service: Languagesystem_V1_RerankService.Client<HTTP2ClientTransport.Posix>,
        _ metadata: Metadata, _ weights: RankerWeights
    ) async throws {
        let scores = try Self.numbers.withUnsafeBytes {
            try RankerScorer(weights, precision: .bfloat16).score(
                features: $0, dtype: .float16, candidateCount: 2)
        }
        let prefetched = try await service.prefetch(
            .with {
                $0.model = "llama-8b"
                $0.user = "ada"
            }, metadata: metadata)
        #expect(prefetched.ranker == "~ada.pointwise" && !prefetched.wasCached)
        let reply = try await service.rerank(Self.request, metadata: metadata)
        #expect(reply.id == "my-request.1" && reply.model == "~ada.pointwise@1")
        #expect(
            reply.meta.reason == "user" && !reply.meta.fallback && reply.meta.where == "central")
        #expect(reply.results.count == 2)
        for result in reply.results {
            // To the bit: the same weights, the same arithmetic.
            #expect(result.relevanceScore == (1 + scores[Int(result.index)]) / 2)
        }
        // A timeout that is none is left out; a negative one ended the program in the library.
        for timeout in [
            "-1S", "-0S", "-9999999H", "+1S", "1e4S", "S", "", "99999999H", "1234567890S",
        ] {
            var timed = metadata
            timed.addString(timeout, forKey: "grpc-timeout")
            let again = try await service.rerank(Self.request, metadata: timed)
            #expect(again.results == reply.results, "\(timeout)")
        }
        var wrong = Self.request
        wrong.features.hiddenSize = 9
        let requests = [Self.request, wrong, Self.request]
        let batch = try await service.rerankBatch(
            .with { $0.requests = requests }, metadata: metadata)
        #expect(batch.answers.count == 3)
        #expect(batch.answers[0].reply.results == reply.results)
        #expect(batch.answers[1].failure.code == "invalidArgument")
        #expect(batch.answers[1].failure.id == "my-request.1.1")
        #expect(batch.answers[2].reply.results == reply.results)
    }

    private func refusals(
        _ service: Languagesystem_V1_RerankService.Client<HTTP2ClientTransport.Posix>,
        _ metadata: Metadata
    ) async throws {
        func refusal(
            _ request: Languagesystem_V1_RerankRequest, _ metadata: Metadata
        ) async throws -> (status: RPCError.Code, code: String, message: String) {
            do {
                _ = try await service.rerank(request, metadata: metadata)
            } catch let error as RPCError {
                let code = error.metadata[stringValues: "ls-code"].first { _ in true } ?? "-"
                return (error.code, code, error.message)
            }
            throw LanguageSystemError(.internal, "it was not refused")
        }
        let nobody = try await refusal(Self.request, [:])
        #expect(nobody.status == .unauthenticated && nobody.code == "keyRefused", "\(nobody)")
        var request = Self.request
        request.model = "no-such"
        let missing = try await refusal(request, metadata)
        #expect(missing.status == .notFound && missing.message.contains("no-such"), "\(missing)")
        request = Self.request
        request.features.hiddenSize = 4
        request.features.candidateCount = 5
        let width = try await refusal(request, metadata)
        #expect(width.code == "contractMismatch" && width.message.contains("8"), "\(width)")
        request = Self.request
        request.features.data = Data(repeating: 0xff, count: request.features.data.count)
        let notFinite = try await refusal(request, metadata)
        #expect(notFinite.code == "invalidFeatures", "\(notFinite)")
        // Finite, and so large that its norm is not.
        var huge = Self.numbers.map { Float($0) }
        huge[2 * Self.width + 3] = 3e38
        request.features.dtype = .float32
        request.features.data = huge.withUnsafeBytes { Data($0) }
        let overflowing = try await refusal(request, metadata)
        #expect(overflowing.code == "invalidFeatures", "\(overflowing)")
        #expect(overflowing.message.hasSuffix("beyond 1e+15 in candidate 1"), "\(overflowing)")
        let requests = [Self.request, request]
        let batch = try await service.rerankBatch(
            .with { $0.requests = requests }, metadata: metadata)
        #expect(batch.answers.count == 2 && batch.answers[0].reply.results.count == 2)
        #expect(batch.answers[1].failure.code == "invalidFeatures")
        request.clearFeatures()
        let empty = try await refusal(request, metadata)
        #expect(empty.status == .invalidArgument && empty.message.contains("features"), "\(empty)")
    }
}
