-- ls.status_summary() -> one row of counts. Connected: seen within the last minute and not gone. What the registry
-- holds is counted up to 1,000 and estimated beyond (ls.row_count); tasks are exact: those at hand are
-- counted, those in the archive were counted when they went there.
-- Called by: LedgerStore.statusSummary, an operator.
create or replace function ls.status_summary()
returns table (base_models bigint, domains bigint, rankers bigint, versions bigint, champions bigint,
    feature_sets bigint, feature_bytes bigint, evaluations bigint, workers bigint, workers_connected bigint,
    tasks_blocked bigint, tasks_waiting bigint, tasks_leased bigint, tasks_done bigint, tasks_dead bigint, tasks_cancelled bigint)
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
    select ls.row_count('ls.base_model'), ls.row_count('ls.domain'), ls.row_count('ls.ranker'), ls.row_count('ls.ranker_version'),
        ls.row_count('ls.ranker_alias', 'alias = ''champion'''),
        (select count(*) from ls.feature_set where ready_at is not null),
        (select coalesce(sum(byte_count), 0)::bigint from ls.feature_set where ready_at is not null),
        ls.row_count('ls.evaluation'),
        (select count(*) from ls.worker where revoked_at is null),
        (select count(*) from ls.worker_presence
            where ls.is_connected(disconnected_at, seen_at, clock_timestamp())),
        (select count(*) from ls.task where state = 'blocked'),
        (select count(*) from ls.task where state = 'waiting'),
        (select count(*) from ls.attempt where state = 'open'),
        e.done, e.dead, e.cancelled
    from (
        select coalesce(sum(n) filter (where state = 'done'), 0)::bigint as done,
            coalesce(sum(n) filter (where state = 'dead'), 0)::bigint as dead,
            coalesce(sum(n) filter (where state = 'cancelled'), 0)::bigint as cancelled
        from (select t.state, count(*) as n from ls.task t where t.ended_at is not null group by t.state
            union all select c.state, c.tasks from ls.task_archive_count c) s) e;
$$;
comment on function ls.status_summary() is
    'One row of counts: what is registered and stored (above 1,000 an estimate), which workers are connected, and tasks by '
    'state, archived ones included.';
