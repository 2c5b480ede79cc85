-- ls.worker_connected(worker, coordinator, program_version, capacity, task_kinds, domains, size) -> connection.
-- Notes that a worker's session began. The newest connection counts: the end of an older one, noticed
-- late by another coordinator, changes nothing. Every coordinator hears of it (NOTIFY ls_presence): reranks for this worker
-- go there now. Called by: LedgerStore.workerConnected.
create or replace function ls.worker_connected(p_worker_id bigint, p_coordinator text, p_program_version text,
    p_capacity integer, p_task_kinds text[], p_domains text[] default null, p_task_byte_count_max bigint default null)
returns uuid
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_connection uuid := gen_random_uuid();
    v_now timestamptz := clock_timestamp();
begin
    perform ls.check_worker(p_worker_id);
    insert into ls.worker_presence as p (worker_id, connection, coordinator, program_version, capacity, task_kinds,
        domains, task_byte_count_max, connected_at, seen_at)
    values (p_worker_id, v_connection, p_coordinator, p_program_version, p_capacity, p_task_kinds,
        p_domains, p_task_byte_count_max, v_now, v_now)
    on conflict (worker_id) do update set connection = excluded.connection, coordinator = excluded.coordinator,
        program_version = excluded.program_version, capacity = excluded.capacity, task_kinds = excluded.task_kinds,
        domains = excluded.domains, task_byte_count_max = excluded.task_byte_count_max,
        connected_at = excluded.connected_at, seen_at = excluded.seen_at, disconnected_at = null;
    perform pg_notify('ls_presence', '');
    return v_connection;
end
$$;
comment on function ls.worker_connected(bigint, text, text, integer, text[], text[], bigint) is
    'Notes that a worker connected and what it says of itself and its owner allows, and returns the connection''s id. Refuses a revoked worker '
    '(LS031).';
