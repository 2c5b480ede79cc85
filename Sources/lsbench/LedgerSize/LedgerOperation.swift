// What is asked of the ledger all day, by coordinators and by people. Each is a statement with the
// number of the call in it, so that no two calls need the same rows; asked again (`pass` 1) a call
// needs the rows that it needed before, which are in memory now.

struct LedgerOperation {
    let name: String
    /// Whether the operation reads thousands of rows, so that a sequential read may be the best
    /// plan.
    var readsWidely = false
    /// The SQL of one call on a database with this many rankers of users.
    let statement: @Sendable (_ call: Int, _ pass: Int, _ userRankerCount: Int) -> String

    /// Every 7919th user, so that users are spread over the whole table.
    private static func user(_ call: Int, _ count: Int) -> Int {
        (call * 7_919) % max(1, count / 2)
    }

    static let all: [LedgerOperation] = [
        LedgerOperation(name: "route: user and domain") { call, _, count in
            """
            select * from ls.route('model', 'user-\(user(call, count))', 'field/area_\(call % 60)')
            """
        },
        LedgerOperation(name: "route: domain") { call, _, _ in
            "select * from ls.route('model', 'nobody', 'field/area_\(1 + call % 59)')"
        },
        LedgerOperation(name: "route: nobody and nothing") { _, _, _ in
            "select * from ls.route('model', null, null)"
        },
        LedgerOperation(name: "resolve: ranker@number") { call, _, count in
            "select * from ls.resolve('~user-\(user(call, count)).listwise@1')"
        },
        LedgerOperation(name: "set_alias") { call, pass, count in
            """
            select ls.set_alias(v.version_id, 'challenger', 'bench') from ls.ranker r
                join ls.ranker_version v using (ranker_id)
            where r.name = '~user-\(user(call, count)).listwise' and v.number = \
            \(1 + (call + pass) % 2)
            """
        },
        LedgerOperation(name: "request_training") { call, pass, _ in
            """
            select ls.request_training('field/area_\(1 + call % 2 * 2).listwise', p_seed => \
            \(100_000 + 2 * call + pass))
            """
        },
        LedgerOperation(name: "lease_tasks") { call, _, _ in
            "select * from ls.lease_tasks(\(1 + call % 50), '{train}', 1, 3600)"
        },
        LedgerOperation(name: "renew_leases_for_workers: 4") { call, _, _ in
            """
            select r.* from (
                select array_agg(worker_id) as workers, array_agg(token) as tokens,
                    array_agg(0.5::float8) as progress, array_agg(''::text) as notes
                from (select worker_id, token from ls.attempt
                    where worker_id = \(1 + call % 50) and state = 'open' limit 4) t) held,
                ls.renew_leases_for_workers(coalesce(workers, '{}'), coalesce(tokens, '{}'),
                    coalesce(progress, '{}'), coalesce(notes, '{}'), \
            array[\(1 + call % 50)]::bigint[], 3600) r
            """
        },
        LedgerOperation(name: "fail_attempt") { call, _, _ in
            """
            select ls.fail_attempt(worker_id, token, 'internal', 'bench', false, 'confirmed') from \
            ls.attempt
            where state = 'open' order by worker_id limit 1
            """
        },
        LedgerOperation(name: "expire_leases: none") { _, _, _ in "select * from ls.expire_leases()"
        },
        LedgerOperation(name: "housekeep: nothing to do") { _, _, _ in
            "select * from ls.housekeep()"
        },
        LedgerOperation(name: "status_summary") { _, _, _ in "select * from ls.status_summary()" },
        LedgerOperation(name: "task_progress: 20, archived") { call, _, _ in
            """
            select * from ls.task_progress(array(select generate_series(\(1 + call % 50), \
            \(20 + call % 50))))
            """
        },
        LedgerOperation(name: "ranker_status: by name") { call, _, count in
            "select * from ls.ranker_status where name = '~user-\(user(call, count)).listwise'"
        },
        LedgerOperation(name: "ranker_status: of a user") { call, _, count in
            "select * from ls.ranker_status where user_name = 'user-\(user(call, count))'"
        },
        LedgerOperation(name: "ranker_status: 50") { _, _, _ in
            "select * from ls.ranker_status limit 50"
        },
        LedgerOperation(name: "version_lineage: a ranker") { call, _, count in
            "select * from ls.version_lineage where ranker = '~user-\(user(call, count)).listwise'"
        },
        LedgerOperation(name: "alias_moves: 50") { _, _, _ in
            "select * from ls.alias_moves limit 50"
        },
        LedgerOperation(name: "alias_moves: a ranker") { call, _, count in
            "select * from ls.alias_moves where ranker = '~user-\(user(call, count)).listwise'"
        },
        LedgerOperation(name: "task_queue: 50") { _, _, _ in "select * from ls.task_queue limit 50"
        },
        LedgerOperation(name: "attempt_history: 50") { _, _, _ in
            "select * from ls.attempt_history limit 50"
        },
        LedgerOperation(name: "dead_letter: 50") { _, _, _ in
            "select * from ls.dead_letter limit 50"
        },
        LedgerOperation(name: "worker_status") { _, _, _ in "select * from ls.worker_status" },
        LedgerOperation(name: "promotion_status: 50") { _, _, _ in
            "select * from ls.promotion_status limit 50"
        },
        LedgerOperation(name: "judge: 10,000 queries") { _, _, _ in
            """
            select j.* from ls.ranker r join ls.ranker_version v using (ranker_id),
                ls.judge(v.version_id) j
            where r.name = 'judged.listwise' and v.number = 2
            """
        },
        LedgerOperation(name: "transfer_matrix: all", readsWidely: true) { _, _, _ in
            "select count(*) from ls.transfer_matrix"
        },
    ]
}
