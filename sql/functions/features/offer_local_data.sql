-- ls.offer_local_data(worker, sets, weights, connection) -> one row for each feature set that is refused, and why.
-- What a worker has at home now, all of it, each time: feature sets (a JSON array of objects: digest in
-- hexadecimal, byte_count, base_model, domain, split, user, label_kind, hidden_size, query_count, response_count,
-- layer, layer_fraction) and the weights of edge-only rankers. No row of a set ever comes here. What it had and
-- does not name is lost (ls.lose_home); what it names again is back. One set that is refused keeps no other out.
-- A set of a user is taken only from a worker whose label 'user' names that user (several with commas). The same
-- bytes at home with two workers belong to the first, also while it is away, until it no longer offers them or is revoked: a
-- digest is no secret, and who merely names it is not to have what waits there. Said twice, it changes nothing. A worker
-- makes at most 10,000 sets known, those it has dropped included: names stay for ever, and nobody is to fill the table.
-- Of what it offers and takes back again and again the audit log keeps a hundred lines a day (ls.record_often). An offer over
-- a session that is not the worker's newest is refused: it says what another machine has.
-- Called by: LedgerStore.offerLocalData.
create or replace function ls.offer_local_data(p_worker_id bigint, p_sets jsonb, p_weights bytea[] default '{}', p_connection uuid default null)
returns table (digest bytea, message text, hint text)
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    v_worker ls.worker;
    v_by text;
    v_set jsonb;
    v_place bigint;
    v_refused jsonb := '[]';
    v_digest bytea;
    v_user text;
    v_id bigint;
    v_old ls.feature_set;
    v_kept bytea[] := '{}';
    v_version text;
    v_code text;
    v_message text;
    v_hint text;
