// All functions lock in one order (the page States), so no two of them wait for each other, whoever
// calls what meanwhile. Here they are called past LedgerStore, which would try a deadlock's victim
// again and hide it.
import Foundation
import LanguageSystem
import Ledger
import PostgresAccess
import PostgresTesting
import Testing

@Suite(.timeLimit(.minutes(20))) struct `Functions that lock several rows` {
    @Test(arguments: [1, 2] as [UInt64])
    func `functions that lock several rows never wait for each other`(seed: UInt64) async throws {
        try await TestLedger.with(connectionCountMax: 8) { ledger in
            try await ledger.database.pool.withConnection { connection in
                try connection.executeScript(Self.beginning)
            }
            let (deadlocks, calls) = try await withThrowingTaskGroup(of: (Int, Int).self) { group in
                for player in 0..<7 {
                    group.addTask {
                        var generator = SplitMix(state: seed * 100 + UInt64(player))
                        return try await play(ledger.database.pool, &generator)
                    }
                }
                return try await group.reduce((0, 0)) { ($0.0 + $1.0, $0.1 + $1.1) }
            }
            #expect(deadlocks == 0)
            #expect(calls > 100, "some of the calls did something")
            #expect(try await ledger.brokenRules() == [])
        }
    }

    @Test func `a redrive and a request for the same work may come at once`() async throws {
        try await TestLedger.with { ledger in
            try await ledger.database.pool.withConnection { connection in
                try connection.executeScript(
                    Self.beginning + """
                        select fixture.version('code.listwise', 'w');
                        select ls.fail_attempt(1, token, 'x', 'y', false, 'confirmed') from \
                        ls.lease_tasks(1, '{evaluate}', 1, 60);
                        """)
                #expect(
                    try connection.execute("select state from ls.task").one().decode() == "dead")
            }
            let refusal = try await ledger.answer(
                whileUncommitted: { try $0.execute("select from ls.ranker for no key update") },
                then: { try $0.execute("select ls.request_evaluation(1)") }
            ) { await $0.refusal(of: "select ls.redrive(1, 'x')") }
            #expect(refusal == "LS020")
        }
    }

    /// - Returns: How often it was the victim of a deadlock, and how often a call did what it was
    ///   asked.
    private func play(
        _ pool: ConnectionPool, _ generator: inout SplitMix
    ) async throws -> (Int, Int) {
        var (deadlocks, calls) = (0, 0)
        for _ in 0..<60 {
            let worker = Int.random(in: 1...4, using: &generator)
            let move = Self.moves.randomElement(using: &generator)!
                .replacingOccurrences(of: ":w", with: "\(worker)")
            do {
                try await pool.withConnection { connection in try connection.execute(move) }
                calls += 1
            } catch let error as PostgresError {
                if error.sqlState == "40P01" { deadlocks += 1 }
                let isRefusal = error.sqlState.map { code in
                    ["LS", "40", "22"].contains { code.hasPrefix($0) }
                }
                guard isRefusal ?? false else { throw error }
            }
        }
        return (deadlocks, calls)
    }

    private static let beginning = """
        select fixture.worker('w' || i) from generate_series(1, 4) i;
        update ls.worker set labels = '{"user": "ada,ben"}';
        select ls.worker_connected(i, 'c', '1', 2, '{train,evaluate}', null, null) from \
        generate_series(1, 4) i;
        select fixture.feature_set('code', s) from unnest(array['train', 'test']) s;
        select fixture.ranker('code');
        create function public.local_set(p_n integer, p_user text) returns jsonb language sql as $$
            select jsonb_build_object('digest', encode(sha256(convert_to(p_user || p_n, 'UTF8')), \
        'hex'), 'byte_count', 1000,
                'base_model', 'tiny', 'domain', 'code', 'split', case when p_n % 2 = 0 then 'test' \
        else 'train' end, 'user', p_user,
                'label_kind', 'binary', 'hidden_size', 4, 'query_count', 2, 'response_count', 8) $$;
        """

    private static let offer = """
        select * from ls.offer_local_data(:w, (select coalesce(jsonb_agg(public.local_set(n, u)), \
        '[]')
            from (select n, u from generate_series(1, 6) n, unnest(array['ada', 'ben']) u where \
        random() < 0.5 order by random()) x))
        """
    private static let forget = "select * from ls.forget_user('ada', 'asked')"

    private static let moves = [
        offer, offer, offer, forget,
        "update ls.worker set labels = '{\"user\": \"ada,ben\"}' where worker_id = :w",
        """
        update ls.worker_presence set disconnected_at = case when random() < 0.5 then now() end, \
        seen_at = now() where worker_id = :w
        """,
        """
        select * from ls.register_ranker('tiny', 'listwise', '{\"kind\": \"listwise\", \
        \"hidden_size\": 4}', '{\"epochs\": 1, \"seed\": 7}', 'ada', 'code')
        """,
        "select ls.request_training('~ada/code.listwise', p_seed => (random() * 1000)::integer)",
        "select ls.request_training('~ada/code.listwise', p_seed => (random() * 1000)::integer)",
        """
        select ls.request_training('code.listwise', p_seed => (random() * 1000)::integer, p_after \
        => (
            select array_agg(x.task_id) from (select task_id from ls.task where ended_at is null \
        order by random() limit 2) x))
        """,
        "select ls.request_sweep('~ada/code.listwise', '[{\"epochs\": 2}]')",
        "select ls.add_version('~ada/code.listwise', sha256('w'), 'w')",
        "select ls.set_alias(max(version_id), 'challenger', 'x') from ls.ranker_version",
        "select ls.request_evaluation(max(version_id)) from ls.ranker_version",
        "select ls.set_tag('~ada/code.listwise', 'a', 'b'), ls.add_note('~ada/code.listwise', 'x')",
        "select * from ls.lease_tasks(:w, '{train,evaluate}', 2, 60)",
        "select * from ls.lease_tasks(:w, '{train,evaluate}', 2, 60)",
        """
        select * from (select a.token, a.task_id from ls.attempt a join ls.task t using (task_id)
                where a.state = 'open' and a.worker_id = :w and t.kind = 'train' limit 1) a,
            ls.complete_training(:w, a.token, sha256((a.task_id % 50)::text::bytea), (a.task_id % \
        50)::text::bytea, '{}')
        """,
        """
        select * from (select a.token, a.task_id from ls.attempt a join ls.task t using (task_id)
                where a.state = 'open' and a.worker_id = :w and t.kind = 'evaluate' limit 1) a,
            lateral (select array_agg(f.digest order by f.digest) as digests, \
        array_agg(fixture.report(random())) as reports
                from ls.task_feature_set s join ls.feature_set f using (feature_set_id) where \
        s.task_id = a.task_id) f,
            ls.complete_evaluation(:w, a.token, f.digests, f.reports)
        """,
        """
        select ls.fail_attempt(:w, token, 'x', 'no', random() < 0.5) from (
            select token from ls.attempt where state = 'open' and worker_id = :w order by random() \
        limit 1) a
        """,
        """
        select ls.refuse_result(:w, token, 'x', 'no') from (
            select token from ls.attempt where worker_id = :w order by random() limit 1) a
        """,
        "select ls.release_worker('w:w', 'x')", "select ls.release_leases(:w)",
        "select * from ls.expire_leases()",
        """
        update ls.attempt set leased_until = now() - interval '1 s' where (task_id, number) in (
            select task_id, number from ls.attempt where state = 'open' order by random() limit 1 \
        for update skip locked)
        """,
        """
        select ls.cancel_task(task_id, 'enough', 'me') from (
            select task_id from ls.task where ended_at is null order by random() limit 1) t
        """,
        """
        update ls.task set run_after = now() where task_id in (select task_id from ls.task where \
        state = 'waiting' for update skip locked)
        """,
    ]
}
