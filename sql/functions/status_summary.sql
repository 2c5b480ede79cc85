-- ls.status_summary() -> one row of counts. Connected: seen within the last minute and not gone.
-- Called by: LedgerStore.statusSummary, an operator.
create or replace function ls.status_summary()
returns table (base_models bigint, domains bigint, rankers bigint, versions bigint, champions bigint,
    feature_sets bigint, feature_bytes bigint, evaluations bigint, workers bigint, workers_connected bigint,
    tasks_waiting bigint, tasks_leased bigint, tasks_done bigint, tasks_dead bigint, tasks_cancelled bigint)
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
    select (select count(*) from ls.base_model), (select count(*) from ls.domain),
        (select count(*) from ls.ranker), (select count(*) from ls.ranker_version),
        (select count(*) from ls.ranker_alias where alias = 'champion'),
        (select count(*) from ls.feature_set where ready_at is not null),
        (select coalesce(sum(byte_count), 0)::bigint from ls.feature_set where ready_at is not null),
        (select count(*) from ls.evaluation),
        (select count(*) from ls.worker where revoked_at is null),
        (select count(*) from ls.worker_presence
            where disconnected_at is null and seen_at > clock_timestamp() - interval '1 minute'),
        t.waiting, t.leased, t.done, t.dead, t.cancelled
    from (select count(*) filter (where state = 'waiting') as waiting, count(*) filter (where state = 'leased') as leased,
            count(*) filter (where state = 'done') as done, count(*) filter (where state = 'dead') as dead,
            count(*) filter (where state = 'cancelled') as cancelled from ls.task) t;
$$;
comment on function ls.status_summary() is
    'One row of counts: what is registered and stored, which workers are connected, and tasks by state.';
