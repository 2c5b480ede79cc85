// A user's data and ranker that never leave the user's machine, with the real programs.
import Foundation
import Testing

@Suite(.serialized, .timeLimit(.minutes(20))) struct `Data that stays home` {
    @Test func `local data trains its user's ranker, outlives a kill, and is lost with its worker`()
        async throws
    {
        try await Installation.with(workers: ["edge-1"]) { installation in
            try await installation.registerDemo(["precalculus"])
            for arguments in [
                ["register", "domain", "math/algebra"],
                [
                    "register", "ranker", "--base-model", Installation.baseModel, "--domain",
                    "math", "--kind", "pointwise", "--training", #"{"epochs": 1}"#,
                ],
            ] { try await succeed(installation, arguments) }
            let data = installation.home.appendingPathComponent("data")
            try FileManager.default.createDirectory(at: data, withIntermediateDirectories: true)
            for split in ["train", "test"] {
                try FileManager.default.copyItem(
                    atPath: Programs.demo("algebra", split),
                    toPath: data.appendingPathComponent("\(split).safetensors").path)
            }
            let atHome = ["--data", data.path, "--data-user", "ada"]
            try await installation.join("laptop", label: "user=ada", atHome)
            try await eventually(within: 20, "both files are offered") {
                try await installation.sql(
                    """
                    select count(*) from ls.feature_set_status where home = 'laptop' and is_current
                    """
                ) == "2"
            }
            try await succeed(
                installation,
                [
                    "register", "ranker", "--base-model", Installation.baseModel, "--domain",
                    "math/algebra", "--user", "ada", "--kind", "pointwise", "--name", "adas",
                    "--home", "laptop", "--training", #"{"epochs": 1}"#,
                ])
            try await succeed(installation, ["train", "adas", "--wait"])
            try await succeed(installation, ["train", "--domain", "math", "--wait"])
            for version in ["adas@1", "math.pointwise@1"] {
                try await installation.promote(version)
            }
            #expect(
                try await installation.sql(
                    """
                    select home, champion, accuracy_percent is not null from ls.ranker_status \
                    where name = 'adas'
                    """
                ) == "laptop|1|t")
            #expect(
                try await installation.sql(
                    """
                    select distinct w.name from ls.attempt a join ls.worker w using (worker_id) \
                    join ls.task t using (task_id) join ls.ranker r using (ranker_id) where r.name \
                    = 'adas'
                    """
                ) == "laptop", "nobody else worked on it")
            #expect(
                try await installation.sql(
                    """
                    select count(c.bytes) from ls.feature_set f left join ls.feature_chunk c using \
                    (feature_set_id) where f.home_worker_id is not null
                    """
                ) == "0", "no row of it is in the database")
            #expect(
                try await installation.sql(
                    """
                    select w.bytes is null and h.byte_count > 0 from ls.ranker_weights w join \
                    ls.home_weights h using (digest)
                    """
                ) == "t", "nor a weight")
            // Whose weights are not here is scored at home; out of reach, the next in the chain
            // answers.
            #expect(
                try await installation.sql(
                    """
                    select string_agg(concat_ws('|', ranker_name, reason, worker), ' ' order by \
                    place) from ls.route_plan('\(Installation.baseModel)', 'ada', 'math/algebra')
                    """
                ) == "adas|user+domain|laptop math.pointwise|parent domain")

            installation.killWorker("laptop")
            try installation.startWorker("laptop", atHome)
            try await succeed(
                installation, ["train", "adas", "--seed", "5", "--wait"])
            #expect(
                try await installation.sql(
                    "select count(*) from ls.home_weights where lost_at is null") == "2")

            try FileManager.default.removeItem(
                at: data.appendingPathComponent("train.safetensors"))
            try await eventually(within: 20, "a file that is removed is no longer offered") {
                try await installation.sql(
                    """
                    select count(*) from ls.feature_set_status where home = 'laptop' and is_current
                    """
                ) == "1"
            }
            let status = try await run(
                Programs.path("lsworker"),
                [
                    "status", "--state-dir",
                    installation.home.appendingPathComponent("laptop").path,
                ])
            #expect(status.output.contains("TLS 1.3, mutual"), "\(status)")
            #expect(status.output.contains("weights of 2 versions"), "\(status)")

            try await succeed(
                installation, ["worker", "revoke", "laptop", "--reason", "stolen"])
            let overview = try await installation.lscoord("status")
            #expect(
                overview.output.contains(
                    "lost: adas, at home with laptop: worker 'laptop' was revoked"),
                "\(overview)")
            #expect(
                try await installation.sql("select ls.broken_rules(true)") == "")
        }
    }

    private func succeed(_ installation: Installation, _ arguments: [String]) async throws {
        let ending = try await run(
            Programs.path("lscoord"), arguments,
            environment: [
                "LSCOORD_DATA_DIR": installation.dataDirectory,
                "LSCOORD_REST_ADDRESS": "127.0.0.1:\(installation.restPort)",
            ], within: 120)
        try #require(ending.status == 0, "\(arguments): \(ending)")
    }
}
