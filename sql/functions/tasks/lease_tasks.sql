-- ls.lease_tasks(worker, kinds, limit, lease_seconds, held_digests) -> one row for each new attempt,
-- with everything the worker needs to start.
-- Tasks at home with this worker come first: nobody else can do them. Of the others it gets what its owner
-- allows (domains, size), as it said when it connected.
-- What it trained itself and others are served by, another that is there and has a free place measures: the task is left to it for
-- five seconds at most, so nobody waits for long, and nobody who is alone waits at all.
-- Moves waiting tasks: waiting -> leased. First come, first served by priority (smaller first), then
-- by age; among the oldest 64, a task whose feature sets the worker already holds goes first.
-- What its program does not know is passed over before anything else is asked: there may be many of it. So is a version with a
-- combiner, of those who did not say that they combine a score with signals.
-- Two workers never get the same task: rows are taken with skip locked, so nobody waits either, but
-- for the worker itself that is just being heard or revoked. A paused worker gets nothing, and
-- nobody a task that is not for it (ls.is_kept_from).
-- Called by: LedgerStore.leaseTasks.
create or replace function ls.lease_tasks(p_worker_id bigint, p_kinds text[], p_limit integer,
    p_lease_seconds double precision, p_held_digests bytea[] default '{}')
returns table (token uuid, task_id bigint, attempt integer, leased_until timestamptz, kind text,
    ranker_name text, ranker_configuration jsonb, configuration jsonb,
    features jsonb, weights_digest bytea, weights_byte_count bigint, weights_name text, weights_stay boolean)
language plpgsql security definer set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan set enable_seqscan = off set jit = off
as $$
#variable_conflict use_column
declare
    v_now timestamptz := clock_timestamp();
    v_ids bigint[] := array[]::bigint[];
    v_more bigint[];
    v_tokens uuid[];
    v_domains text[];
    v_byte_count_max bigint;
    v_version text;
    v_takes_any boolean;
    v_combines boolean;
    v_is_alone boolean;
