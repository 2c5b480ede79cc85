-- The authority's key can be rotated without stopping workers: until the last worker has moved to the new key, the
-- one before is known, too, and each certificate says which of the two signed it.
alter table ls.certificate_authority
    add column previous_certificate_pem text,
    add column previous_public_key_sha256 bytea,
    add column rotated_at timestamptz,
    add constraint certificate_authority_previous_is_whole
        check ((previous_certificate_pem is null) = (previous_public_key_sha256 is null) and (previous_certificate_pem is null or rotated_at is not null)),
    add constraint certificate_authority_previous_key_is_another_sha256
        check (octet_length(previous_public_key_sha256) = 32 and previous_public_key_sha256 <> public_key_sha256);
alter table ls.certificate
    add column issuer_sha256 bytea,
    add constraint certificate_issuer_is_a_sha256 check (octet_length(issuer_sha256) = 32);
update ls.certificate set issuer_sha256 = (select public_key_sha256 from ls.certificate_authority);
