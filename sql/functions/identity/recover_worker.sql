-- ls.recover_worker(name, public key SHA-256) -> worker id.
-- For a worker whose certificate ran out while it was off, and that shows by a signed request that it has
-- its key: within seven days it gets a new certificate, later an admin has to let it in with a token for its
-- name. In the audit log when the certificate had run out. Its certificate still holds, or again: nothing more happens.
-- Called by: LedgerStore.recoverWorker.
create or replace function ls.recover_worker(p_name text, p_public_key_sha256 bytea)
returns bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_worker ls.worker;
    v_until timestamptz;
begin
    -- A name with another key and a name that nobody has read the same: who asks has shown one key only.
    select * into v_worker from ls.worker where name = p_name and public_key_sha256 = p_public_key_sha256;
    if not found then
        perform ls.refuse('LS031', format('cannot renew the certificate of worker ''%s'': no worker joined with this name and key', left(p_name, 80)),
            'join with a token of this coordinator: lsworker join');
    end if;
    perform ls.check_worker(v_worker.worker_id);
    select max(c.not_after) into v_until from ls.certificate c
    where c.worker_id = v_worker.worker_id and c.recorded_at >= v_worker.enrolled_at;
    if v_until is null or v_until < clock_timestamp() - interval '7 days' then
        perform ls.refuse('LS031', format('cannot renew the certificate of worker ''%s'': it ran out at %s, more than seven days ago', p_name,
            coalesce(to_char(v_until at time zone 'UTC', 'YYYY-MM-DD HH24:MI"Z"'), 'no time known')),
            format('ask for a token and join again: lscoord token create --name %s', p_name));
    end if;
    if v_until < clock_timestamp() then
        perform ls.record_often('worker ' || p_name, 'recover certificate', p_name,
            format('its certificate ran out at %s', to_char(v_until at time zone 'UTC', 'YYYY-MM-DD HH24:MI"Z"')));
    end if;
    return v_worker.worker_id;
end
$$;
comment on function ls.recover_worker(text, bytea) is
    'The worker of this name and key, which may get a new certificate up to seven days after its last one expired. Refuses another '
    'name or key, a longer time, and a worker that is revoked or in quarantine (LS031).';
