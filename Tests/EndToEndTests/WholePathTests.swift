// From nothing to a reranked request, as the README says it, on a part of the demo.
import Foundation
import Testing

@Suite(.serialized, .timeLimit(.minutes(20))) struct `The whole path` {
    static let subjects = ["algebra", "number_theory"]

    @Test func `two workers train, the matrix fills, each user is served by the right ranker`()
        async throws
    {
        try await Installation.with(workers: ["edge-1", "edge-2"]) { installation in
            try await installation.registerDemo(Self.subjects)
            for arguments in [
                [
                    "register", "ranker", "--base-model", Installation.baseModel, "--user", "ada",
                    "--kind", "listwise",
                ],
                [
                    "register", "ranker", "--base-model", Installation.baseModel, "--domain",
                    "math", "--kind", "listwise",
                ],
            ] {
                let ending = try await run(
                    Programs.path("lscoord"), arguments,
                    environment: ["LSCOORD_DATA_DIR": installation.dataDirectory])
                try #require(ending.status == 0, "\(ending)")
            }
            let trained = try await installation.lscoord(
                "train", "--domain", "math/*", "--domain", "math", "--wait")
            try #require(trained.status == 0, "\(trained)")
            let personal = try await installation.lscoord(
                "train", "~ada.listwise", "--features", "math/number_theory", "--wait")
            try #require(personal.status == 0, "\(personal)")

            for ranker in ["math/algebra", "math/number_theory", "math", "~ada"] {
                try await installation.promote("\(ranker).listwise@1")
            }

            let transfer = try await installation.lscoord(
                "transfer", "--base-model", Installation.baseModel, "--wait")
            try #require(transfer.status == 0, "\(transfer)")
            for word in [
                "math/algebra", "math/number_theory", "first sample", "majority", "oracle",
            ] {
                #expect(transfer.output.contains(word), "\(transfer)")
            }
            #expect(
                try await installation.sql(
                    "select count(*) from ls.transfer_matrix where difference is not null") == "6")

            try await routing(installation)
            try await weightsAreOrdinarySafetensors(installation)

            // Asked to leave, each program says goodbye and leaves in order.
            for program in [installation.workers["edge-1"], installation.coordinator] {
                let program = try #require(program)
                program.stop()
                #expect(program.process.terminationStatus == 0, "\(program.text.suffix(500))")
            }
        }
    }

    private func routing(_ installation: Installation) async throws {
        func served(_ user: String?, _ domain: String?) async throws -> (
            model: String, reason: String
        ) {
            var arguments = [
                "rerank", "--model", Installation.baseModel, "--features",
                Programs.demo("algebra", "test"),
                "--query", "3", "--json",
            ]
            if let user { arguments += ["--user", user] }
            if let domain { arguments += ["--domain", domain] }
            let ending = try await run(
                Programs.path("lscoord"), arguments,
                environment: installation.environment)
            try #require(ending.status == 0, "\(ending)")
            let reply = try #require(
                JSONSerialization.jsonObject(with: Data(ending.output.utf8)) as? [String: Any])
            let results = try #require(reply["results"] as? [[String: Any]])
            let scores = results.compactMap { $0["relevance_score"] as? Double }
            #expect(scores.count == 20)
            #expect(scores == scores.sorted(by: >))
            #expect(Set(results.compactMap { $0["index"] as? Int }) == Set(0..<20))
            let meta = try #require(reply["meta"] as? [String: Any])
            return (
                try #require(reply["model"] as? String), try #require(meta["reason"] as? String)
            )
        }
        #expect(try await served("ada", "math/algebra") == ("~ada.listwise@1", "user"))
        #expect(try await served(nil, "math/algebra") == ("math/algebra.listwise@1", "domain"))
        // Nobody has heard of this user: the domain's ranker serves, and the reply says so.
        #expect(
            try await served("nobody", "math/number_theory") == (
                "math/number_theory.listwise@1", "domain"
            ))
        #expect(try await served("nobody", "math/topology") == ("math.listwise@1", "parent domain"))
        #expect(try await served("nobody", "cooking").reason == "first sample")
    }

    /// Weights leave as files any safetensors library reads: a header of JSON and named tensors.
    private func weightsAreOrdinarySafetensors(_ installation: Installation) async throws {
        let names = try await installation.sql(
            """
            select string_agg(key, ',' order by key) from (
                select w.bytes, ('x' || encode(reverse_bytes.b, 'hex'))::bit(64)::bigint as n
                from (select bytes from ls.ranker_weights limit 1) w,
                    lateral (select string_agg(substring(w.bytes from i for 1), '' order by i \
            desc) as b
                        from generate_series(1, 8) i) reverse_bytes) h,
                lateral json_object_keys(convert_from(substring(h.bytes from 9 for h.n::int), \
            'UTF8')::json) key
            """)
        #expect(names.contains("block.0.attention.qkv.weight"))
        #expect(names.contains("projection.weight"))
    }
}
