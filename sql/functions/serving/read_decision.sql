-- ls.read_decision(request, key) -> what was decided for a request, with what is needed to score it again: what was served, and
-- shadows. Ids are unique within a key: without the key's name, an id that several used is LS001. An unknown request is LS018.
-- Called by: LedgerStore.decisions, for `lscoord replay`; an admin.
create or replace function ls.read_decision(p_request text, p_key text default null)
returns table (request_id text, served_at timestamptz, role text, model text, user_name text, domain text, ranker_name text,
    version_number integer, digest bytea, reason text, rule text, is_fallback boolean, worker text, is_central boolean, arithmetic text,
    candidate_count integer, hidden_size integer, dtype text, features bytea, scores real[], key text, signals jsonb, aggregate text)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    v_keys text[];
begin
    select array_agg(distinct coalesce(k.name, 'no key')) into v_keys
    from ls.decision d left join ls.api_key k on k.api_key_id = d.api_key_id
    where d.request_id = p_request and (p_key is null or k.name = p_key);
    if v_keys is null then
        perform ls.refuse('LS018', format('cannot find request ''%s'': no decision was kept under this id%s', left(p_request, 80),
                case when p_key is null then '' else format(' of key ''%s''', left(p_key, 80)) end),
            'a sample is kept, for as long as ls.task_retention says; select request_id, key from ls.decision_log lists it');
    end if;
    if cardinality(v_keys) > 1 then
        perform ls.refuse('LS001', format('cannot tell which request ''%s'' is meant: found decisions of %s keys under this id (%s), expected one',
            left(p_request, 80), cardinality(v_keys), left(array_to_string(v_keys, ', '), 400)), 'name the key: lscoord replay --key NAME');
    end if;
    return query
        select d.request_id, d.served_at, d.role, d.model, d.user_name, d.domain, r.name, v.number, d.digest, d.reason, d.rule, d.is_fallback,
            (select w.name from ls.worker w where w.worker_id = d.worker_id), r.home_worker_id is null, d.arithmetic, d.candidate_count, d.hidden_size,
            d.dtype, d.features, d.scores, k.name, d.signals, d.aggregate
        from ls.decision d join ls.ranker_version v on v.version_id = d.version_id join ls.ranker r on r.ranker_id = v.ranker_id
            left join ls.api_key k on k.api_key_id = d.api_key_id
        where d.request_id = p_request and (p_key is null or k.name = p_key)
        order by d.role = 'serve' desc, d.served_at desc, v.version_id
        limit 8;
end
$$;
comment on function ls.read_decision(text, text) is
    'The kept decision for a request of a key, with everything that scoring it again needs. Refuses a request whose decision was not kept (LS018), and, without a key, an id that several keys used (LS001).';
