// A sweep with the real programs: side by side on two workers, one of them killed, its client gone
// and back; and the scaling curve of the version it found.
import Foundation
import Testing

@Suite(.serialized, .timeLimit(.minutes(20))) struct `A sweep` {
    static let ranker = "math/geometry.listwise"
    /// Two that take some seconds on one thread, and one whose weights grow a hundredfold each
    /// step.
    static let list = """
        [{"epochs": 160}, {"epochs": 120},
         {"optimizer": {"name": "sgd", "lr": 100, "weight_decay": 1}, "epochs": 50}]
        """

    @Test func `a sweep outlives a killed worker and its client, and its best meets the gate once`()
        async throws
    {
        try await Installation.with(workers: ["edge-1", "edge-2"]) { installation in
            try await installation.registerDemo(["geometry"])
            let file = installation.home.appendingPathComponent("three.json")
            try Self.list.write(to: file, atomically: true, encoding: .utf8)
            let asked = try await installation.lscoord(
                "train", Self.ranker, "--sweep", file.path, "--no-wait")
            try #require(asked.status == 0, "\(asked)")
            #expect(asked.output == "sweep 1: 3 configurations of math/geometry.listwise\n")
            try await eventually(within: 30, "both workers train") {
                try await installation.sql(
                    "select count(distinct worker) from ls.task_queue where state = 'leased'")
                    == "2"
            }
            #expect(
                try await installation.sql(
                    """
                    select string_agg(sweep_position::text, ' ' order by sweep_position) from \
                    ls.task_queue where kind = 'train'
                    """
                ).hasPrefix("1 2"))
            installation.killWorker("edge-1")

            // The same command again: it takes up waiting where the first left off.
            let waited = try await installation.lscoord(
                "train", Self.ranker, "--sweep", file.path, within: 180)
            try #require(waited.status == 0, "\(waited)")
            #expect(waited.output.hasPrefix("sweep 1: 3 configurations"))
            try await table(waited.output, installation)
            #expect(
                try await installation.sql(
                    """
                    select count(*) from ls.attempt_history where worker = 'edge-1' and state = \
                    'expired'
                    """
                ) == "1")
            // Eighteen queries prove nothing: a person decides.
            #expect(
                try await installation.sql(
                    "select count(*) from ls.alias_moves where ranker = '\(Self.ranker)'") == "0")
            let best = try await installation.sql("select best_version from ls.sweep_status")
            try await installation.promote("\(Self.ranker)@\(best)")
            try await curve(installation)
            try await badLists(installation)
        }
    }

    /// Every configuration has its line, and the end agrees with the database.
    private func table(_ output: String, _ installation: Installation) async throws {
        let states = try await installation.sql(
            """
            select string_agg(state, ' ' order by position) from ls.sweep_result where sweep_id = 1
            """
        )
        #expect(states == "measured measured failed")
        let best = try await installation.sql(
            "select best_version || ' ' || is_champion || ' ' || state from ls.sweep_status")
        #expect(["1 false ended", "2 false ended"].contains(best))
        for words in [
            "failed", "no longer finite", "spread (best minus worst of 2 configurations)",
            "chosen on the test sets themselves (math/geometry test ",
            "not proven: its test sets have 18 queries, the gate needs 30 or more",
        ] {
            #expect(output.contains(words), "\(words) in:\n\(output)")
        }
        let last = try #require(output.split(separator: "\n").last)
        let json = try #require(
            JSONSerialization.jsonObject(with: Data(last.utf8)) as? [String: Any])
        #expect([160, 120].contains(json["epochs"] as? Int))
    }

    private func curve(_ installation: Installation) async throws {
        let printed = try await installation.lscoord(
            "curve", Self.ranker, "--counts", "1,4,32")
        try #require(printed.status == 0, "\(printed)")
        let rows = printed.output.split(separator: "\n").map {
            $0.split(separator: " ").map(String.init)
        }
        #expect(rows.compactMap { $0.first.flatMap(Int.init) } == [1, 4, 32], "\(printed)")
        // With one candidate there is nothing to choose: everyone picks it.
        let single = try #require(rows.first { $0.first == "1" })
        #expect(single[1] == single[3], "\(printed)")
        // Evaluations at another K ask the gate nothing.
        #expect(try await installation.sql("select count(*) from ls.promotion_status") == "1")
    }

    private func badLists(_ installation: Installation) async throws {
        func refusal(_ text: String) async throws -> String {
            let file = installation.home.appendingPathComponent("bad.json")
            try text.write(to: file, atomically: true, encoding: .utf8)
            let ending = try await installation.lscoord(
                "train", Self.ranker, "--sweep", file.path)
            #expect(ending.status == 64, "\(ending)")
            return ending.errors
        }
        #expect(try await refusal("{}").contains("found no JSON list"))
        #expect(try await refusal("[]").contains("found 0 configurations, expected 1 to 500"))
        #expect(try await refusal(#"[{"epochs": 2}, 3]"#).contains("entry 2 is no JSON object"))
        #expect(try await refusal(#"[{"epochs": 2}, {"epochs": 0}]"#).contains("entry 2: "))
        #expect(
            try await refusal(#"[{"epochs": 2, "epochs": 3}]"#)
                .contains("found the key '[0].epochs' twice"))
        #expect(try await refusal(#"[{"rate": 2}]"#).contains("the unknown key 'rate'"))
        #expect(
            try await refusal(#"[{"epochs": 2}, {"epochs": 2}]"#)
                .contains("entry 2 asks for the same as entry 1"))
        let missing = try await installation.lscoord(
            "train", Self.ranker, "--sweep", "/nowhere.json")
        #expect(missing.status == 64 && missing.errors.contains("/nowhere.json"), "\(missing)")
        #expect(try await installation.sql("select count(*) from ls.sweep_status") == "1")
    }
}
