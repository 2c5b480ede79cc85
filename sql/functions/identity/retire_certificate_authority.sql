-- ls.retire_certificate_authority(reason, force, by): forgets the authority's previous key: what it signed is worth
-- nothing once the coordinators have started again.
-- Called by: LedgerStore.retireCertificateAuthority, an admin.
create or replace function ls.retire_certificate_authority(p_reason text, p_force boolean default false, p_by text default null)
returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_stored ls.certificate_authority;
    v_workers text[];
begin
    if coalesce(p_reason, '') = '' then
        perform ls.refuse('LS001', 'cannot retire the authority''s previous key: a reason is needed');
    end if;
    -- Waits for certificates that are being recorded, and they for us.
    select * into v_stored from ls.certificate_authority for update;
    if v_stored.previous_public_key_sha256 is null then
        perform ls.refuse('LS021', 'cannot retire the authority''s previous key: there is none', 'lscoord authority rotate makes a new key');
    end if;
    v_workers := array(select ls.workers_of_previous_key());
    if cardinality(v_workers) > 0 and not coalesce(p_force, false) then
        perform ls.refuse('LS021', format('cannot retire key %s…: %s still carr%s a certificate of it: %s%s',
            ls.short_digest(v_stored.previous_public_key_sha256),
            case cardinality(v_workers) when 1 then '1 worker' else cardinality(v_workers) || ' workers' end,
            case cardinality(v_workers) when 1 then 'ies' else 'y' end,
            array_to_string(v_workers[1:5], ', '), case when cardinality(v_workers) > 5 then ', …' else '' end),
            'a worker that is connected renews within a day; revoke those that will not come back, or use --force: they join again');
    end if;
    update ls.certificate_authority set previous_certificate_pem = null, previous_public_key_sha256 = null;
    perform ls.record_audit(p_by, 'retire authority', format('key %s', ls.short_digest(v_stored.previous_public_key_sha256)),
        p_reason || case when cardinality(v_workers) > 0 then format(' (forced; shuts out %s)', array_to_string(v_workers, ', ')) else '' end);
end
$$;
comment on function ls.retire_certificate_authority(text, boolean, text) is
    'Retires the authority''s previous key, which ends a rotation; lscoord deletes the key''s files. Refuses an empty reason '
    '(LS001), and (LS021) when there is no previous key or, unless forced, while workers have certificates that it signed.';
