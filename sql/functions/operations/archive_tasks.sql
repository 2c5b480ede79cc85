-- ls.archive_tasks(limit) -> how many tasks were moved.
-- Moves tasks that ended longer ago than ls.retention says, oldest first, with their attempts. Rows that somebody
-- else has locked are left for the next time. A dead task that another one waits for stays at hand.
-- Called by: housekeep.
create or replace function ls.archive_tasks(p_limit integer)
returns integer
language plpgsql
as $$
declare
    v_ids bigint[] := '{}';
    v_more bigint[];
    v_rule record;
begin
    for v_rule in select what, clock_timestamp() - keep as ended_before from ls.retention where what not in ('archive', 'decision') order by what loop
        select coalesce(array_agg(p.task_id), '{}') into v_more from (
            select t.task_id from ls.task t
            where t.state = v_rule.what and t.ended_at < v_rule.ended_before and t.ended_at is not null and not t.stays
                and not (t.state = 'dead' and exists (
                    select from ls.task_dependency d where d.needs_task_id = t.task_id and d.met_at is null))
            order by t.ended_at limit p_limit - cardinality(v_ids)
            for update skip locked) p;
        v_ids := v_ids || v_more;
    end loop;
    if cardinality(v_ids) = 0 then
        return 0;
    end if;
    perform ls.ensure_archive_partitions(min(ended_at), max(ended_at)) from ls.task where task_id = any (v_ids);

    insert into ls.task_archive (task_id, kind, state, priority, ranker_id, version_id, initial_version_id, configuration,
        feature_set_ids, owner, requested_by, requested_at, attempt_count, attempt_count_max, ended_at, ended_because, attempts)
    select t.task_id, t.kind, t.state, t.priority, t.ranker_id, t.version_id, t.initial_version_id, t.configuration,
        (select coalesce(array_agg(f.feature_set_id order by f.ordinal), '{}') from ls.task_feature_set f where f.task_id = t.task_id),
        t.owner, t.requested_by, t.requested_at, t.attempt_count, t.attempt_count_max, t.ended_at, t.ended_because,
        (select coalesce(jsonb_agg(jsonb_build_object('number', a.number, 'worker_id', a.worker_id, 'state', a.state,
                'leased_at', a.leased_at, 'ended_at', a.ended_at, 'error_code', a.error_code,
                'error_message', a.error_message, 'version_id', a.version_id) order by a.number), '[]')
            from ls.attempt a where a.task_id = t.task_id)
    from ls.task t where t.task_id = any (v_ids);
    insert into ls.task_archive_count as c (kind, state, tasks)
    select t.kind, t.state, count(*) from ls.task t where t.task_id = any (v_ids) group by t.kind, t.state
    on conflict (kind, state) do update set tasks = c.tasks + excluded.tasks;
    insert into ls.worker_archive_count as c (worker_id, succeeded, failed)
    select a.worker_id, count(*) filter (where a.state = 'succeeded'), count(*) filter (where a.state in ('failed', 'expired'))
    from ls.attempt a where a.task_id = any (v_ids) group by a.worker_id
    on conflict (worker_id) do update set succeeded = c.succeeded + excluded.succeeded, failed = c.failed + excluded.failed;
    delete from ls.attempt where task_id = any (v_ids);
    delete from ls.task_feature_set where task_id = any (v_ids);
    delete from ls.task where task_id = any (v_ids);
    return cardinality(v_ids);
end
$$;
comment on function ls.archive_tasks(integer) is 'Moves tasks that ended a while ago into the archive.';
