-- ls.create_join_token(worker_name, lifetime, by, labels) -> the token's text, shown this once:
-- LS1<SHA-256 of the authority's key>::<id>.<secret>. Only the SHA-256 of the secret is kept.
-- A worker name given here is the name the worker gets, even one that exists: that worker enrols anew.
-- The worker gets the labels (words and texts); label 'user' says whose data it may offer.
-- Called by: LedgerStore.createJoinToken, an admin.
create or replace function ls.create_join_token(p_worker_name text default null, p_lifetime interval default '1 hour', p_by text default null,
    p_labels jsonb default '{}')
returns text
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_authority bytea;
    v_id text := encode(substring(uuid_send(gen_random_uuid()) for 6), 'hex');
    v_secret text := encode(sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())), 'hex');
begin
    select public_key_sha256 into v_authority from ls.certificate_authority;
    if v_authority is null then
        perform ls.refuse('LS050', 'cannot create a join token: there is no certificate authority yet', 'start lscoord serve first');
    end if;
    if p_worker_name is not null and p_worker_name !~ '^[a-z0-9][a-z0-9._-]{0,62}$' then
        perform ls.refuse('LS001', format('cannot create a join token for ''%s'': a worker''s name has 1 to 63 characters: a-z, 0-9, ''.'', ''_'', ''-''',
            left(p_worker_name, 80)));
    end if;
    if p_lifetime is null or p_lifetime not between interval '1 second' and interval '30 days' then
        perform ls.refuse('LS001', format('cannot create a join token that lives %s: expected 1 second to 30 days', p_lifetime));
    end if;
    if jsonb_typeof(p_labels) is distinct from 'object' or (select count(*) from jsonb_each(p_labels)) > 32
        or exists (select from jsonb_each(p_labels) l
            where l.key !~ '^[a-z][a-z0-9_.-]{0,62}$' or jsonb_typeof(l.value) <> 'string' or l.value #>> '{}' !~ '^[^[:cntrl:]]{1,200}$')
    then
        perform ls.refuse('LS001', 'cannot create a join token: expected at most 32 labels, each a word and a text of 1 to 200 characters');
    end if;
    insert into ls.join_token (join_token_id, worker_name, secret_sha256, created_by, expires_at, labels)
    values (v_id, p_worker_name, sha256(convert_to(v_secret, 'UTF8')), coalesce(p_by, session_user), clock_timestamp() + p_lifetime, p_labels);
    perform ls.record_audit(p_by, 'create join token', format('token %s', v_id), concat_ws(', ', coalesce('for worker ' || p_worker_name, 'for any worker'),
        nullif((select string_agg(l.key || '=' || l.value, ', ' order by l.key) from jsonb_each_text(p_labels) l), '')));
    return format('LS1%s::%s.%s', encode(v_authority, 'hex'), v_id, v_secret);
end
$$;
comment on function ls.create_join_token(text, interval, text, jsonb) is
    'Makes a single-use join token for a worker and returns its text, which is shown only once. The worker gets the token''s name, if it has one, and its labels. Refuses a name that does not fit a certificate, invalid labels and a lifetime outside 1 second to 30 days (LS001), and '
    'comes too early before the first lscoord serve (LS050).';
