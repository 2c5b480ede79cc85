-- ls.set_certificate_authority(pem, public_key_sha256): records the authority that signs workers. The same
-- again: nothing happens. Another one than the stored is refused (LS031): every worker trusts the first.
-- Called by: LedgerStore.setCertificateAuthority, when lscoord starts.
create or replace function ls.set_certificate_authority(p_certificate_pem text, p_public_key_sha256 bytea)
returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_stored bytea;
begin
    if octet_length(p_public_key_sha256) is distinct from 32 or coalesce(p_certificate_pem, '') not like '-----BEGIN CERTIFICATE-----%' then
        perform ls.refuse('LS001', 'cannot set the certificate authority: expected its certificate as PEM and the SHA-256 of its key');
    end if;
    insert into ls.certificate_authority (certificate_pem, public_key_sha256) values (p_certificate_pem, p_public_key_sha256)
    on conflict do nothing;
    select public_key_sha256 into strict v_stored from ls.certificate_authority;
    if v_stored <> p_public_key_sha256 then
        perform ls.refuse('LS031', format('cannot use this certificate authority: found key %s…, the database knows %s…',
            ls.short_digest(p_public_key_sha256), ls.short_digest(v_stored)),
            'give lscoord the directory that holds the first authority''s ca.pem and ca-key.pem');
    end if;
end
$$;
comment on function ls.set_certificate_authority(text, bytea) is
    'Records the one certificate authority; the same again changes nothing. Refuses another one (LS031), and what is no '
    'certificate (LS001).';
