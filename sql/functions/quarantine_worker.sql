-- ls.quarantine_worker(worker, because): nothing is taken from it until an admin lets it back; its leases are given back, its session
-- ends. In quarantine or revoked already: nothing happens. Called by: decide_evaluation_check.
create or replace function ls.quarantine_worker(p_worker_id bigint, p_because text)
returns void
language plpgsql
as $$
declare
    v_name text;
begin
    update ls.worker set quarantined_at = clock_timestamp(), quarantined_because = p_because
    where worker_id = p_worker_id and quarantined_at is null and revoked_at is null
    returning name into v_name;
    if not found then
        return;
    end if;
    perform ls.release_leases(p_worker_id, '{}', format('worker ''%s'' is in quarantine', v_name));
    perform pg_notify('ls_worker', p_worker_id::text);
    perform ls.record_audit('lscoord', 'quarantine worker', v_name, p_because);
end
$$;
comment on function ls.quarantine_worker(bigint, text) is 'Puts a worker in quarantine, with its leases given back.';
