-- ls.valid_api_keys() -> all keys that are neither revoked nor expired, with the seconds they have left.
-- lscoord keeps them in memory, so that a request touches no database. Called by: LedgerStore.validAPIKeys.
create or replace function ls.valid_api_keys()
returns table (api_key_id text, name text, secret_sha256 bytea, users text[], domains text[], base_models text[],
    seconds_left double precision, permissions text[])
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
    select k.api_key_id, k.name, k.secret_sha256, k.users, k.domains, k.base_models,
        extract(epoch from k.expires_at - clock_timestamp())::double precision, k.permissions
    from ls.api_key k
    where k.revoked_at is null and (k.expires_at is null or k.expires_at > clock_timestamp());
$$;
comment on function ls.valid_api_keys() is 'The keys that are neither revoked nor expired, for the coordinators.';
