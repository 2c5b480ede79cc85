-- ls.authority_status() -> the authority's key and since when it signs; during a rotation the key before, the workers
-- that still depend on that, and how many join tokens name it. No row before the first lscoord serve.
-- Called by: LedgerStore.authorityStatus.
create or replace function ls.authority_status()
returns table (public_key_sha256 bytea, since timestamptz, previous_public_key_sha256 bytea, worker_count bigint, previous_workers text[],
    previous_token_count bigint)
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
    select a.public_key_sha256, coalesce(a.rotated_at, a.set_at), a.previous_public_key_sha256,
        (select count(*) from ls.worker w where w.revoked_at is null),
        array(select ls.workers_of_previous_key()),
        (select count(*) from ls.join_token t
            where a.previous_public_key_sha256 is not null and t.used_at is null and t.expires_at > clock_timestamp() and t.created_at < a.rotated_at)
    from ls.certificate_authority a;
$$;
comment on function ls.authority_status() is
    'The authority''s key and since when it signs. During a rotation also the previous key, the workers whose newest certificate it signed, and the number of unused join tokens that name it. No row before the first lscoord serve.';
