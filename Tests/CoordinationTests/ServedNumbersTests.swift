// Norms and scores that are not finite: refused with their candidate where they would be served,
// left out where they are a shadow's; and one decision that cannot be written takes no other with
// it.
import struct Crypto.SHA256
import Foundation
import LanguageSystem
import Ledger
import PostgresAccess
import RankerMath
import Rankers
import Testing

@testable import Coordination

@Suite(.timeLimit(.minutes(20))) struct `Served numbers` {
    /// A ranker of eve's whose weights are as large as they may be.
    static func addLoud(_ serving: TestServing) async throws {
        let name: String = try await serving.pool.execute(
            "select name from ls.register_ranker('tiny', 'pointwise', p_user => 'eve')"
        ).one().decode()
        let quiet = TestServing.weights(4)
        let loud = RankerWeights(
            configuration: quiet.configuration,
            values: quiet.allValues.map { $0 * RankerWeights.magnitudeMax })
        try await TestServing.addVersion(loud.safetensors(), to: name, serving.ledger)
    }

    /// Candidate 1 of three is of size 1e14: projected by eve's ranker, its norm overflows.
    static let features = TestServing.features.enumerated().map {
        $0.offset / TestServing.hiddenSize == 2 ? $0.element * 1e14 : $0.element
    }

    @Test func `a norm that overflows is refused with its candidate, and left out as a shadow`()
        async throws
    {
        try await TestServing.with { serving in
            try await Self.addLoud(serving)
            let error = try await serving.refusal(
                try TestServing.request(user: "eve", features: Self.features))
            #expect(error.code == .invalidFeatures)
            #expect(error.message == "cannot score: the norm of candidate 1 is not finite")

            try await serving.ledger.addRouteRule(
                RouteRule(name: "watch", action: .shadow, target: "~eve.pointwise@1", user: "ada"))
            let ids = ["huge", "usual"]
            try await serving.eventually {
                _ = try await serving.rerank(
                    try TestServing.request(user: "ada"), id: ids[1], keeping: true)
                return try await Self.roles(of: ids[1], serving).contains("shadow")
            }
            // Asked again each time: a second's decisions are bounded, and a shadow needs an idle
            // thread.
            try await serving.eventually {
                let reply = try await serving.rerank(
                    try TestServing.request(user: "ada", features: Self.features), id: ids[0],
                    keeping: true)
                #expect(reply.ranking.allSatisfy { (0...1).contains($0.relevance) })
                return try await !Self.roles(of: ids[0], serving).isEmpty
            }
            // One more of each, so that a shadow would have had its turn.
            try await serving.eventually {
                _ = try await serving.rerank(
                    try TestServing.request(user: "ada"), id: "last", keeping: true)
                return try await Self.roles(of: "last", serving).contains("shadow")
            }
            #expect(try await Set(Self.roles(of: ids[0], serving)) == ["serve"])
        }
    }

    private static func roles(of id: String, _ serving: TestServing) async throws -> [String] {
        try await serving.pool.execute(
            "select role from ls.decision_log where request_id = $1 order by role", id
        ).map { try $0.decode(String.self, "role") }
    }

    @Test func `one decision that cannot be written takes no other with it`() async throws {
        try await TestServing.with { serving in
            let id: Int64 = try await serving.pool.execute(
                "select min(version_id) from ls.version_lineage"
            ).one().decode()
            func decision(_ name: String, _ score: Float) -> Decision {
                Decision(
                    requestID: name, role: .serve, model: "tiny", user: nil, domain: nil,
                    versionID: RankerVersionID(id), reason: .global, rule: nil, isFallback: false,
                    workerID: nil, arithmetic: "float32", hiddenSize: 8, dtype: "F32",
                    features: [UInt8](repeating: 0, count: 3 * 32), scores: [score, 0.5])
            }
            let log = serving.reranker.decisions
            let scores: [(String, Float)] = [
                ("one", 0.1), ("two", .nan), ("three", 0.3), ("four", .infinity), ("five", 0.5),
            ]
            for (name, score) in scores { log.keep(decision(name, score)) }
            try await serving.eventually {
                log.currentCounts.kept + log.currentCounts.dropped == 5
            }
            #expect(log.currentCounts.kept == 3 && log.currentCounts.dropped == 2)
            let names = try await serving.pool.execute(
                "select request_id from ls.decision_log order by scores[1]"
            ).map { try $0.decode(String.self, "request_id") }
            #expect(names == ["one", "three", "five"])
        }
    }
}
