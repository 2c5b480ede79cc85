-- ls.broken_rules(read_weights) -> one sentence for each rule that does not hold; no row is the good answer.
-- Looks at the whole history that the database holds. Every rule holds after every transaction, whoever did
-- what and whatever was killed, so it may be asked at any time, on a database in use: it is one statement and
-- sees one moment. Reads every task, attempt, version, alias move, evaluation and decision; with read_weights also
-- every weight, and compares its SHA-256. An archived task is only looked for at hand.
-- Called by: the tests, deploy/develop/chaos, an admin who wants to know.
create or replace function ls.broken_rules(p_read_weights boolean default false)
returns setof text
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
    -- Tasks and their attempts: one at a time, one success, none forgotten.
    select format('task %s has %s open attempts', task_id, count(*))
        from ls.attempt where state = 'open' group by task_id having count(*) > 1
    union all select format('task %s is %s with an open attempt', task_id, t.state)
        from ls.task t join ls.attempt a using (task_id)
        where a.state = 'open' and t.state <> 'leased'
    union all select format('task %s is leased to nobody', task_id)
        from ls.task t where state = 'leased' and not exists (
            select from ls.attempt a where a.task_id = t.task_id and a.state = 'open')
    union all select format('task %s is %s with %s succeeded attempts', t.task_id, t.state, count(a.task_id))
        from ls.task t left join ls.attempt a on a.task_id = t.task_id and a.state = 'succeeded'
        group by t.task_id, t.state having count(a.task_id) <> (t.state = 'done' and min(t.kind) <> 'matrix')::integer
    union all select format('task %s counts %s attempts and has %s, the last is number %s',
            task_id, t.attempt_count, count(a.number), coalesce(max(a.number), 0))
        from ls.task t left join ls.attempt a using (task_id)
        group by task_id having t.attempt_count <> count(a.number) or t.attempt_count <> coalesce(max(a.number), 0)
    union all select format('task %s went on after its attempt %s succeeded', task_id, s.number)
        from ls.attempt s join ls.attempt a using (task_id)
        where s.state = 'succeeded' and a.number > s.number
    union all select format('attempt %s of task %s is open and older than attempt %s', o.number, task_id, max(a.number))
        from ls.attempt o join ls.attempt a using (task_id)
        where o.state = 'open' and a.number > o.number group by task_id, o.number
    union all select format('task %s is %s %s', task_id, state, case when ended_at is null then 'and has not ended' else 'and has ended' end)
        from ls.task where (state in ('done', 'dead', 'cancelled')) <> (ended_at is not null)
    union all select format('request ''%s'' is open %s times', min(request_key), count(*))
        from ls.task where ended_at is null group by request_key having count(*) > 1

    -- Dependencies: nobody starts before what it needs, nobody waits for nothing.
    union all select format('task %s is blocked on nothing', task_id)
        from ls.task t where state = 'blocked' and not exists (
            select from ls.task_dependency d where d.task_id = t.task_id and d.met_at is null)
    union all select format('task %s is %s before task %s, which it needs', t.task_id, t.state, d.needs_task_id)
        from ls.task t join ls.task_dependency d using (task_id)
        where t.state in ('waiting', 'leased', 'done') and d.met_at is null
    union all select format('task %s waits for task %s, which is %s', t.task_id, n.task_id, n.state)
        from ls.task t join ls.task_dependency d using (task_id) join ls.task n on n.task_id = d.needs_task_id
        where t.state = 'blocked' and d.met_at is null and n.state in ('done', 'cancelled')

    -- Trainings and their versions: each result counted once, none lost.
    union all select format('train task %s is done and has no version', task_id)
        from ls.attempt a join ls.task t using (task_id)
        where a.state = 'succeeded' and t.kind = 'train'
            and not exists (select from ls.ranker_version v where v.version_id = a.version_id)
    union all select format('train task %s made version %s of another ranker', t.task_id, a.version_id)
        from ls.attempt a join ls.task t using (task_id) join ls.ranker_version v on v.version_id = a.version_id
        where v.ranker_id <> t.ranker_id
    union all select format('attempt %s of task %s names a version and is %s', number, task_id, state)
        from ls.attempt where version_id is not null and state <> 'succeeded'
    union all select format('version %s is of an attempt that %s', v.version_id,
            case when a.state <> 'succeeded' then 'did not succeed' else 'names another version' end)
        from ls.ranker_version v join ls.attempt a on a.task_id = v.task_id and a.number = v.attempt_number
        where a.state <> 'succeeded' or a.version_id is distinct from v.version_id
    union all select format('versions %s of ranker %s have the same weights',
            string_agg(number::text, ' and ' order by number), ranker_id)
        from ls.ranker_version where digest is not null group by ranker_id, digest having count(*) > 1
    union all select format('ranker %s has %s versions, the last is number %s', ranker_id, count(*), max(number))
        from ls.ranker_version group by ranker_id having max(number) <> count(*) or count(distinct number) <> count(*)
    union all select format('version %s has no weights', version_id)
        from ls.ranker_version v join ls.ranker r using (ranker_id)
        where forgotten_at is null and case when r.home_worker_id is null
            then not exists (select from ls.ranker_weights w where w.digest = v.digest and octet_length(w.bytes) = w.byte_count)
            else not exists (select from ls.home_weights h where h.digest = v.digest and h.worker_id = r.home_worker_id) end
    union all select format('alias ''%s'' of ranker ''%s'' is at version %s, whose bytes are nowhere', a.alias, r.name, v.number)
        from ls.ranker_alias a join ls.ranker_version v using (ranker_id, version_id) join ls.ranker r using (ranker_id)
        where not exists (select from ls.ranker_weights w where w.digest = v.digest and w.bytes is not null)
            and not exists (select from ls.home_weights h where h.digest = v.digest and h.worker_id = r.home_worker_id)
    union all select format('task %s is with worker %s, its home is worker %s', t.task_id, a.worker_id, t.home_worker_id)
        from ls.task t join ls.attempt a using (task_id)
        where a.state = 'open' and a.worker_id <> t.home_worker_id
    union all select format('the weights %s… have another SHA-256', left(encode(digest, 'hex'), 12))
        from ls.ranker_weights where p_read_weights and sha256(bytes) <> digest
    union all select format('version %s was not trained on what its task %s says', v.version_id, t.task_id)
        from ls.ranker_version v join ls.task t using (task_id)
        where (select array_agg(f.feature_set_id order by f.ordinal) from ls.version_feature_set f where f.version_id = v.version_id)
            is distinct from (select array_agg(f.feature_set_id order by f.ordinal) from ls.task_feature_set f where f.task_id = t.task_id)

    -- Evaluations: of a done evaluate task, as it asked, and all that it asked for.
    union all select format('evaluation %s is of task %s, which is %s', evaluation_id, t.task_id, concat_ws(' ', t.state, t.kind))
        from ls.evaluation e join ls.task t using (task_id) where t.state <> 'done' or t.kind <> 'evaluate'
    union all select format('evaluation %s is not what task %s asked for', evaluation_id, e.task_id)
        from ls.evaluation e join ls.task t using (task_id)
        where t.kind = 'evaluate' and (e.version_id <> t.version_id or e.configuration <> t.configuration
            or not exists (select from ls.task_feature_set f where f.task_id = e.task_id and f.feature_set_id = e.feature_set_id))
    union all select format('evaluate task %s is done and has no figures on feature set %s', t.task_id, f.feature_set_id)
        from ls.task t join ls.task_feature_set f using (task_id)
        where t.kind = 'evaluate' and t.state = 'done' and not exists (
            select from ls.evaluation e where e.version_id = t.version_id and e.feature_set_id = f.feature_set_id
                and e.configuration = t.configuration)

    -- Aliases: each move starts where the one before ended, and the alias is where the last one ended.
    union all select format('move %s of alias ''%s'' starts at version %s, the one before ended at %s',
            alias_history_id, alias, coalesce(from_version_id::text, 'none'), coalesce(before::text, 'none'))
        from (select h.*, lag(to_version_id) over (partition by ranker_id, alias order by alias_history_id) as before
            from ls.alias_history h) m
        where from_version_id is distinct from before
    union all select format('move %s of alias ''%s'' ends at a version of another ranker', h.alias_history_id, h.alias)
        from ls.alias_history h join ls.ranker_version v on v.version_id = h.to_version_id
        where v.ranker_id <> h.ranker_id
    union all select format('alias ''%s'' of ranker %s is at version %s, its history ends at %s',
            alias, ranker_id, coalesce(r.version_id::text, 'none'), coalesce(h.to_version_id::text, 'none'))
        from ls.ranker_alias r full join (
            select distinct on (ranker_id, alias) ranker_id, alias, to_version_id
            from ls.alias_history order by ranker_id, alias, alias_history_id desc) h using (ranker_id, alias)
        where r.version_id is distinct from h.to_version_id
    union all select format('the gate promoted version %s and no alias moved there', version_id)
        from ls.promotion_decision d where promoted and not exists (
            select from ls.alias_history h where h.to_version_id = d.version_id and h.alias = 'champion')
    union all select format('move %s: the gate made version %s champion and decided no such thing', h.alias_history_id, h.to_version_id)
        from ls.alias_history h
        where h.alias = 'champion' and h.to_version_id is not null and ls.mover(h.moved_by, h.reason) = 'gate' and not exists (
            select from ls.promotion_decision d where d.version_id = h.to_version_id and d.promoted and d.decided_at <= h.moved_at)

    -- The evidence: enough where the gate promoted, and what is kept of it says the same again. Decisions without a policy were made before
    -- there was evidence; of versions that are forgotten it is not kept what they picked.
    union all select format('the gate promoted version %s on an e-value below 20', version_id)
        from ls.promotion_decision where promoted and policy is not null and coalesce(log_e < ln(20::double precision), true)
    union all select format('decision %s keeps no values that it could be decided by again', d.promotion_decision_id)
        from ls.promotion_decision d join ls.ranker_version v using (version_id)
            left join ls.ranker_version i on i.version_id = d.incumbent_version_id
        where d.log_e is not null and (d.version_values is null and v.forgotten_at is null
            or d.incumbent_values is null and (d.incumbent = 'first sample' or (i.version_id is not null and i.forgotten_at is null))
                and not exists (select from unnest(d.incumbent_version_ids) k left join ls.ranker_version o on o.version_id = k
                    where k is not null and (o.version_id is null or o.forgotten_at is not null)))
    union all select format('decision %s: its values are of log_e %s, worse %s; it says %s and %s', d.promotion_decision_id,
            r.log_e, r.log_e_worse, coalesce(d.log_e::text, 'none'), coalesce(d.log_e_worse::text, 'none'))
        from ls.promotion_decision d
            cross join lateral (select ls.log_e(ls.added(array_agg(w.log_better))) - ln(d.tried_count::double precision) as log_e,
                    ls.log_e(ls.added(array_agg(w.log_worse))) as log_e_worse
                from ls.weigh(d.version_values, d.incumbent_values, d.query_counts, d.widths, case when d.policy = 'not_worse' then d.margin else 0 end) w) r
        where d.version_values is not null and d.incumbent_values is not null
            and not coalesce(abs(r.log_e - d.log_e) <= 1e-9 and abs(r.log_e_worse - d.log_e_worse) <= 1e-9
                and array[cardinality(d.version_values), cardinality(d.incumbent_values)]
                    = array_fill((select sum(n)::integer from unnest(d.query_counts) n), array[2]), false)

    -- Nobody is left behind: each stratum's evidence, whom it names as harmed, how many that may be, and who is exempt from whom.
    union all select format('decision %s, stratum %s: its values are of log_e %s; it says %s', d.promotion_decision_id, s.ordinal, r.log_e, s.log_e_worse)
        from ls.promotion_stratum s join ls.promotion_decision d using (promotion_decision_id)
            cross join lateral (select ls.log_e(ls.added(array_agg(w.log_harm))) as log_e
                from ls.weigh(d.version_values, d.incumbent_values, d.query_counts, d.widths, case when d.policy = 'not_worse' then d.margin else 0 end) w
                where w.place = any (s.set_places)) r
        where d.version_values is not null and d.incumbent_values is not null and not coalesce(abs(r.log_e - s.log_e_worse) <= 1e-9, false)
    union all select format('decision %s names other strata as harmed than its figures do', promotion_decision_id)
        from ls.promotion_stratum group by promotion_decision_id
        having array_agg(ordinal order by ordinal) filter (where is_harmed) is distinct from
            (select nullif(array_agg(o order by o), '{}') from unnest(ls.claims_that_hold(array_agg(log_e_worse order by ordinal), 0.1)) o)
    union all select format('decision %s counts %s queries that would be harmed, its strata have %s', d.promotion_decision_id, d.harmed_count, h.count)
        from ls.promotion_decision d
            cross join lateral (select coalesce(sum(n.count), 0) as count from unnest(d.query_counts) with ordinality n (count, place)
                where n.place in (select unnest(s.set_places) from ls.promotion_stratum s
                    where s.promotion_decision_id = d.promotion_decision_id and s.is_harmed)) h
        where d.harmed_count <> h.count
    union all select format('the gate promoted version %s, which would harm %s of its %s queries', d.version_id, d.harmed_count, n.count)
        from ls.promotion_decision d cross join lateral (select sum(c) as count from unnest(d.query_counts) c) n
        where d.promoted and d.harmed_count > 0.1 * n.count
    union all select format('exemption %s is of no stratum that its decision found harmed', x.exemption_id)
        from ls.exemption x where not exists (select from ls.promotion_stratum s join ls.promotion_decision d using (promotion_decision_id)
                join ls.ranker_version v on v.version_id = d.version_id
            where s.promotion_decision_id = x.promotion_decision_id and s.is_harmed and d.promoted
                and (s.user_name = x.user_name or s.domain_id = x.domain_id) and v.ranker_id = x.ranker_id)
    union all select format('exemption %s keeps version %s, which is forgotten', x.exemption_id, x.version_id)
        from ls.exemption x join ls.ranker_version v using (version_id) where v.forgotten_at is not null
    union all select format('exemption %s is from no champion of the gate', x.exemption_id)
        from ls.exemption x left join ls.ranker_alias a on a.ranker_id = x.ranker_id and a.alias = 'champion'
        where a.version_id is null or a.version_id is not distinct from x.version_id
            or not exists (select from ls.promotion_decision d where d.version_id = a.version_id and d.promoted)

    -- Champions that the gate took away, and those that it watches.
    union all select format('move %s: the gate took champion %s away and decided no such thing', h.alias_history_id, h.from_version_id)
        from ls.alias_history h
        where h.alias = 'champion' and h.to_version_id is null and ls.mover(h.moved_by, h.reason) = 'gate' and not exists (
            select from ls.promotion_decision d where d.version_id = h.from_version_id and d.withdrawn and d.decided_at <= h.moved_at)
    union all select format('the gate withdrew version %s, which is not proven worse', version_id)
        from ls.promotion_decision where withdrawn and coalesce(log_e_worse < ln(20::double precision), true)
    union all select format('the gate withdrew version %s and no alias moved', version_id)
        from ls.promotion_decision d where withdrawn and not exists (
            select from ls.alias_history h where h.from_version_id = d.version_id and h.alias = 'champion' and h.to_version_id is null)
    union all select format('ranker %s is watched and has no champion', w.ranker_id)
        from ls.champion_watch w where not exists (
            select from ls.ranker_alias a where a.ranker_id = w.ranker_id and a.alias = 'champion')

    -- The archive: nothing is in both places, or twice.
    union all select format('task %s is at hand and in the archive', task_id)
        from ls.task join ls.task_archive using (task_id)

    -- Sweeps: open while they wait for something, ended when they do not.
    union all select format('sweep %s waits for nothing', s.sweep_id)
        from ls.sweep s where s.ended_at is null and not exists (
            select from ls.sweep_result r where r.sweep_id = s.sweep_id and r.state in ('waiting', 'training', 'measuring'))
    union all select format('sweep %s ended before its trainings', s.sweep_id)
        from ls.sweep s where s.ended_at is not null and exists (
            select from ls.sweep_result r where r.sweep_id = s.sweep_id and r.state in ('waiting', 'training'));
$$;
comment on function ls.broken_rules(boolean) is
    'Checks the whole history: tasks, attempts, versions, evaluations, aliases, decisions, sweeps. One sentence for each rule that '
    'is broken, none when all is well; with true it also reads all weights.';
