// Requests with signals on a real database: which version uses them, what the answer says of it,
// and what is kept.
import struct Crypto.SHA256
import Foundation
import LanguageSystem
import Ledger
import PostgresAccess
import RankerMath
import Rankers
import Testing

@testable import Coordination

@Suite(.timeLimit(.minutes(20))) struct `Reranking with signals` {
    /// A version that adds twice the reward to the score.
    private static func weights() throws -> RankerWeights {
        let json = """
            {"format": "combiner/1", "standards": {"score": {"mean": 0, "deviation": 1},
             "scores.reward": {"mean": 0, "deviation": 1}}, "fits": [
             {"signals": ["scores.reward"], "coefficients": {"score": 1, "scores.reward": 2},
              "without_score": {"scores.reward": 1}}]}
            """
        return TestServing.weights(7).with(
            try JSONDecoder().decode(Combiner.self, from: Data(json.utf8)))
    }

    private static func with(
        _ body: @escaping @Sendable (TestServing, [Float]) async throws -> Void
    ) async throws {
        try await TestServing.with { serving in
            let weights = try weights()
            let bytes = weights.safetensors()
            _ = try await serving.ledger.addVersion(
                to: "math/algebra.pointwise", digest: Digest(bytes: SHA256.hash(data: bytes))!,
                weights: bytes)
            try await serving.promoteNewest(of: "math/algebra.pointwise")
            let scores = try TestServing.features.withUnsafeBytes {
                try RankerScorer(weights).score(
                    features: $0, dtype: .float32, candidateCount: 3)
            }
            try await body(serving, scores)
        }
    }

    @Test func `the version's combiner orders the candidates where its signals are there`()
        async throws
    {
        try await Self.with { serving, scores in
            let signals = RerankSignals(answers: [0, 1, 1], numbers: ["reward": [5, 1, 9]])
            let reply = try await serving.rerank(
                try TestServing.request(domain: "math/algebra", signals: signals), id: "s",
                keeping: true)
            #expect(reply.servedModel == "math/algebra.pointwise@2")
            #expect(reply.signals == ["scores.reward"] && reply.aggregate == .best)
            #expect(reply.ranking.map(\.candidateIndex) == [2, 0, 1])
            for place in reply.ranking {
                let index = place.candidateIndex
                #expect(
                    place.score == Float(Double(scores[index]) + 2 * [5, 1, 9][index]))
            }
            #expect(abs(reply.ranking.map(\.relevance).reduce(0, +) - 1) < 1e-5)

            try await serving.eventually {
                (try? await serving.ledger.decisions(of: "s"))?.isEmpty == false
            }
            let kept = try #require(try await serving.ledger.decisions(of: "s").first)
            #expect(kept.signals == signals && kept.aggregate == "best" && kept.scores == scores)
        }
    }

    @Test func `a worker of before is asked for no version that has a combiner`() async throws {
        try await Self.with { serving, scores in
            let id: WorkerID = try await serving.pool.execute(
                """
                insert into ls.worker (name, public_key_sha256) values ('old', sha256('old'))
                returning worker_id
                """
            ).one().decode()
            let hub = serving.reranker.hub
            let (session, stream) = try await hub.open(
                Worker(id: id, name: "old"),
                WorkerHello(programVersion: "old", capacity: 1, taskKinds: [], reranks: true))
            // Eve's ranker is nowhere but there, the domain's there and here.
            try await serving.pool.execute(
                "select ls.place_ranker('math/algebra.pointwise', 'old', 'test')")
            try await serving.pool.execute(
                """
                select ls.register_ranker('tiny', 'pointwise', p_user => 'eve', p_home => 'old',
                    p_name => 'at-home')
                """)
            try await serving.pool.execute(
                """
                select ls.insert_version(ls.ranker_id('at-home'), sha256('w'), null, \
                '{"combiner": {}}', null, null, null, worker_id, 'test', 9)
                from ls.worker where name = 'old'
                """)
            try await serving.promoteNewest(of: "at-home")
            let signals = RerankSignals(answers: [0, 1, 1], numbers: ["reward": [5, 1, 9]])
            let reply = try await serving.rerank(
                TestServing.request(user: "eve", domain: "math/algebra", signals: signals))
            #expect(reply.servedModel == "math/algebra.pointwise@2" && reply.worker == nil)
            #expect(reply.signals == ["scores.reward"])
            #expect(reply.ranking.map(\.candidateIndex) == [2, 0, 1])
            let refusal = "which refused: \(LanguageSystemError.cannotCombineSignals().message)"
            #expect(
                reply.explanation.split(separator: "; ").prefix(2) == [
                    "at-home is placed on old, \(refusal)",
                    "math/algebra.pointwise is placed on old, \(refusal)",
                ], "\(reply.explanation)")

            // A version without a combiner has no use for them, and is scored there as before.
            try await serving.ledger.promote(
                try await serving.ledger.resolve("math/algebra.pointwise@1").versionID,
                because: "test")
            let answering = Task {
                for await instruction in stream {
                    guard case .rerank(let number) = instruction,
                        let order = await hub.takeRerank(number, for: session)
                    else { continue }
                    #expect(order.rerank.signals == nil)
                    await hub.rerankAnswered(
                        EdgeRerankReply(number: number, .scored([0, 1, 0.5], compute: .zero)),
                        by: session)
                }
            }
            try await serving.eventually {
                let plain = try await serving.rerank(
                    TestServing.request(domain: "math/algebra", signals: signals))
                return plain.servedModel == "math/algebra.pointwise@1" && plain.worker == "old"
                    && plain.ranking.map(\.candidateIndex) == [1, 2, 0]
            }
            answering.cancel()
        }
    }

    @Test func `without signals that it uses the scores stand alone, to the bit`() async throws {
        try await Self.with { serving, scores in
            for signals in [
                nil, RerankSignals(answers: [0, 1, 1]),
                RerankSignals(numbers: ["other": [1, 2, 3]]),
            ] {
                let reply = try await serving.rerank(
                    try TestServing.request(domain: "math/algebra", signals: signals))
                #expect(reply.signals.isEmpty)
                let found = reply.ranking.sorted { $0.candidateIndex < $1.candidateIndex }
                #expect(found.map(\.score) == scores)
                #expect(reply.ranking.map(\.score) == scores.sorted(by: >))
                #expect(reply.ranking.allSatisfy { $0.relevance == (1 + $0.score) / 2 })
            }
        }
    }

    @Test func `a vote is weighed by combined scores, by the ranker's, or counted`() async throws {
        try await Self.with { serving, scores in
            let signals = RerankSignals(answers: [0, 1, 1], numbers: ["reward": [1, 1, 1]])
            let combined = try await serving.rerank(
                try TestServing.request(
                    domain: "math/algebra", signals: signals, aggregate: .weightedVote))
            #expect(combined.signals == ["answers", "scores.reward"])
            #expect(combined.aggregate == .weightedVote)
            #expect(combined.ranking[0].candidateIndex != 0)

            // A ranker without a combiner, and no ranker.
            try await serving.promoteNewest(of: "~ada.pointwise")
            let plain = try await serving.rerank(
                try TestServing.request(user: "ada", signals: signals, aggregate: .weightedVote))
            #expect(plain.servedModel == "~ada.pointwise@1" && plain.signals == ["answers"])
            #expect(plain.ranking.map(\.relevance).reduce(0, +) > 0.999)
            #expect(Set(plain.ranking.map(\.candidateIndex)) == [0, 1, 2])
            try await serving.pool.execute("select ls.register_base_model('other', 8)")
            let counted = try await serving.rerank(
                try TestServing.request("other", signals: signals, aggregate: .weightedVote))
            #expect(counted.reason == .firstSample)
            #expect(counted.ranking.map(\.candidateIndex) == [1, 2, 0])
            #expect(counted.explanation.contains("the answer that most candidates give is first"))
        }
    }
}
