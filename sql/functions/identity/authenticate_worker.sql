-- ls.authenticate_worker(name, serial) -> worker id. For the name in a certificate that TLS has verified:
-- an unknown worker or certificate, and a revoked worker, are refused (LS031).
-- Called by: LedgerStore.authenticateWorker, for each connection of a worker.
create or replace function ls.authenticate_worker(p_name text, p_serial text default null)
returns bigint
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_id bigint;
begin
    select worker_id into v_id from ls.worker where name = p_name;
    if v_id is null or (p_serial is not null
        and not exists (select from ls.certificate where serial = p_serial and worker_id = v_id))
    then
        perform ls.refuse('LS031', format('cannot serve worker ''%s'': %s', left(p_name, 80),
            case when v_id is null then 'no worker of this name has joined' else 'its certificate was not issued here' end),
            'join with a token of this coordinator: lsworker join');
    end if;
    perform ls.check_worker(v_id);
    if p_serial is not null and not exists (select from ls.certificate c join ls.worker w using (worker_id)
        where c.serial = p_serial and c.recorded_at >= w.enrolled_at)
    then
        perform ls.refuse('LS031', format('cannot serve worker ''%s'': the name has joined again since, on another machine or with another token',
            left(p_name, 80)), 'join with a token of this coordinator: lsworker join');
    end if;
    return v_id;
end
$$;
comment on function ls.authenticate_worker(text, text) is
    'The worker that a certificate verified by TLS names. Refuses a name that has not joined, a serial that was not issued here or that was issued before the name joined again, and a worker that is revoked or in quarantine (LS031).';