begin
    -- Locked, then looked at: it is not revoked, and its name does not join again, between this
    -- look and its lease.
    perform from ls.worker w where w.worker_id = p_worker_id for share;
    perform ls.check_worker(p_worker_id);
    if p_lease_seconds is null or p_lease_seconds not between 0.001 and 86400 or p_limit is null or p_limit < 0 then
        perform ls.refuse('LS001', format('cannot lease %s tasks for %s seconds', p_limit, p_lease_seconds));
    end if;
    if exists (select from ls.worker w where w.worker_id = p_worker_id and w.paused_until > v_now) then
        return;
    end if;
    select p.domains, p.task_byte_count_max, p.program_version, p.combines_signals into v_domains, v_byte_count_max, v_version, v_combines
    from ls.worker_presence p where p.worker_id = p_worker_id;
    v_combines := coalesce(v_combines, false);
    v_takes_any := v_domains is null and v_byte_count_max is null;
    v_is_alone := not exists (select from ls.worker_presence p
        where p.worker_id <> p_worker_id and ls.is_connected(p.disconnected_at, p.seen_at, v_now));
    select coalesce(array_agg(l.task_id), '{}') into v_ids from (
        select t.task_id from ls.task t
        where t.state = 'waiting' and t.home_worker_id = p_worker_id and t.kind = any (p_kinds) and t.run_after <= v_now
            and (v_combines or not ls.needs_combining(t.kind, t.version_id))
            and (v_takes_any or ls.task_suits(t.task_id, v_domains, v_byte_count_max))
            and (t.attempt_count = 0 or (not exists (select from ls.task_trial k where k.task_id = t.task_id and k.worker_id = p_worker_id
                    and k.unknown_to_version = v_version) and not ls.is_kept_from(t.task_id, p_worker_id)))
        order by t.priority, t.turn, t.task_id
        limit p_limit
        for no key update skip locked) l;
    -- One call in four goes strictly by turns once the first in line has waited a minute: whose features
    -- nobody holds would otherwise wait as long as others' work keeps coming.
    if cardinality(v_ids) < p_limit and cardinality(p_held_digests) > 0 and not (random() < 0.25 and exists (
        select from (select w.run_after from ls.task w where w.state = 'waiting' and w.home_worker_id is null and w.kind = any (p_kinds) and w.run_after <= v_now
            order by w.priority, w.turn, w.task_id limit 1) f
        where f.run_after < v_now - interval '1 minute'))
    then
        -- Sorted before locking, so only rows that are handed out are locked.
        select coalesce(array_agg(l.task_id), '{}') into v_more from (
            select t.task_id from ls.task t
                join (
                    select o.task_id, count(f.feature_set_id) as held
                    from (select w.task_id from ls.task w
                            where w.state = 'waiting' and w.home_worker_id is null and w.kind = any (p_kinds) and w.run_after <= v_now
                            order by w.priority, w.turn, w.task_id limit 64) o
                        join ls.task_feature_set tf on tf.task_id = o.task_id
                        join ls.feature_set f on f.feature_set_id = tf.feature_set_id and f.digest = any (p_held_digests)
                    group by o.task_id) h on h.task_id = t.task_id
            where t.state = 'waiting' and (v_combines or not ls.needs_combining(t.kind, t.version_id))
                and (v_takes_any or ls.task_suits(t.task_id, v_domains, v_byte_count_max))
                and (t.attempt_count = 0 or (not exists (select from ls.task_trial k where k.task_id = t.task_id and k.worker_id = p_worker_id
                    and k.unknown_to_version = v_version) and not ls.is_kept_from(t.task_id, p_worker_id)))
                and (v_is_alone or t.kind <> 'evaluate' or t.run_after < v_now - interval '5 seconds'
                    or not ls.leaves_to_another(t.task_id, p_worker_id))
            order by t.priority, h.held desc, t.turn, t.task_id
            limit p_limit - cardinality(v_ids)
            for no key update of t skip locked) l;
        v_ids := v_ids || v_more;
    end if;
    if cardinality(v_ids) < p_limit then
        select coalesce(array_agg(l.task_id), '{}') into v_more from (
            select t.task_id from ls.task t
            where t.state = 'waiting' and t.home_worker_id is null and t.kind = any (p_kinds) and t.run_after <= v_now
                and t.task_id <> all (v_ids) and (v_combines or not ls.needs_combining(t.kind, t.version_id))
                and (v_takes_any or ls.task_suits(t.task_id, v_domains, v_byte_count_max))
                and (t.attempt_count = 0 or (not exists (select from ls.task_trial k where k.task_id = t.task_id and k.worker_id = p_worker_id
                    and k.unknown_to_version = v_version) and not ls.is_kept_from(t.task_id, p_worker_id)))
                and (v_is_alone or t.kind <> 'evaluate' or t.run_after < v_now - interval '5 seconds'
                    or not ls.leaves_to_another(t.task_id, p_worker_id))
            order by t.priority, t.turn, t.task_id
            limit p_limit - cardinality(v_ids)
            for no key update skip locked) l;
        v_ids := v_ids || v_more;
    end if;
    if cardinality(v_ids) = 0 then
        return;
    end if;

    with taken as (
        update ls.task t set state = 'leased', attempt_count = t.attempt_count + 1
        where t.task_id = any (v_ids)
        returning t.task_id, t.kind, t.attempt_count),
    opened as (
        insert into ls.attempt as a (task_id, number, worker_id, leased_until, ends_by)
        select k.task_id, k.attempt_count, p_worker_id,
            clock_timestamp() + least(make_interval(secs => p_lease_seconds), i.deadline), clock_timestamp() + i.deadline
        from taken k join ls.task_kind i using (kind)
        returning a.token)
    select array_agg(o.token) into v_tokens from opened o;

    return query
        select a.token, t.task_id, a.number, a.leased_until, t.kind, r.name, r.configuration, ls.fresh_start(t.configuration, r.kind),
            (select jsonb_agg(jsonb_build_object('digest', encode(f.digest, 'hex'), 'byte_count', f.byte_count,
                    'name', d.name || ' ' || f.split, 'domain', d.name) order by tf.ordinal)
                from ls.task_feature_set tf join ls.feature_set f using (feature_set_id) join ls.domain d using (domain_id)
                where tf.task_id = t.task_id),
            w.digest, coalesce(h.byte_count, w.byte_count), vr.name || '@' || v.number, r.home_worker_id is not null
        from ls.attempt a
            join ls.task t on t.task_id = a.task_id
            join ls.ranker r on r.ranker_id = t.ranker_id
            left join ls.ranker_version v on v.version_id = coalesce(t.version_id, t.initial_version_id)
            left join ls.ranker vr on vr.ranker_id = v.ranker_id
            left join ls.ranker_weights w on w.digest = v.digest
            left join ls.home_weights h on h.digest = v.digest and h.worker_id = vr.home_worker_id
        where a.token = any (v_tokens)
        order by array_position(v_ids, t.task_id);
end
$$;
comment on function ls.lease_tasks(bigint, text[], integer, double precision, bytea[]) is
    'Leases waiting tasks to a worker, each with a fencing token and everything that the work needs; no rows when nothing waits. Refuses a lease outside 0.001 to 86400 seconds (LS001) and a revoked worker (LS031).';
