-- ls.create_api_key(name, users, domains, base_models, lifetime, by, permissions) -> the key's text, shown this once: lsk_<id>_<secret>.
-- Only the SHA-256 of the secret is kept. Null: any user, domain, base model, or for ever. Domains are patterns (math/*).
-- Permissions are what it may do beside asking for reranks: features, import feature sets of what it may name.
-- Called by: LedgerStore.createAPIKey, an admin.
create or replace function ls.create_api_key(p_name text, p_users text[] default null, p_domains text[] default null,
    p_base_models text[] default null, p_lifetime interval default null, p_by text default null,
    p_permissions text[] default null)
returns text
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_id text := encode(substring(uuid_send(gen_random_uuid()) for 6), 'hex');
    v_permissions text[] := array(select distinct p from unnest(p_permissions) p order by p);
    v_secret text := encode(sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())), 'hex');
begin
    if p_name is null or p_name !~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$' then
        perform ls.refuse('LS001', format('cannot name a key ''%s'': expected 1 to 63 letters, digits, ''.'', ''_'', ''-''', left(p_name, 80)));
    end if;
    if exists (select from unnest(p_users) u where u is null or u !~ '^[^[:cntrl:]]{1,200}$')
        or exists (select from unnest(p_base_models) m where m is null or m !~ '^[^[:cntrl:]]{1,200}$')
        or exists (select from unnest(p_domains) d where d is null or octet_length(d) > 122
            or d !~ '^([a-z0-9][a-z0-9_.-]*(/[a-z0-9][a-z0-9_.-]*)*(/\*)?)$')
        or cardinality(p_users) not between 1 and 1000 or cardinality(p_domains) not between 1 and 1000
        or cardinality(p_base_models) not between 1 and 1000
    then
        perform ls.refuse('LS001', format('cannot create key ''%s'': expected 1 to 1000 users, domains such as math/*, and base models, or null for any', p_name));
    end if;
    if p_lifetime not between interval '1 second' and interval '3660 days' then
        perform ls.refuse('LS001', format('cannot create key ''%s'' for %s: expected 1 second to 3660 days, or null for ever', p_name, p_lifetime));
    end if;
    if (v_permissions <@ array['features']) is not true then
        perform ls.refuse('LS001', format('cannot create key ''%s'': found the permissions %s, expected features, or null for none', p_name,
            left(v_permissions::text, 80)));
    end if;
    insert into ls.api_key (api_key_id, name, secret_sha256, users, domains, base_models, permissions, created_by, expires_at)
    values (v_id, p_name, sha256(convert_to(v_secret, 'UTF8')), p_users, p_domains, p_base_models, v_permissions, coalesce(p_by, session_user),
        clock_timestamp() + p_lifetime)
    on conflict (name) do nothing;
    if not found then
        perform ls.refuse('LS020', format('cannot create key ''%s'': a key of this name exists, or existed', p_name), 'give the new one a name of its own');
    end if;
    perform ls.record_audit(p_by, 'create api key', p_name, concat_ws(', ', 'users: ' || coalesce(array_to_string(p_users, ' '), 'any'),
        'domains: ' || coalesce(array_to_string(p_domains, ' '), 'any'), 'base models: ' || coalesce(array_to_string(p_base_models, ' '), 'any'),
        'permissions: ' || nullif(array_to_string(v_permissions, ' '), '')));
    perform pg_notify('ls_key', v_id);
    return format('lsk_%s_%s', v_id, v_secret);
end
$$;
comment on function ls.create_api_key(text, text[], text[], text[], interval, text, text[]) is
    'Makes an API key for reranks and returns its text, which is shown only once. It may be bound to users, domains (patterns) and base models, and to a lifetime. With the permission features it may import feature sets, too. Refuses an invalid name, user, domain, base model, lifetime or permission (LS001), and a name that was used before (LS020).';
