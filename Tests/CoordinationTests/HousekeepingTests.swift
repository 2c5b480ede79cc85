// Housekeeping on a real database: one at a time, and whoever is left goes on.
import Coordination
import LanguageSystem
import Ledger
import PostgresAccess
import PostgresTesting
import Testing

@Suite(.timeLimit(.minutes(20))) struct `Keeping house` {
    /// Cancelled tasks that ended two hours ago.
    private func endedTasks(_ count: Int, _ pool: ConnectionPool) async throws {
        try await pool.execute(
            """
            select ls.cancel_task(ls.request_training('code.listwise', p_seed => s), 'test')
            from generate_series(1, $1) s
            """, count)
        try await pool.execute("update ls.task set ended_at = ended_at - interval '2 hours'")
    }

    @Test func `two coordinators archive every ended task once`() async throws {
        try await ThrowAwayDatabase.with(TestDispatch.template) { database in
            try await endedTasks(2_500, database.pool)
            let ledger = LedgerStore(pool: database.pool)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<2 {
                    let service = Housekeeping(
                        ledger: ledger, interval: .milliseconds(50), logger: TestDispatch.quiet)
                    group.addTask { try await service.run() }
                }
                while true {
                    let left: Int = try await database.pool.execute(
                        "select count(*) from ls.task"
                    ).one().decode()
                    if left == 0 { break }
                    try await Task.sleep(for: .milliseconds(20))
                }
                group.cancelAll()
            }
            let row = try await database.pool.execute(
                """
                select count(*) as all, count(distinct task_id) as distinct,
                    (select sum(tasks)::bigint from ls.task_archive_count) as counted
                from ls.task_archive
                """
            ).one()
            #expect(try row.decode("all") == 2_500)
            #expect(try row.decode("distinct") == 2_500)
            #expect(try row.decode("counted") == 2_500)
        }
    }

    /// Runs housekeeping until 2,500 tasks are archived, in three steps.
    ///
    /// - Returns: How often it asked the promotion gate meanwhile.
    private func gateLookCount(every interval: Duration) async throws -> Int {
        var count = 0
        try await ThrowAwayDatabase.with(TestDispatch.template) { database in
            let pool = database.pool
            try await endedTasks(2_500, pool)
            try await pool.withConnection { connection in
                try connection.executeScript(
                    """
                    create sequence gate_look;
                    create or replace function ls.settle_promotions(p_incumbent_version_id bigint \
                    default null) returns integer language sql as $$ select \
                    nextval('public.gate_look')::integer $$;
                    """)
            }
            let service = Housekeeping(
                ledger: LedgerStore(pool: pool), interval: interval, logger: TestDispatch.quiet)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await service.run() }
                while try await pool.execute("select count(*) from ls.task").one()
                    .decode(Int.self) > 0
                {
                    try await Task.sleep(for: .milliseconds(20))
                }
                group.cancelAll()
            }
            count = try await pool.execute(
                "select case when is_called then last_value else 0 end from gate_look"
            ).one().decode()
        }
        return count
    }

    @Test func `while tasks are left to archive, the promotion gate is asked no more often`()
        async throws
    {
        #expect(try await gateLookCount(every: .seconds(3_600)) == 1)
    }

    @Test func `while tasks are left to archive, the promotion gate is asked in its turn`()
        async throws
    {
        #expect(try await gateLookCount(every: .milliseconds(1)) > 1)
    }

    @Test func `housekeeping goes on elsewhere the moment its holder's connection is gone`()
        async throws
    {
        try await ThrowAwayDatabase.with(TestDispatch.template) { database in
            try await endedTasks(3, database.pool)
            let ledger = LedgerStore(pool: database.pool)
            // A holder that took the lock and never ends its transaction.
            let holder = ConnectionPool(
                PoolConfiguration(database.connectionInfo), logger: TestDispatch.quiet)
            let held = Task {
                try await holder.transaction(deadline: .seconds(120)) { connection in
                    try connection.execute("select * from ls.housekeep(1)")
                    try connection.execute("select pg_sleep(100) as holding")
                }
            }
            while try await database.pool.execute(
                """
                select from pg_stat_activity where query like '%as holding' and datname = \
                current_database() and pid <> pg_backend_pid()
                """
            ).isEmpty {
                try await Task.sleep(for: .milliseconds(10))
            }
            #expect(try await ledger.housekeep() == nil)
            try await database.pool.execute(
                """
                select pg_terminate_backend(pid) from pg_stat_activity where query like '%as \
                holding' and pid <> pg_backend_pid()
                """
            )
            await #expect(throws: (any Error).self) { try await held.value }
            var report = try await ledger.housekeep()
            while report == nil {  // the server notices in its own time
                try await Task.sleep(for: .milliseconds(10))
                report = try await ledger.housekeep()
            }
            // What the dead one had moved is not moved.
            #expect(report?.archivedCount == 3)
            await holder.close()
        }
    }
}