begin
    perform ls.check_worker(p_worker_id);
    perform ls.home_lock();
    -- One offer of a worker after the other.
    select * into strict v_worker from ls.worker where worker_id = p_worker_id for no key update;
    perform ls.check_session(p_worker_id, p_connection);
    v_by := 'worker ' || v_worker.name;
    if jsonb_typeof(p_sets) is distinct from 'array' or p_weights is null or jsonb_array_length(p_sets) > 1024 then
        perform ls.refuse('LS001', 'cannot take an offer of local data: expected an array of at most 1024 feature sets, and digests of weights');
    end if;
    perform ls.lock_home(p_worker_id, (select coalesce(array_agg(decode(s.value ->> 'digest', 'hex')), '{}') from jsonb_array_elements(p_sets) s
        where s.value ->> 'digest' ~ '^[0-9a-f]{64}$'), p_weights);
    -- New sets in the order of their digests: two workers may make the same ones known at once.
    for v_set, v_place in select s.value, s.ordinality from jsonb_array_elements(p_sets) with ordinality s order by s.value ->> 'digest', s.ordinality loop
        v_digest := null;
        begin
            if coalesce(v_set ->> 'digest', '') !~ '^[0-9a-f]{64}$' then
                perform ls.refuse('LS001', 'cannot take a local feature set: expected its SHA-256 as 64 hexadecimal digits');
            end if;
            v_digest := decode(v_set ->> 'digest', 'hex');
            v_kept := v_kept || v_digest;
            v_user := v_set ->> 'user';
            if v_user is not null and v_user <> all (string_to_array(coalesce(v_worker.labels ->> 'user', ''), ',')) then
                perform ls.refuse('LS031', format('cannot take data of user ''%s'' from worker ''%s'': its label ''user'' does not name them',
                    left(v_user, 200), v_worker.name), 'lscoord token create --label user=NAME invites a worker for a user''s data');
            end if;
            select f.* into v_old from ls.feature_set f where f.digest = v_digest for update;
            if not found or v_old.home_worker_id is null then
                if v_old.ready_at is not null then
                    continue;  -- the bytes are here already: there is nothing to keep at home
                end if;
                if (select count(*) from ls.feature_set f where f.home_worker_id = p_worker_id) >= 10000 then
                    perform ls.refuse('LS040', format('cannot take feature set %s… from worker ''%s'': found 10000 sets of it already',
                        ls.short_digest(v_digest), v_worker.name), 'import what is needed, and let the machine join under another name');
                end if;
                select b.feature_set_id into strict v_id from ls.begin_feature_set(v_digest, (v_set ->> 'byte_count')::bigint,
                    v_set ->> 'base_model', v_set ->> 'domain', v_set ->> 'split', v_user, v_set ->> 'label_kind',
                    (v_set ->> 'hidden_size')::integer, (v_set ->> 'query_count')::integer, (v_set ->> 'response_count')::bigint,
                    (v_set ->> 'layer')::integer, (v_set ->> 'layer_fraction')::double precision, v_by) b;
            else
                v_id := v_old.feature_set_id;
                if (select (b.name, d.name) from ls.base_model b, ls.domain d
                        where b.base_model_id = v_old.base_model_id and d.domain_id = v_old.domain_id)
                    is distinct from (v_set ->> 'base_model', v_set ->> 'domain')
                    or (v_old.split, v_old.user_name) is distinct from (v_set ->> 'split', v_user)
                then
                    perform ls.refuse('LS020', format('cannot take feature set %s… as ''%s'' %s: the same bytes are known as another set',
                        ls.short_digest(v_digest), v_set ->> 'domain', v_set ->> 'split'));
                end if;
                if v_old.home_worker_id <> p_worker_id and v_old.ready_at is not null and exists (
                    select from ls.worker w where w.worker_id = v_old.home_worker_id and w.revoked_at is null)
                then
                    perform ls.refuse('LS020', format('cannot take feature set %s… from worker ''%s'': it is at home with worker ''%s''',
                        ls.short_digest(v_digest), v_worker.name, (select name from ls.worker where worker_id = v_old.home_worker_id)),
                        'it moves when that worker no longer offers it, or is revoked: lscoord worker revoke');
                end if;
                if v_old.home_worker_id = p_worker_id and v_old.ready_at is not null then
                    continue;
                end if;
                update ls.task t set home_worker_id = p_worker_id
                from ls.task_feature_set s
                where v_old.home_worker_id <> p_worker_id and s.feature_set_id = v_id and t.task_id = s.task_id and t.state in ('blocked', 'waiting')
                    and t.home_worker_id = v_old.home_worker_id
                    and (select r.home_worker_id from ls.ranker r where r.ranker_id = t.ranker_id) is null;
            end if;
            update ls.feature_set f set home_worker_id = p_worker_id, dropped_at = null, ready_at = clock_timestamp()
            where f.feature_set_id = v_id;
            perform ls.record_often(v_by, 'offer feature set', format('feature set %s', v_id), concat_ws(' ', v_set ->> 'domain', v_set ->> 'split'));
        exception when others then
            get stacked diagnostics v_code = returned_sqlstate, v_message = message_text, v_hint = pg_exception_hint;
            if v_code !~ '^(LS|22|23)' then
                raise;
            end if;
            v_refused := v_refused || jsonb_build_object('place', v_place, 'digest', encode(v_digest, 'hex'), 'message', v_message, 'hint', nullif(v_hint, ''));
        end;
    end loop;
    return query select decode(r.value ->> 'digest', 'hex'), r.value ->> 'message', r.value ->> 'hint'
        from jsonb_array_elements(v_refused) r order by (r.value ->> 'place')::integer;
    perform ls.lose_home(p_worker_id, v_kept, p_weights, format('worker ''%s'' no longer has it', v_worker.name), v_by);
    for v_version in
        select r.name || '@' || v.number from ls.home_weights h join ls.ranker_version v on v.digest = h.digest
            join ls.ranker r on r.ranker_id = v.ranker_id and r.home_worker_id = h.worker_id
        where h.worker_id = p_worker_id and h.lost_at is not null and h.digest = any (p_weights) order by v.version_id
    loop
        perform ls.record_often(v_by, 'find weights', v_version, 'the worker has them again');
    end loop;
    update ls.home_weights h set lost_at = null, lost_because = null
    where h.worker_id = p_worker_id and h.lost_at is not null and h.digest = any (p_weights);
end
$$;
comment on function ls.offer_local_data(bigint, jsonb, bytea[], uuid) is
    'Records everything that stays on a worker''s machine: feature sets, by description and digest, and weights of edge-only rankers. What the list no longer names counts as gone, and open tasks that need it are cancelled. Returns the refused sets, and why. Refuses a '
    'revoked worker or an older session (LS031) and a list that is invalid or too long (LS001).';
