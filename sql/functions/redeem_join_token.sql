-- ls.redeem_join_token(id, secret, public key SHA-256, worker name) -> worker id, the name it got.
-- Enrols a worker. Single use, but again with the same key it succeeds: the first reply may have been lost.
-- An unknown id and a wrong secret read the same (LS030); who has the secret may know what is wrong.
-- The name is the token's, or the one asked for, with -2, -3, … when another worker has it.
-- Called by: LedgerStore.redeemJoinToken.
create or replace function ls.redeem_join_token(p_id text, p_secret text, p_public_key_sha256 bytea, p_worker_name text default null)
returns table (worker_id bigint, worker_name text)
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    v_token ls.join_token;
    v_worker ls.worker;
    v_base text := coalesce(lower(p_worker_name), 'worker');
    v_name text;
begin
    if octet_length(p_public_key_sha256) is distinct from 32 then
        perform ls.refuse('LS001', 'cannot join: expected the SHA-256 of the worker''s key');
    end if;
    select * into v_token from ls.join_token where join_token_id = p_id for update;
    if v_token.secret_sha256 is distinct from sha256(convert_to(coalesce(p_secret, ''), 'UTF8')) then
        perform ls.refuse('LS030', 'cannot join: the token is not known here', 'ask for a new one: lscoord token create');
    end if;
    if v_token.used_at is not null then
        if v_token.used_by_key <> p_public_key_sha256 then
            perform ls.refuse('LS030', 'cannot join: the token was used before, by another key', 'ask for a new one: lscoord token create');
        end if;
        perform ls.check_worker(v_token.worker_id);
        return query select w.worker_id, w.name from ls.worker w where w.worker_id = v_token.worker_id;
        return;
    end if;
    if v_token.expires_at <= clock_timestamp() then
        perform ls.refuse('LS030', 'cannot join: the token has expired', 'ask for a new one: lscoord token create');
    end if;
    if v_base !~ '^[a-z0-9][a-z0-9._-]{0,62}$' then
        perform ls.refuse('LS001', format('cannot join as ''%s'': a worker''s name has 1 to 63 characters: a-z, 0-9, ''.'', ''_'', ''-''', left(v_base, 80)));
    end if;

    v_name := coalesce(v_token.worker_name, v_base);
    for v_try in 2 .. 10000 loop
        insert into ls.worker (name, public_key_sha256) values (v_name, p_public_key_sha256)
        on conflict on constraint worker_name_is_unique do nothing
        returning * into v_worker;
        exit when found;
        select * into strict v_worker from ls.worker where name = v_name for update;
        if v_token.worker_name is not null then  -- an admin asked for this very name: it enrols anew
            perform ls.check_worker(v_worker.worker_id);
            update ls.worker set public_key_sha256 = p_public_key_sha256, enrolled_at = clock_timestamp()
            where worker_id = v_worker.worker_id;
            exit;
        end if;
        exit when v_worker.public_key_sha256 = p_public_key_sha256 and v_worker.revoked_at is null;
        v_name := left(v_base, 57) || '-' || v_try;
    end loop;
    update ls.worker w set labels = v_token.labels where w.worker_id = v_worker.worker_id;
    update ls.join_token t set used_at = clock_timestamp(), used_by_key = p_public_key_sha256, worker_id = v_worker.worker_id
    where t.join_token_id = p_id;
    perform ls.record_audit(v_worker.name, 'join', format('token %s', p_id), format('worker %s', v_worker.name));
    return query select v_worker.worker_id, v_worker.name;
end
$$;
comment on function ls.redeem_join_token(text, text, bytea, text) is
    'Enrols a worker that shows a valid join token, and returns its id and the name it got; again with the same key the '
    'same. Refuses a token that is unknown, used or too old (LS030), and a name or key that fits no certificate (LS001).';
