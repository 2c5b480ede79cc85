-- ls.worker_disconnected(worker, connection) -> whether this was its newest connection.
-- Leases stay: the worker may come back in time. Called by: LedgerStore.workerDisconnected.
create or replace function ls.worker_disconnected(p_worker_id bigint, p_connection uuid)
returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
    update ls.worker_presence set disconnected_at = clock_timestamp()
    where worker_id = p_worker_id and connection = p_connection and disconnected_at is null;
    return found;
end
$$;
comment on function ls.worker_disconnected(bigint, uuid) is
    'Records that a worker''s connection ended, and returns whether it was its newest; its leases stay.';
