-- ls.route(base_model, user, domain) -> which champion answers, and why; no row: keep the candidates' order.
-- The first step that has a ranker with a champion wins:
--   user+domain     the user's ranker of the domain, or of a broader one
--   user            the user's ranker for everything
--   domain          the domain's ranker
--   parent domain   a broader domain's ranker, the nearest first
--   best transfer   no ranker there, but the domain is known: the domain ranker that was measured
--                   best on this domain's current test set (transfer matrix)
--   global          the ranker of nobody and nothing in particular
-- An edge-only ranker is passed over: its weights are not here.
-- Each step is an index look-up, and is made only when the ones before found nobody. Two kinds in one step: the one that did better on its own test sets, then listwise. A domain or a user
-- nobody has heard of is not an error: the later steps serve it.
-- Called by: LedgerStore.route, when lscoord's routing cache misses; an operator.
create or replace function ls.route(p_base_model text, p_user text default null, p_domain text default null)
returns table (ranker_id bigint, ranker_name text, kind text, configuration jsonb,
    version_id bigint, version_number integer, digest bytea, reason text)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan set enable_seqscan = off set jit = off
as $$
#variable_conflict use_column
declare
    v_base_model_id bigint := ls.base_model_id(p_base_model);
    v_domain_id bigint;
    v_within bigint[] := '{}';  -- the domain and the broader ones
    v_broader bigint[];
    v_sets bigint[];
begin
    if p_domain is not null then
        select coalesce(array_agg(d.domain_id), '{}'), min(d.domain_id) filter (where d.name = p_domain) into v_within, v_domain_id
        from ls.domain d
        where d.name = any (select array_to_string((string_to_array(p_domain, '/'))[:n], '/')
            from generate_series(1, least(length(p_domain) - length(replace(p_domain, '/', '')) + 1, 60)) n);
        v_broader := array_remove(v_within, v_domain_id);
    end if;
    if p_user is not null then
        return query select * from ls.best_champion(v_base_model_id, p_user, v_within, 'user+domain');
        if found then return; end if;
        return query select * from ls.best_champion(v_base_model_id, p_user, null, 'user');
        if found then return; end if;
    end if;
    if v_domain_id is not null then
        return query select * from ls.best_champion(v_base_model_id, null, array[v_domain_id], 'domain');
        if found then return; end if;
    end if;
    if cardinality(v_broader) > 0 then
        return query select * from ls.best_champion(v_base_model_id, null, v_broader, 'parent domain');
        if found then return; end if;
    end if;
    if v_domain_id is not null then
        select array_agg(c.feature_set_id) into v_sets from ls.current_feature_sets(v_base_model_id, p_domain, 'test', null) c;
    end if;
    if v_sets is not null then
        return query
            select r.ranker_id, r.name, r.kind, r.configuration, v.version_id, v.number, v.digest, 'best transfer'
            from ls.ranker r
                join ls.ranker_alias a on a.ranker_id = r.ranker_id and a.alias = 'champion'
                join ls.ranker_version v on v.version_id = a.version_id
            where r.base_model_id = v_base_model_id and r.user_name is null and r.domain_id is not null
                and r.home_worker_id is null
                and ls.pooled_accuracy(v.version_id, v_sets, ls.default_evaluation_configuration()) is not null
            order by ls.pooled_accuracy(v.version_id, v_sets, ls.default_evaluation_configuration()) desc, r.kind = 'listwise' desc, r.ranker_id
            limit 1;
        if found then return; end if;
    end if;
    return query select * from ls.best_champion(v_base_model_id, null, null, 'global');
end
$$;
comment on function ls.route(text, text, text) is
    'Which version answers a request of a user and a domain, and why, in one row; no row: nothing fits, and the candidates '
    'keep their order. An unknown user or domain is served by the broader rankers; an unknown base model is refused '
    '(LS010).';
