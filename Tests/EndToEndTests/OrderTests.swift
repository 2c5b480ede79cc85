// What an operator steers beyond single tasks: work that comes after other work, and a user who
// leaves.
import Foundation
import Testing

@Suite(.serialized, .timeLimit(.minutes(20))) struct `Work in order` {
    @Test
    func `a matrix asked for with its trainings follows them, and a forgotten user leaves nothing`()
        async throws
    {
        try await Installation.with(workers: ["edge-1", "edge-2"]) { installation in
            try await installation.registerDemo(["geometry", "precalculus"])
            var ending = try await installation.lscoord("train", "--domain", "math/*")
            try #require(ending.status == 0, "\(ending)")
            ending = try await installation.lscoord(
                "transfer", "--base-model", Installation.baseModel, "--after-training", "--wait")
            try #require(ending.status == 0, "\(ending)")
            #expect(ending.output.contains("done  matrix *"), "\(ending)")
            #expect(ending.output.contains("math/precalculus"), "\(ending)")
            #expect(
                try await installation.sql(
                    "select count(*) from ls.transfer_matrix where source_domain <> target_domain")
                    == "2")

            // One training after another, by the task's number.
            let first = try await installation.lscoord(
                "train", "math/geometry.listwise", "--seed", "5")
            let number = try #require(first.output.firstMatch(of: /task (\d+):/)).1
            ending = try await installation.lscoord(
                "train", "math/precalculus.listwise", "--seed", "5", "--after", "\(number)",
                "--wait")
            try #require(ending.status == 0, "\(ending)")
            #expect(
                try await installation.sql(
                    """
                    select min(leased_at) filter (where ranker = 'math/precalculus.listwise')
                        > max(ended_at) filter (where ranker = 'math/geometry.listwise')
                    from ls.attempt_history where kind = 'train' and attempt = 1
                        and task_id >= \(number)
                    """) == "t")

            try await forgetting(installation)
        }
    }

    private func forgetting(_ installation: Installation) async throws {
        var ending = try await installation.lscoord(
            "register", "ranker", "--base-model", Installation.baseModel, "--user", "ada",
            "--kind", "listwise")
        try #require(ending.status == 0, "\(ending)")
        ending = try await installation.lscoord(
            "train", "~ada.listwise", "--features", "math/geometry", "--wait")
        try #require(ending.status == 0, "\(ending)")

        ending = try await installation.lscoord("forget", "ada")
        #expect(ending.status != 0 && ending.errors.contains("--reason"), "\(ending)")
        ending = try await installation.lscoord("forget", "ada", "--reason", "asked on Monday")
        try #require(ending.status == 0, "\(ending)")
        #expect(ending.output.contains(/rankers +1/), "\(ending)")
        #expect(ending.output.contains(/versions +1/), "\(ending)")
        #expect(
            try await installation.sql(
                "select count(*) from ls.ranker_status where user_name = 'ada'") == "0")
        ending = try await installation.lscoord("forget", "ada", "--reason", "again")
        #expect(ending.output.contains("nothing came from user ada"), "\(ending)")
    }
}
