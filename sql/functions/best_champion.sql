-- ls.best_champion(base_model_id, user, domain ids, reason) -> the champion that answers among the rankers of exactly
-- this user (null: of nobody) and one of these domains (null: of no domain), or no row. The nearest domain
-- wins; a ranker whose weights are not here cannot answer here; of two kinds the one that did better on its own test sets, then listwise. One index look-up a domain.
-- Planned once: planning these joins costs more than running them. Called by: route.
create or replace function ls.best_champion(p_base_model_id bigint, p_user text, p_domain_ids bigint[], p_reason text)
returns table (ranker_id bigint, ranker_name text, kind text, configuration jsonb,
    version_id bigint, version_number integer, digest bytea, reason text)
language plpgsql stable set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
declare
    v_found bigint[];
begin
    -- Of the nearest domain that has any. An owner of nothing is '' and 0 in ls.ranker_by_owner_and_domain.
    select array_agg(c.ranker_id) into v_found from (
        select r.ranker_id, rank() over (order by length(d.name) desc nulls last) as place
        from unnest(coalesce(p_domain_ids, '{0}')) n (domain_id)
            join ls.ranker r on r.base_model_id = p_base_model_id and coalesce(r.user_name, '') = coalesce(p_user, '')
                and coalesce(r.domain_id, 0) = n.domain_id and r.home_worker_id is null
            join ls.ranker_alias a on a.ranker_id = r.ranker_id and a.alias = 'champion'
            left join ls.domain d on d.domain_id = r.domain_id) c
    where c.place = 1;
    if v_found is null then
        return;
    end if;
    return query
        select r.ranker_id, r.name, r.kind, r.configuration, v.version_id, v.number, v.digest, p_reason
        from ls.ranker r
            join ls.ranker_alias a on a.ranker_id = r.ranker_id and a.alias = 'champion'
            join ls.ranker_version v on v.version_id = a.version_id
            left join ls.domain d on d.domain_id = r.domain_id
        where r.ranker_id = any (v_found)
        order by case when cardinality(v_found) > 1 then ls.pooled_accuracy(v.version_id,
                (select array_agg(s.feature_set_id) from ls.current_feature_sets(p_base_model_id, d.name, 'test', r.user_name) s),
                ls.default_evaluation_configuration()) end desc nulls last,
            r.kind = 'listwise' desc, r.ranker_id
        limit 1;
end
$$;
comment on function ls.best_champion(bigint, text, bigint[], text) is 'The champion that answers among the rankers of one user and some domains.';
