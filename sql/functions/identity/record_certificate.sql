-- ls.record_certificate(worker, serial, not_before, not_after, issuer_sha256, public_key_sha256): notes a certificate
-- that was issued, and which key signed it; without one, the present. A key the database does not know is refused
-- (LS031): that coordinator has not been started again since the key was retired. So is a certificate for another
-- key than the worker joined with; older coordinators do not say for which it is.
-- The same serial again: nothing happens. A worker gets at most 60 in an hour (LS041). Called by: LedgerStore.recordCertificate.
create or replace function ls.record_certificate(
    p_worker_id bigint, p_serial text, p_not_before timestamptz, p_not_after timestamptz, p_issuer_sha256 bytea default null,
    p_public_key_sha256 bytea default null)
returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_authority ls.certificate_authority;
    v_worker ls.worker;
begin
    perform ls.check_worker(p_worker_id);
    if p_serial is null or (p_not_after > p_not_before) is not true then
        perform ls.refuse('LS001', format('cannot record a certificate of worker %s: found serial %s from %s to %s, expected a serial and an end after the beginning',
            p_worker_id, coalesce(p_serial, 'null'), coalesce(p_not_before::text, 'null'), coalesce(p_not_after::text, 'null')));
    end if;
    -- Shared: a join under the same name that is under way is waited for, and its key is what counts.
    select * into v_worker from ls.worker where worker_id = p_worker_id for share;
    if p_public_key_sha256 <> v_worker.public_key_sha256 then
        perform ls.refuse('LS031', format('cannot issue a certificate to worker ''%s'': it is for another key than the worker joined with', v_worker.name),
            'join with a token of this coordinator: lsworker join');
    end if;
    -- Shared: a retirement that is under way is waited for, and it counts this certificate.
    select * into v_authority from ls.certificate_authority for share;
    if p_issuer_sha256 is distinct from v_authority.public_key_sha256 and p_issuer_sha256 is distinct from v_authority.previous_public_key_sha256
        and p_issuer_sha256 is not null
    then
        perform ls.refuse('LS031', format('cannot issue a certificate with key %s…: it is not the authority''s', ls.short_digest(p_issuer_sha256)),
            'start this lscoord again, with the present ca directory');
    end if;
    if (select count(*) from ls.certificate where worker_id = p_worker_id and not_after > clock_timestamp()
            and recorded_at > clock_timestamp() - interval '1 hour' and serial <> p_serial) >= 60
    then
        perform ls.refuse('LS041', format('cannot issue another certificate to worker %s: found 60 of the last hour', p_worker_id),
            'a worker needs one or two a day: does something on that machine ask again and again?');
    end if;
    insert into ls.certificate (serial, worker_id, not_before, not_after, issuer_sha256)
    values (p_serial, p_worker_id, p_not_before, p_not_after, coalesce(p_issuer_sha256, v_authority.public_key_sha256))
    on conflict (serial) do nothing;
    if not found and not exists (select from ls.certificate c where c.serial = p_serial and c.worker_id = p_worker_id) then
        perform ls.refuse('LS020', format('cannot record a certificate of worker %s: its serial is that of another worker''s', p_worker_id),
            'ask again: each certificate has a serial of its own');
    end if;
end
$$;
comment on function ls.record_certificate(bigint, text, timestamptz, timestamptz, bytea, bytea) is
    'Notes a certificate that was issued to a worker, and the key that signed it; the same serial again changes nothing. '
    'Refuses one without a serial or a lifetime (LS001), a serial that is another worker''s (LS020), a revoked worker, a key that is neither the authority''s nor its '
    'previous one, a certificate for another key than the worker joined with (LS031), and more than 60 in an hour (LS041).';
