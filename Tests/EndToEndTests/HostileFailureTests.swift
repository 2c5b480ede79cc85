// A worker that fails whatever it is given and says that it is no use to try again, and one whose
// program is older than the task. Neither makes a dead letter while somebody else can do the work.
import Foundation
import GRPCCore
import LanguageSystem
import Testing
import WorkerWire

@Suite(.serialized, .timeLimit(.minutes(20))) struct `A worker that fails everything` {
    @Test func `a worker that fails everything makes no dead letters and is paused`() async throws {
        try await Installation.with { installation in
            try await installation.registerDemo(["geometry"])
            try await installation.join("honest")
            try await eventually(within: 60, "the honest worker is there") {
                try await installation.sql(
                    "select count(*) from ls.worker_status where state = 'connected'") == "1"
            }
            let hostile = try await HostileWorker.join(installation)
            try await hostile.session(for: .train, capacity: 4) { worker in
                _ = try await installation.sql(
                    """
                    select ls.request_training('math/geometry.listwise', p_seed => seed)
                    from generate_series(1, 60) seed
                    """)
                var failedCount = 0
                while failedCount < 20 {
                    failedCount += 1
                    try await worker.fail(
                        try await worker.nextLease(),
                        LanguageSystemError(.invalidFeatures, "cannot train: it says so"))
                }
            }
            try await eventually(within: 120, "the honest worker did all of it") {
                try await installation.sql(
                    "select count(*) from ls.task where state not in ('done', 'dead')") == "0"
            }
            #expect(try await installation.sql("select count(*) from ls.dead_letter") == "0")
            #expect(try await installation.sql("select count(*) from ls.broken_rules(true)") == "0")
            #expect(
                try await installation.sql(
                    """
                    select count(*) from ls.audit_entry where action = 'pause worker' and subject \
                    = 'hostile'
                    """
                ) == "1")
        }
    }

    @Test func `a worker older than its task leaves the task, and its attempts, to others`()
        async throws
    {
        try await Installation.with { installation in
            try await installation.registerDemo(["geometry"])
            let older = try await HostileWorker.join(installation)
            try await older.session(for: .train) { worker in
                for seed in 1...4 {
                    _ = try await installation.sql(
                        "select ls.request_training('math/geometry.listwise', p_seed => \(seed))")
                    // As every older lsworker says it.
                    try await worker.fail(
                        try await worker.nextLease(),
                        LanguageSystemError(
                            .invalidArgument,
                            "cannot read the training configuration: found the unknown key 'new'"))
                }
            }
            #expect(
                try await installation.sql(
                    """
                    select count(*) from ls.task_queue where unknown_to = '{hostile}' and \
                    attempt_max = 6
                    """
                ) == "4")
            #expect(
                try await installation.sql("select failed || state from ls.worker_status")
                    .hasPrefix("0"))
            try await installation.join("honest")
            try await eventually(within: 60, "another knows how") {
                try await installation.sql(
                    "select count(*) from ls.task where kind = 'train' and state = 'done'") == "4"
            }
        }
    }
}

extension HostileWorker {
    /// Says that the attempt failed and that it is no use to try again.
    func fail(_ lease: TaskLease, _ error: LanguageSystemError) async throws {
        let client = try #require(client)
        _ = try await client.failAttempt(
            Languagesystem_V1_FailAttemptRequest(
                token: lease.token, error: error, retryable: false))
    }
}
