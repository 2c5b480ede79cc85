-- ls.check_worker(worker): refuses a worker that is unknown (LS016), revoked or in quarantine (LS031).
-- Called by: every function that a worker's call ends in.
create or replace function ls.check_worker(p_worker_id bigint)
returns void
language plpgsql stable
as $$
declare
    v_worker ls.worker;
begin
    select * into v_worker from ls.worker where worker_id = p_worker_id;
    if not found then
        perform ls.refuse('LS016', format('cannot serve worker %s: no worker has this id', coalesce(p_worker_id::text, 'null')));
    end if;
    if v_worker.quarantined_at is not null and v_worker.revoked_at is null then
        perform ls.refuse('LS031', format('cannot serve worker ''%s'': it is in quarantine: %s', v_worker.name, v_worker.quarantined_because),
            'an admin lets it back: lscoord worker release ' || v_worker.name);
    end if;
    if v_worker.revoked_at is not null then
        perform ls.refuse('LS031', format('cannot serve worker ''%s'': it was revoked: %s', v_worker.name, v_worker.revoked_because),
            'join again with a new token under another name');
    end if;
end
$$;
comment on function ls.check_worker(bigint) is 'Refuses a worker that is unknown, revoked or in quarantine.';
