// The real programs, killed without warning.
import Foundation
import Testing

@Suite(.serialized, .timeLimit(.minutes(20))) struct `Survival` {
    /// Long enough to be killed in the middle, short enough to finish on one thread: some ten
    /// seconds.
    static let longTraining = #"{"epochs": 60}"#
    /// The same for a subject of a third as many problems.
    static let longTrainingOfFew = #"{"epochs": 200}"#

    @Test
    func `a worker killed in the middle of training: another one gets the task and completes it`()
        async throws
    {
        try await Installation.with(workers: ["edge-1"]) { installation in
            try await installation.registerDemo(["number_theory"], training: Self.longTraining)
            let asked = try await installation.lscoord("train", "math/number_theory.listwise")
            try #require(asked.status == 0, "\(asked)")
            try await eventually(within: 30, "training is under way") {
                try await installation.sql(
                    "select count(*) from ls.task_progress() where progress > 0") == "1"
            }
            installation.killWorker("edge-1")
            try await installation.join("edge-2")
            try await eventually(within: 15, "the task is leased again") {
                try await installation.sql(
                    """
                    select count(*) from ls.task_progress() where worker = 'edge-2' and attempt = 2
                    """
                ) == "1"
            }
            try await eventually(within: 120, "the run completes") {
                try await installation.sql(
                    """
                    select count(*) from ls.promotion_status
                    where ranker = 'math/number_theory.listwise' and version = 1
                    """
                ) == "1"
            }
            #expect(
                try await installation.sql(
                    """
                    select string_agg(state || ' ' || worker, ', ' order by attempt) from \
                    ls.attempt_history where kind = 'train'
                    """
                )
                    == "expired edge-1, succeeded edge-2")
        }
    }

    @Test
    func `lscoord killed in the middle: started again, nothing is lost and workers come back`()
        async throws
    {
        try await Installation.with(workers: ["edge-1"]) { installation in
            try await installation.registerDemo(
                ["number_theory", "geometry"], training: Self.longTraining)
            let asked = try await installation.lscoord("train", "--domain", "math/*")
            try #require(asked.status == 0, "\(asked)")
            try await eventually(within: 30, "training is under way") {
                try await installation.sql(
                    "select count(*) from ls.task_progress() where progress > 0") == "1"
            }
            installation.killCoordinator()
            try await installation.start()
            try await eventually(within: 30, "the worker is back by itself") {
                try await installation.sql(
                    "select state from ls.worker_status where name = 'edge-1'") == "connected"
            }
            try await eventually(within: 180, "both versions have met the gate") {
                try await installation.sql(
                    "select count(*) from ls.promotion_status where version = 1") == "2"
            }
            // Exactly once to effect: as many versions as trainings, none doubled.
            #expect(try await installation.sql("select count(*) from ls.version_lineage") == "2")
            #expect(try await installation.sql("select count(*) from ls.task_progress()") == "0")
            #expect(try await installation.sql("select count(*) from ls.dead_letter") == "0")
        }
    }

    @Test func `worker and lscoord killed at once: both started again, the run completes`()
        async throws
    {
        try await Installation.with(workers: ["edge-1"]) { installation in
            try await installation.registerDemo(["geometry"], training: Self.longTrainingOfFew)
            let asked = try await installation.lscoord("train", "math/geometry.listwise")
            try #require(asked.status == 0, "\(asked)")
            try await eventually(within: 30, "training is under way") {
                try await installation.sql(
                    "select count(*) from ls.task_progress() where progress > 0") == "1"
            }
            installation.killWorker("edge-1")
            installation.killCoordinator()
            try await installation.start()
            try installation.startWorker("edge-1")
            try await eventually(within: 120, "the run completes") {
                try await installation.sql(
                    """
                    select count(*) from ls.promotion_status
                    where ranker = 'math/geometry.listwise' and version = 1
                    """) == "1"
            }
        }
    }
}
