// Fills a database as years of use would, by whole sets and without triggers: what a registry of
// many users holds, and what is left of the tasks that made it.

/// The size of a registry.
struct LedgerSize {
    /// The number of rankers of users; each user has one for every domain and one for a single
    /// domain.
    var userRankerCount: Int
    /// The number of ended tasks in the archive, spread over a year.
    var archivedTaskCount: Int
    /// The number of versions of each of `manyVersionedCount` rankers; the others have two.
    var versionCount: Int
    var manyVersionedCount: Int
    /// The number of different weights, which versions share.
    var weightsCount: Int

    /// An almost empty registry, as after a first day.
    static let almostEmpty = LedgerSize(
        userRankerCount: 100, archivedTaskCount: 100, versionCount: 4, manyVersionedCount: 10,
        weightsCount: 100)

    /// The number of domains, each with its own ranker, a train set and a test set.
    static let domainCount = 60
    /// The number of queries of the test set on which the promotion gate judges a version.
    static let judgedQueryCount = 10_000
    /// The number of waiting tasks in both databases, which differ only in what they have archived.
    static let waitingCount = 300
    static let endedCount = 2_000

    /// The statements that fill the database, in order; each is its own transaction.
    var statements: [String] {
        [
            "set session_replication_role = replica",
            "set synchronous_commit = off",
            """
            select ls.register_base_model('model', 4096);
            """,
            """
            insert into ls.domain (name, parent_id)
            select case when i = 0 then 'field' else 'field/area_' || i end, null
            from generate_series(0, \(Self.domainCount - 1)) i
            """,
            """
            insert into ls.worker (name, public_key_sha256)
            select 'worker-' || i, sha256(convert_to('worker ' || i, 'UTF8')) from \
            generate_series(1, 50) i
            """,
            """
            insert into ls.worker_presence (worker_id, connection, coordinator, program_version, \
            capacity, task_kinds, connected_at, seen_at)
            select worker_id, gen_random_uuid(), 'bench', '0', 4, '{train,evaluate}', now(), now() \
            from ls.worker
            """,
            """
            insert into ls.feature_set (base_model_id, domain_id, split, digest, byte_count, \
            label_kind, query_count, response_count, imported_by, ready_at)
            select 1, d.domain_id, s, sha256(convert_to(d.name || s, 'UTF8')), 1000000, 'binary', \
            100, 1000, 'bench', now()
            from ls.domain d, unnest(array['train', 'test']) s
            """,
            """
            insert into ls.ranker (name, base_model_id, user_name, domain_id, kind, configuration, \
            training)
            select d.name || '.' || k, 1, null, d.domain_id, k, jsonb_build_object('kind', k, \
            'hidden_size', 4096), '{"epochs": 1}'::jsonb
            from ls.domain d, unnest(array['listwise', 'pointwise']) k where d.domain_id % 3 > 0
            union all select 'global.listwise', 1, null, null, 'listwise', '{"kind": "listwise", \
            "hidden_size": 4096}'::jsonb, '{"epochs": 1}'::jsonb
            """,
            """
            insert into ls.ranker (name, base_model_id, user_name, domain_id, kind, configuration, \
            training)
            select '~user-' || i / 2 || case when i % 2 = 0 then '' else '/' || d.name end || \
            '.listwise', 1, 'user-' || i / 2,
                case when i % 2 = 1 then d.domain_id end, 'listwise', '{"kind": "listwise", \
            "hidden_size": 4096}'::jsonb, '{"epochs": 1}'::jsonb
            from generate_series(0, \(userRankerCount - 1)) i join ls.domain d on d.domain_id = 1 \
            + i % \(Self.domainCount)
            """,
            """
            insert into ls.ranker_weights (digest, byte_count, bytes)
            select sha256(convert_to('weights ' || i, 'UTF8')), 4096, convert_to(repeat('w', \
            4096), 'UTF8') from generate_series(0, \(weightsCount - 1)) i
            """,
            """
            create temporary table digest as
            select i, sha256(convert_to('weights ' || i, 'UTF8')) as digest from \
            generate_series(0, \(weightsCount - 1)) i
            """,
            """
            insert into ls.ranker_version (ranker_id, number, digest, task_id, attempt_number, \
            worker_id, report, added_by)
            select r.ranker_id, n, d.digest, r.ranker_id, 1, 1 + r.ranker_id % 50, '{"steps": \
            100}', 'bench'
            from ls.ranker r cross join lateral generate_series(1, case when r.ranker_id <= \
            \(manyVersionedCount) then \(versionCount) else 2 end) n
                join digest d on d.i = (r.ranker_id * 7 + n) % \(weightsCount)
            """,
            """
            insert into ls.ranker_alias (ranker_id, alias, version_id)
            select ranker_id, 'champion', version_id from ls.ranker_version where number = 2
            """,
            """
            insert into ls.alias_history (ranker_id, alias, from_version_id, to_version_id, \
            reason, moved_by)
            select v.ranker_id, 'champion', lag(v.version_id) over (partition by v.ranker_id order \
            by v.number), v.version_id, 'bench', 'bench'
            from ls.ranker_version v where v.number <= 2
            """,
            """
            insert into ls.promotion_decision (version_id, promoted, reason)
            select version_id, true, 'bench' from ls.ranker_version where number <= 2
            """,
            """
            insert into ls.version_feature_set (version_id, ordinal, feature_set_id)
            select v.version_id, 1, 1 + v.version_id % (select count(*) from ls.feature_set) from \
            ls.ranker_version v
            """,
            // A user's version is measured on the shared test set of its domain.
            """
            insert into ls.evaluation (version_id, feature_set_id, configuration, accuracy, \
            standard_error, first_sample, oracle,
                group_count, query_count, candidate_count, groups_per_query, seed, report, task_id)
            select v.version_id, f.feature_set_id, ls.default_evaluation_configuration(), 0.5 + \
            (v.version_id % 100) / 1000.0, 0.01, 0.4, 0.8,
                100, 100, 10, 1, 1, '{}', v.version_id
            from ls.ranker_version v join ls.ranker r using (ranker_id)
                join ls.feature_set f on f.domain_id = coalesce(r.domain_id, 1) and f.split = 'test'
            """,
            // The champions of domains are measured everywhere: the transfer matrix.
            """
            insert into ls.evaluation (version_id, feature_set_id, configuration, accuracy, \
            standard_error, first_sample, oracle,
                group_count, query_count, candidate_count, groups_per_query, seed, report, task_id)
            select a.version_id, f.feature_set_id, ls.default_evaluation_configuration(), 0.4, \
            0.01, 0.4, 0.8, 100, 100, 10, 1, 1, '{}', null
            from ls.ranker r join ls.ranker_alias a using (ranker_id) join ls.feature_set f on \
            f.split = 'test'
            where r.user_name is null and r.domain_id is not null on conflict do nothing
            """,
            // A version and its champion, measured query by query on the largest set that the
            // promotion gate compares.
            "insert into ls.domain (name) values ('judged')",
            """
            insert into ls.feature_set (base_model_id, domain_id, split, digest, byte_count, \
            label_kind, query_count, response_count, imported_by, ready_at)
            select 1, domain_id, 'test', sha256('judged'), 1000000, 'binary', \
            \(Self.judgedQueryCount), \(10 * Self.judgedQueryCount), 'bench', now()
            from ls.domain where name = 'judged'
            """,
            """
            insert into ls.ranker (name, base_model_id, domain_id, kind, configuration, training)
            select 'judged.listwise', 1, domain_id, 'listwise', \
            '{"kind": "listwise", "hidden_size": 4096}', '{"epochs": 1}'
            from ls.domain where name = 'judged'
            """,
            """
            insert into ls.ranker_version (ranker_id, number, digest, report, added_by)
            select r.ranker_id, n, d.digest, '{}', 'bench'
            from ls.ranker r, generate_series(1, 2) n join digest d on d.i = n
            where r.name = 'judged.listwise'
            """,
            """
            insert into ls.ranker_alias (ranker_id, alias, version_id)
            select ranker_id, 'champion', version_id from ls.ranker_version join ls.ranker using \
            (ranker_id) where name = 'judged.listwise' and number = 1
            """,
            """
            insert into ls.evaluation (version_id, feature_set_id, configuration, accuracy, \
            standard_error, first_sample, oracle,
                group_count, query_count, candidate_count, groups_per_query, seed, report, \
            query_values)
            select v.version_id, f.feature_set_id, ls.default_evaluation_configuration(), 0.5, \
            0.01, 0.4, 0.8, f.query_count, f.query_count, 10, 1, 1, '{}',
                array(select abs(hashint8(v.number * 100000 + q)) % 21 / 20.0 \
            from generate_series(1, f.query_count) q)
            from ls.ranker_version v join ls.ranker r using (ranker_id)
                join ls.feature_set f on f.digest = sha256('judged')
            where r.name = 'judged.listwise'
            """,
            "select ls.ensure_archive_partitions(now() - interval '365 days', now())",
            """
            insert into ls.task_archive (task_id, kind, state, priority, ranker_id, version_id, \
            configuration, feature_set_ids, owner,
                requested_by, requested_at, attempt_count, attempt_count_max, ended_at, attempts)
            select i, case when i % 2 = 0 then 'train' else 'evaluate' end, case when i % 50 = 0 \
            then 'cancelled' else 'done' end, 0,
                1 + i % (select max(ranker_id) from ls.ranker), i, '{"epochs": 1}', array[1 + i % \
            100], 'user-' || i % 1000, 'bench',
                now() - interval '365 days' + make_interval(secs => 31536000.0 * i / \
            \(archivedTaskCount)), 1, 5,
                now() - interval '364 days 20 hours' + make_interval(secs => 31449600.0 * i / \
            \(archivedTaskCount)),
                jsonb_build_array(jsonb_build_object('number', 1, 'worker_id', 1 + i % 50, \
            'state', 'succeeded', 'leased_at', now(), 'ended_at', now(), 'version_id', i))
            from generate_series(1, \(archivedTaskCount)) i
            """,
            """
            insert into ls.task_archive_count select kind, state, count(*) from ls.task_archive \
            group by 1, 2
            """,
            // Beyond every id of the archive, so that none is met twice.
            "alter table ls.task alter column task_id restart with 100000001",
            """
            insert into ls.task (kind, state, ranker_id, configuration, request_key, requested_by, \
            ended_at, attempt_count)
            select 'train', 'done', 1 + i % 10, '{}', 'ended ' || i, 'bench', now(), 1 from \
            generate_series(1, \(Self.endedCount)) i
            """,
            """
            insert into ls.attempt (task_id, number, worker_id, state, leased_until, ended_at, \
            progress)
            select task_id, 1, 1 + task_id % 50, 'succeeded', now(), now(), 1 from ls.task
            """,
            "set session_replication_role = origin",
            "set synchronous_commit = on",
            """
            select ls.request_training(r.name, p_seed => i) from generate_series(1, \
            \(Self.waitingCount)) i
                join ls.ranker r on r.ranker_id = 1 + i % 20 and r.domain_id is not null
            """,
            "vacuum (analyze)",
            "checkpoint",
        ]
    }
}
