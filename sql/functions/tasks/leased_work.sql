-- ls.leased_work(worker, token) -> kind, ranker_configuration, configuration: what an open attempt of this worker is to
-- do, so that lscoord can look for itself when the worker says that it cannot be done. No row without such a lease.
-- Called by: LedgerStore.leasedWork.
create or replace function ls.leased_work(p_worker_id bigint, p_token uuid)
returns table (kind text, ranker_configuration jsonb, configuration jsonb)
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
    select t.kind, r.configuration, ls.fresh_start(t.configuration, r.kind)
    from ls.attempt a join ls.task t using (task_id) join ls.ranker r using (ranker_id)
    where a.token = p_token and a.worker_id = p_worker_id and a.state = 'open';
$$;
comment on function ls.leased_work(bigint, uuid) is
    'The kind and the configurations of a worker''s open attempt; no row when it has no such lease.';
