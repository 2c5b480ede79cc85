-- ls.record_decisions(decisions, features) -> how many were kept.
-- A sample of what was served, one JSON object and one block of features each. What no longer fits the bytes that
-- ls.retention allows is left out, and of a key what is beyond a quarter of them in one hour: so there is room for others
-- while the hour lasts, and ls.prune_decisions has that key make room afterwards. A version that was forgotten meanwhile, and a
-- user who was forgotten since the request was served (age_seconds ago: it may have waited for the database), are left out; a
-- forgetting that is not committed yet is waited for, and all that was served before it is. Answers among the signals are
-- numbers, equal ones for equal answers: their texts are not kept.
-- Called by: LedgerStore.recordDecisions.
create or replace function ls.record_decisions(p_decisions jsonb, p_features bytea[])
returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    -- The ages are as of now, however long somebody is waited for.
    v_now timestamptz := clock_timestamp();
    v_known bigint[];
    v_count integer;
    v_room bigint;
    v_key_room bigint := (select byte_count_max / 4 from ls.retention where what = 'decision');
begin
    if jsonb_typeof(p_decisions) is distinct from 'array' or jsonb_array_length(p_decisions) <> cardinality(p_features) then
        perform ls.refuse('LS001', 'cannot record decisions: expected as many blocks of features as decisions');
    end if;
    if (select keep from ls.retention where what = 'decision') <= interval '0' then
        return 0;
    end if;
    v_known := array(select a.audit_log_id from ls.audit_log a where a.at > v_now - interval '1 hour' and a.action = 'forget user');
    -- Who is being forgotten at this moment is waited for, and then was; who is recorded is not forgotten before that is
    -- committed, and then it is found. In one order, for two coordinators record the same users.
    perform pg_advisory_xact_lock_shared(u.key) from (
        select distinct ls.user_lock(e.value ->> 'user') as key from jsonb_array_elements(p_decisions) e
        where e.value ->> 'user' is not null order by 1) u;
    v_room := ls.prune_decisions();
    begin
        perform ls.ensure_decision_partition(h.hour) from (
            select distinct date_trunc('hour', v_now - make_interval(secs => coalesce((e.value ->> 'age_seconds')::double precision, 0)), 'UTC') as hour
            from jsonb_array_elements(p_decisions) e) h;
        with line as (
            select e.value ->> 'request_id' as request_id, coalesce(e.value ->> 'api_key_id', '') as api_key_id, e.value ->> 'role' as role,
                e.value ->> 'model' as model, e.value ->> 'user' as user_name, e.value ->> 'domain' as domain,
                (e.value ->> 'version_id')::bigint as version_id, e.value ->> 'reason' as reason, e.value ->> 'rule' as rule,
                (e.value ->> 'is_fallback')::boolean as is_fallback, (e.value ->> 'worker_id')::bigint as worker_id,
                e.value ->> 'arithmetic' as arithmetic, (e.value ->> 'hidden_size')::integer as hidden_size, e.value ->> 'dtype' as dtype,
                (select array_agg(s.value::real order by s.ordinality) from jsonb_array_elements_text(e.value -> 'scores') with ordinality s) as scores,
                nullif(e.value -> 'signals', 'null') as signals, coalesce(e.value ->> 'aggregate', 'best') as aggregate,
                e.ordinality as place,
                octet_length(p_features[e.ordinality]) + 1000 + coalesce(pg_column_size(e.value -> 'signals'), 0) as byte_count,
                v_now - make_interval(secs => coalesce((e.value ->> 'age_seconds')::double precision, 0)) as served_at
            from jsonb_array_elements(p_decisions) with ordinality e),
        in_hour as (
            select l.*, date_trunc('hour', l.served_at, 'UTC') as hour from line l),
        of_key as (  -- what fits its key's part of the hour
            select s.* from (
                select h.*, sum(h.byte_count) over (partition by h.api_key_id, h.hour order by h.place)
                        + coalesce((select v.byte_count from ls.decision_volume v where v.hour = h.hour and v.api_key_id = h.api_key_id), 0)
                    as key_byte_count
                from in_hour h) s
            where s.key_byte_count <= v_key_room),
        kept as (
            insert into ls.decision (request_id, api_key_id, served_at, role, model, user_name, domain, version_id, digest, reason, rule,
                is_fallback, worker_id, arithmetic, candidate_count, hidden_size, dtype, features, scores, signals, aggregate)
            select d.request_id, nullif(d.api_key_id, ''), d.served_at, d.role, d.model, d.user_name, d.domain, d.version_id, v.digest, d.reason,
                d.rule, d.is_fallback, d.worker_id, d.arithmetic, cardinality(d.scores), d.hidden_size, d.dtype, p_features[d.place], d.scores,
                d.signals, d.aggregate
            from (select o.*, sum(o.byte_count) over (order by o.place) as all_byte_count from of_key o) d
                join ls.ranker_version v on v.version_id = d.version_id and v.forgotten_at is null
            where d.all_byte_count <= v_room
                and (d.user_name is null or not exists (
                    select from ls.audit_log a
                    where a.action = 'forget user' and a.subject = 'user ' || ls.short_digest(sha256(convert_to(d.user_name, 'UTF8')))
                        and a.at >= least(d.served_at, v_now - interval '1 hour')
                        and (a.at >= d.served_at or a.audit_log_id <> all (v_known))))
            returning api_key_id, served_at, octet_length(features) + 1000 + coalesce(pg_column_size(signals), 0) as byte_count),
        counted as (
            insert into ls.decision_volume as w (hour, api_key_id, byte_count)
            select date_trunc('hour', k.served_at, 'UTC'), coalesce(k.api_key_id, ''), sum(k.byte_count) from kept k group by 1, 2 order by 1, 2
            on conflict (hour, api_key_id) do update set byte_count = w.byte_count + excluded.byte_count)
        select count(*) into v_count from kept;
    exception when data_exception or not_null_violation or check_violation then
        perform ls.refuse('LS001', format('cannot record decisions: one of them is none: %s', left(sqlerrm, 200)));
    end;
    return v_count;
end
$$;
comment on function ls.record_decisions(jsonb, bytea[]) is
    'Keeps a sample of what was served, as far as there is room for all and for each key, and returns how many were kept. Refuses '
    'lists that do not match, and what is no decision (LS001).';
