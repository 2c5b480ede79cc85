-- ls.rotate_certificate_authority(pem, public_key_sha256, from_sha256, reason, by): from now on the new key signs; the
-- one before is remembered until ls.retire_certificate_authority. The same again: nothing happens.
-- This is the moment of the rotation: lscoord's files are made ready before it and put in place after it.
-- Called by: LedgerStore.rotateCertificateAuthority, an admin.
create or replace function ls.rotate_certificate_authority(
    p_certificate_pem text, p_public_key_sha256 bytea, p_from_sha256 bytea, p_reason text, p_by text default null)
returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_stored ls.certificate_authority;
begin
    if octet_length(p_public_key_sha256) is distinct from 32 or coalesce(p_certificate_pem, '') not like '-----BEGIN CERTIFICATE-----%' then
        perform ls.refuse('LS001', 'cannot rotate the certificate authority: expected its certificate as PEM and the SHA-256 of its key');
    end if;
    if coalesce(p_reason, '') = '' then
        perform ls.refuse('LS001', 'cannot rotate the certificate authority: a reason is needed');
    end if;
    select * into v_stored from ls.certificate_authority for update;
    if not found then
        perform ls.refuse('LS050', 'cannot rotate the certificate authority: there is none yet', 'start lscoord serve first');
    end if;
    if v_stored.public_key_sha256 = p_public_key_sha256 then
        return;
    end if;
    if v_stored.public_key_sha256 is distinct from p_from_sha256 then
        perform ls.refuse('LS031', format('cannot rotate the certificate authority: found key %s…, the database knows %s…',
            ls.short_digest(p_from_sha256), ls.short_digest(v_stored.public_key_sha256)),
            'run this where the present ca directory is');
    end if;
    if v_stored.previous_public_key_sha256 is not null then
        perform ls.refuse('LS021', format('cannot rotate the certificate authority: key %s… of the rotation before is not retired yet',
            ls.short_digest(v_stored.previous_public_key_sha256)), 'lscoord authority retire comes first');
    end if;
    update ls.certificate_authority set certificate_pem = p_certificate_pem, public_key_sha256 = p_public_key_sha256,
        previous_certificate_pem = v_stored.certificate_pem, previous_public_key_sha256 = v_stored.public_key_sha256,
        rotated_at = clock_timestamp();
    perform ls.record_audit(p_by, 'rotate authority',
        format('key %s to %s', ls.short_digest(v_stored.public_key_sha256), ls.short_digest(p_public_key_sha256)), p_reason);
end
$$;
comment on function ls.rotate_certificate_authority(text, bytea, bytea, text, text) is
    'Makes another key the authority''s and keeps the previous one; repeating it changes nothing. lscoord authority rotate '
    'makes the key and calls this. Refuses a text that is not a certificate and an empty reason (LS001), a database that has no '
    'authority yet (LS050), another key to start from than the present (LS031), and a second rotation before the first '
    'one''s key is retired (LS021).';
