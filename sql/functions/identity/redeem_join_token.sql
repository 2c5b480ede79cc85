-- ls.redeem_join_token(id, secret, public key SHA-256, worker name) -> worker id, the name it got.
-- Enrols a worker. Single use, but again with the same key it succeeds for ten minutes, while the token has not expired and
-- the key is still the worker's: the first reply may have been lost. Later ls.recover_worker() is the only way back.
-- An unknown id and a wrong secret read the same (LS030); who has the secret may know what is wrong.
-- The name is the token's, or the one asked for, with -2, -3, … when another worker has it. A name that joins anew shuts its
-- former machine out at once: leases go back to the queue, and coordinators hear of it (NOTIFY ls_worker) and end its session.
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
    if v_token.used_by_key <> p_public_key_sha256 then
        perform ls.refuse('LS030', 'cannot join: the token was used before, by another key', 'ask for a new one: lscoord token create');
    end if;
    if v_token.expires_at <= clock_timestamp() then
        perform ls.refuse('LS030', 'cannot join: the token has expired', 'ask for a new one: lscoord token create');
    end if;
    if v_token.used_at is not null then
        perform ls.check_worker(v_token.worker_id);
        select * into strict v_worker from ls.worker w where w.worker_id = v_token.worker_id for no key update;
        if v_token.used_at <= clock_timestamp() - interval '10 minutes' then
            perform ls.refuse('LS030', 'cannot join: the token was used before, more than ten minutes ago',
                'this worker has joined: start it without the token; or ask for a new one: lscoord token create --name ' || v_worker.name);
        end if;
        if v_worker.public_key_sha256 <> p_public_key_sha256 then
            perform ls.refuse('LS030', format('cannot join: the token was used before, and worker ''%s'' has joined again since, with another key', v_worker.name),
                'ask for a new one: lscoord token create');
        end if;
        perform ls.record_often('worker ' || v_worker.name, 'join again', format('token %s', p_id), 'the same key, minutes after it joined: the reply may have been lost');
        return query select v_worker.worker_id, v_worker.name;
        return;
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
        select * into strict v_worker from ls.worker where name = v_name for no key update;
        if v_token.worker_name is not null then  -- an admin asked for this very name: it enrols anew
            perform ls.check_worker(v_worker.worker_id);
            update ls.worker set public_key_sha256 = p_public_key_sha256, enrolled_at = clock_timestamp()
            where worker_id = v_worker.worker_id;
            -- What the former machine still says is said over a session that is no longer the newest.
            update ls.worker_presence p set connection = gen_random_uuid(), connection_number = p.connection_number + 1, instance = null,
                place = null, replaced_instances = '{}', disconnected_at = coalesce(p.disconnected_at, clock_timestamp())
            where p.worker_id = v_worker.worker_id;
            perform ls.release_leases(v_worker.worker_id, '{}', format('worker ''%s'' joined again, on another machine or with another token', v_name), true);
            perform pg_notify('ls_worker', v_worker.worker_id::text);
            perform pg_notify('ls_presence', '');
            exit;
        end if;
        if v_worker.public_key_sha256 = p_public_key_sha256 and v_worker.revoked_at is null then
            perform ls.check_worker(v_worker.worker_id);
            exit;
        end if;
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
    'Enrolls a worker with a valid join token, and returns its id and its name; repeating it with the same key returns the same ones for ten minutes. Refuses a token that is unknown, used or too old (LS030), a worker that is revoked or in quarantine (LS031), and a name or key that does not fit a certificate (LS001).';
