// call ls.wait_for_tasks commits while it waits, so it cannot run inside a pgTAP test's
// transaction.
import LanguageSystem
import Ledger
import PostgresAccess
import PostgresTesting
import Testing

@Suite(.timeLimit(.minutes(20))) struct `Waiting for tasks in SQL` {
    @Test func `waiting for tasks returns at once when nothing is open`() async throws {
        try await TestLedger.with { ledger in
            try await ledger.database.pool.execute("call ls.wait_for_tasks('1 hour')")
            // An unknown id is nothing to wait for either.
            try await ledger.database.pool.execute("call ls.wait_for_tasks('1 hour', array[99])")
        }
    }

    @Test func `waiting for tasks says what is still open after its time, and leaves it alone`()
        async throws
    {
        try await TestLedger.with { ledger in
            try await prepare(ledger)
            let task = try await ledger.store.requestTraining("code.listwise")
            let error = await #expect(throws: PostgresError.self) {
                try await ledger.database.pool.execute("call ls.wait_for_tasks('20 ms')")
            }
            #expect(error?.coordinatorError.code == .deadlineExceeded)
            #expect(
                error?.message
                    == "cannot wait any longer: after 00:00:00.02 1 task is still open (\(task))")
            #expect(error?.hint?.contains("ls.task_queue") == true)
            #expect(try await ledger.store.taskProgress([task]).first?.state == .waiting)
            // Of other tasks it does not speak.
            try await ledger.database.pool.execute("call ls.wait_for_tasks('20 ms', array[99])")
        }
    }

    @Test func `waiting for tasks needs a time`() async throws {
        try await TestLedger.with { ledger in
            let error = await #expect(throws: PostgresError.self) {
                try await ledger.database.pool.execute("call ls.wait_for_tasks(null)")
            }
            #expect(error?.message == "cannot wait for tasks: found no time limit")
        }
    }

    /// As a reader, who may do nothing else; in steps, so that no snapshot is held meanwhile.
    @Test func `waiting for tasks returns when another session ends the task`() async throws {
        try await TestLedger.with { ledger in
            try await prepare(ledger)
            let pool = ledger.database.pool
            let task = try await ledger.store.requestTraining("code.listwise")
            async let waiting: Void = pool.withConnection { connection in
                try connection.execute("set role ls_reader")
                try connection.execute("call ls.wait_for_tasks('5 minutes')")
                try connection.execute("reset role")
            }
            // Two looks in two transactions: it is waiting, and began anew in between.
            var begins: Set<String> = []
            while begins.count < 2 {
                for row in try await pool.execute(
                    """
                    select xact_start::text as begun from pg_stat_activity
                    where query like 'call ls.wait%' and xact_start is not null
                        and datname = current_database()
                    """)
                {
                    begins.insert(try row.decode("begun"))
                }
            }
            _ = try await ledger.store.cancelTask(task, because: "not needed")
            try await waiting
            #expect(try await ledger.store.taskProgress([task]).first?.state == .cancelled)
        }
    }

    private func prepare(_ ledger: TestLedger) async throws {
        try await ledger.featureSet("code", .train)
        try await ledger.ranker("code")
    }
}
