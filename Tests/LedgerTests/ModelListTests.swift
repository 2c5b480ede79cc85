// Lists of what there is, however much that is: bounded, by index, and in nobody's way.
import LanguageSystem
import Ledger
import PostgresAccess
import PostgresTesting
import Testing

@Suite(.timeLimit(.minutes(20))) struct `Model list` {
    @Test func `a scope's pages give each model once`() async throws {
        try await TestLedger.with { ledger in
            for domain in ["math/algebra", "code"] {
                let name = try await ledger.ranker(domain)
                try await ledger.champion(of: name, weights: Array(domain.utf8))
            }
            var models: [Model] = []
            var next: String?
            repeat {
                let page = try await ledger.store.models(for: KeyScope(), after: next, upTo: 1)
                #expect(page.models.count == 1)
                models += page.models
                next = page.next
            } while next != nil
            #expect(models.map(\.name) == ["tiny", "math/algebra.listwise", "code.listwise"])
            #expect(models.map(\.kind) == [nil, .listwise, .listwise])
            #expect(models.map(\.champion) == [nil, 1, 1])
            let scope = KeyScope(users: ["ada"], domains: ["code"], baseModels: ["tiny"])
            let seen = try await ledger.store.models(for: scope, upTo: 100)
            #expect(seen.models.map(\.name) == ["tiny", "code.listwise"] && seen.next == nil)
            let error = await #expect(throws: LanguageSystemError.self) {
                try await ledger.store.models(for: scope, after: "tiny", upTo: 100)
            }
            #expect(error?.code == .invalidArgument)
        }
    }

    /// The worst that a list can be: one that waits, two dozen times at once.
    @Test func `lists that take long leave the others their connections`() async throws {
        try await TestLedger.with(connectionCountMax: 8) { ledger in
            let (pool, store) = (ledger.database.pool, ledger.store)
            try await pool.execute(
                """
                create or replace function ls.list_models(p_users text[] default null,
                    p_domains text[] default null, p_base_models text[] default null,
                    p_after text default null, p_limit integer default 100)
                returns table (place text, name text, user_name text, kind text, champion integer)
                language plpgsql as 'begin perform pg_advisory_lock_shared(7); end'
                """)
            // Held by a connection of its own.
            let other = ConnectionPool(
                PoolConfiguration(ledger.database.connectionInfo), logger: TestLedger.quiet)
            try await other.withConnection { connection in
                _ = try connection.execute("select pg_advisory_lock(7)")
            }
            func waitingCount() async throws -> Int {
                try await pool.execute(
                    """
                    select from pg_locks where locktype = 'advisory' and objid = 7 and not granted
                        and database = (select oid from pg_database where datname = \
                    current_database())
                    """
                ).count
            }
            let worker = try await ledger.worker("w")
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<24 {
                    // Each is refused in its time, and asked for again.
                    group.addTask {
                        while !Task.isCancelled {
                            let error = await #expect(throws: (any Error).self) {
                                try await store.models(for: KeyScope(), upTo: 100)
                            }
                            guard let error = error as? LanguageSystemError else { continue }
                            #expect(
                                [.deadlineExceeded, .busy, .cancelled].contains(error.code),
                                "\(error)")
                        }
                    }
                }
                while try await waitingCount() < 2 { await Task.yield() }
                // Readiness, the way to a ranker, and a lease.
                for _ in 0..<20 {
                    try await store.ping(within: .seconds(120))
                    _ = try await store.routePlan(baseModel: "tiny", user: "ada")
                    _ = try await store.leaseTasks(
                        for: worker, kinds: [.train], countMax: 1, lasting: .seconds(10))
                    #expect(try await waitingCount() <= 2)
                }
                group.cancelAll()
            }
            while try await waitingCount() > 0 { await Task.yield() }
            await other.close()
        }
    }

    @Test func `a hundred thousand rankers are listed by index`() async throws {
        try await TestLedger.with(connectionCountMax: 1) { ledger in
            try await ledger.database.pool.withConnection(deadline: .seconds(120)) { connection in
                try connection.executeScript(
                    """
                    insert into ls.ranker (name, base_model_id, user_name, domain_id, kind,
                            configuration, training)
                        select 'r' || i, b.base_model_id, case when i % 10 > 0 then 'u' || i end,
                            case when i % 10 = 0 then d.domain_id end, 'listwise', '{}', '{}'
                        from generate_series(1, 100000) i, ls.base_model b, ls.domain d
                        where d.name = 'code';
                    insert into ls.ranker_weights (digest, byte_count, bytes)
                        values (sha256('w'), 1, 'w');
                    insert into ls.ranker_version (ranker_id, number, digest, added_by)
                        select ranker_id, 1, sha256('w'), 'me' from ls.ranker;
                    insert into ls.ranker_alias (ranker_id, alias, version_id)
                        select ranker_id, 'champion', version_id from ls.ranker_version;
                    analyze ls.ranker, ls.ranker_version, ls.ranker_alias, ls.domain;
                    """)
            }
            for scope in [
                KeyScope(), KeyScope(users: ["u7"]), KeyScope(domains: ["math/*"]),
                KeyScope(users: ["u7", "u8"], domains: ["code"], baseModels: ["tiny"]),
            ] {
                let before = try await read(ledger)
                let page = try await ledger.store.models(for: scope, upTo: 100)
                #expect(page.models.count == 100 && page.next != nil)
                // At most ten thousand are looked at, whatever is found.
                let rows = try await read(ledger) - before
                #expect(rows < 60_000, "\(scope): \(rows) rows and index entries were read")
            }
            #expect(try await ledger.store.rankers(named: ["r7"]).map(\.user) == ["u7"])
        }
    }

    /// Rows and index entries that were read of rankers and their versions, in this database.
    private func read(_ ledger: TestLedger) async throws -> Int64 {
        try await ledger.database.pool.withConnection { connection in
            _ = try connection.execute("select pg_stat_force_next_flush()")
            _ = try connection.execute("select pg_stat_clear_snapshot()")
            return try connection.execute(
                """
                select coalesce(sum(pg_stat_get_tuples_returned(c.oid)), 0)::bigint from pg_class c
                where c.relnamespace = 'ls'::regnamespace and c.relname like 'ranker%'
                """
            ).one().decode()
        }
    }
}
