-- ls.release_worker(name, reason, by): lets a worker out of quarantine, or ends its pause; its refusals and failures are
-- forgotten, the audit log keeps them. Neither: nothing happens. A revoked worker stays revoked.
-- Called by: LedgerStore.releaseWorker, an admin.
create or replace function ls.release_worker(p_name text, p_reason text, p_by text default null)
returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_worker ls.worker;
begin
    select * into v_worker from ls.worker where name = p_name for no key update;
    if not found then
        perform ls.refuse('LS016', format('cannot release worker ''%s'': no worker has this name', left(p_name, 80)),
            'select name from ls.worker_status lists the workers');
    end if;
    if coalesce(p_reason, '') = '' then
        perform ls.refuse('LS001', format('cannot release worker ''%s'': a reason is needed', p_name));
    end if;
    if v_worker.quarantined_at is null and (v_worker.paused_until is null or v_worker.paused_until <= clock_timestamp()) then
        return;
    end if;
    delete from ls.refusal where worker_id = v_worker.worker_id;
    update ls.worker set refusal_count = 0, quarantined_at = null, quarantined_because = null,
        quarantined_for = null,
        paused_until = null, paused_because = null, pause_count = 0, failures_since = clock_timestamp()
    where worker_id = v_worker.worker_id;
    perform ls.record_audit(p_by, 'release worker', p_name, p_reason);
    perform pg_notify('ls_task', '');
end
$$;
comment on function ls.release_worker(text, text, text) is
    'Releases a worker from quarantine, or ends its pause; for any other worker nothing happens. Refuses an unknown worker (LS016) and an empty reason (LS001).';
