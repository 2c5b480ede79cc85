-- ls.set_certificate_authority(pem, public_key_sha256): records the authority that signs workers. The same
-- again: nothing happens. Another one than the stored is refused (LS031): workers would not know it. The key
-- changes in ls.rotate_certificate_authority alone.
-- Called by: LedgerStore.setCertificateAuthority, when lscoord starts.
create or replace function ls.set_certificate_authority(p_certificate_pem text, p_public_key_sha256 bytea)
returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_stored ls.certificate_authority;
begin
    if octet_length(p_public_key_sha256) is distinct from 32 or coalesce(p_certificate_pem, '') not like '-----BEGIN CERTIFICATE-----%' then
        perform ls.refuse('LS001', 'cannot set the certificate authority: expected its certificate as PEM and the SHA-256 of its key');
    end if;
    insert into ls.certificate_authority (certificate_pem, public_key_sha256) values (p_certificate_pem, p_public_key_sha256)
    on conflict do nothing;
    select * into strict v_stored from ls.certificate_authority;
    if p_public_key_sha256 = v_stored.previous_public_key_sha256 then
        perform ls.refuse('LS031', format('cannot use this certificate authority: its key %s… was rotated at %s, the database knows %s…',
            ls.short_digest(p_public_key_sha256), to_char(v_stored.rotated_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI"Z"'),
            ls.short_digest(v_stored.public_key_sha256)),
            'copy the ca directory from where lscoord authority rotate ran, and start lscoord again');
    end if;
    if v_stored.public_key_sha256 <> p_public_key_sha256 then
        perform ls.refuse('LS031', format('cannot use this certificate authority: found key %s…, the database knows %s…',
            ls.short_digest(p_public_key_sha256), ls.short_digest(v_stored.public_key_sha256)),
            'copy the ca directory of a coordinator of this database that starts');
    end if;
end
$$;
comment on function ls.set_certificate_authority(text, bytea) is
    'Records the certificate authority; repeating it changes nothing. Refuses another one, also a rotated one (LS031), and a text that is not a certificate (LS001).';
