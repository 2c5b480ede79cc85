-- ls.worker_seen(worker): notes a sign of life outside a heartbeat. Called by: LedgerStore.workerSeen.
create or replace function ls.worker_seen(p_worker_id bigint)
returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
    perform ls.check_worker(p_worker_id);
    update ls.worker_presence set seen_at = clock_timestamp() where worker_id = p_worker_id;
end
$$;
comment on function ls.worker_seen(bigint) is
    'Records a sign of life of a worker. Refuses a revoked worker (LS031).';
