-- ls.waiting_tasks(kinds, limit, workers) -> kind, how many tasks of it may be leased now (counted to limit over
-- all kinds), and the digests of the feature sets that the first 64 of them need; for tasks that only one of
-- these workers may have, a row of their own that names it.
-- What dispatch asks before it leases for many workers: nothing waiting costs one look at an index, and
-- of what a worker holds only the digests named here matter. Locks nothing; an answer may be old at once.
-- Called by: LedgerStore.waitingTasks.
create or replace function ls.waiting_tasks(p_kinds text[], p_limit integer, p_worker_ids bigint[] default '{}')
returns table (kind text, task_count integer, digests bytea[], home_worker_id bigint)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan set enable_seqscan = off set jit = off
as $$
#variable_conflict use_column
declare
    v_now timestamptz := clock_timestamp();
begin
    if p_limit is null or p_limit < 0 then
        perform ls.refuse('LS001', format('cannot count %s waiting tasks', coalesce(p_limit::text, 'null')));
    end if;
    return query
        with line as (
            select w.task_id, w.kind, row_number() over () as place
            from (select t.task_id, t.kind from ls.task t
                where t.state = 'waiting' and t.home_worker_id is null and t.kind = any (p_kinds) and t.run_after <= v_now
                order by t.priority, t.turn, t.task_id limit p_limit) w)
        select l.kind, count(*)::integer,
            coalesce((select array_agg(distinct f.digest) from line n
                join ls.task_feature_set tf on tf.task_id = n.task_id
                join ls.feature_set f on f.feature_set_id = tf.feature_set_id
                where n.kind = l.kind and n.place <= 64), '{}'), null::bigint
        from line l group by l.kind order by l.kind;
    -- Nobody's home is the rule, and costs one look.
    if not exists (select from ls.task t where t.state = 'waiting' and t.home_worker_id is not null) then
        return;
    end if;
    return query
        select h.kind, count(*)::integer, '{}'::bytea[], h.worker_id
        from unnest(p_worker_ids) w (id) cross join lateral (
            select t.kind, t.home_worker_id as worker_id from ls.task t
            where t.state = 'waiting' and t.home_worker_id = w.id and t.kind = any (p_kinds) and t.run_after <= v_now
            limit p_limit) h
        group by h.worker_id, h.kind order by h.worker_id, h.kind;
end
$$;
comment on function ls.waiting_tasks(text[], integer, bigint[]) is
    'The number of tasks of each kind that may be leased now, and the feature sets that the first of them need; local tasks of the named workers are counted separately.';
