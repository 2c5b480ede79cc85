-- ls.ordered_champions(base_model_id, user, domain ids) -> the champions that may answer among the rankers of exactly this
-- user (null: of nobody) and one of these domains (null: of no domain), best first, up to the first whose weights
-- are here. The nearest domain comes first; within one the ranker that did better on its own test sets, then listwise.
-- Rankers whose weights cannot be read, here or at home, are not among them. One index look-up a domain.
-- Whom a champion was proven worse for, by the user and the domains of the request (p_asking_user, p_asking_domain_ids), gets the version
-- that they keep, or passes the ranker (ls.served_version).
-- The ranker p_without is left out: who would be there but for it. Planned once: planning these joins costs more than running
-- them. Called by: route_plan.
create or replace function ls.ordered_champions(p_base_model_id bigint, p_user text, p_domain_ids bigint[], p_without bigint default null,
    p_asking_user text default null, p_asking_domain_ids bigint[] default null)
returns table (version_id bigint, is_central boolean)
language plpgsql stable set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
declare
    v_count integer;
    v_is_exempt boolean;  -- anybody, from one of them
begin
    -- An owner of nothing is '' and 0 in ls.ranker_by_owner_and_domain.
    select count(*), bool_or(exists (select from ls.exemption e where e.ranker_id = r.ranker_id)) into v_count, v_is_exempt from unnest(coalesce(p_domain_ids, '{0}')) n (domain_id)
        join ls.ranker r on r.base_model_id = p_base_model_id and coalesce(r.user_name, '') = coalesce(p_user, '')
            and coalesce(r.domain_id, 0) = n.domain_id and r.ranker_id is distinct from p_without
        join ls.ranker_alias a on a.ranker_id = r.ranker_id and a.alias = 'champion';
    if v_count = 0 then
        return;
    end if;
    for version_id, is_central in
        select v.version_id, r.home_worker_id is null
        from unnest(coalesce(p_domain_ids, '{0}')) n (domain_id)
            join ls.ranker r on r.base_model_id = p_base_model_id and coalesce(r.user_name, '') = coalesce(p_user, '')
                and coalesce(r.domain_id, 0) = n.domain_id and r.ranker_id is distinct from p_without
            join ls.ranker_alias a on a.ranker_id = r.ranker_id and a.alias = 'champion'
            join ls.ranker_version v on v.version_id = case when v_is_exempt
                then ls.served_version(r.ranker_id, a.version_id, p_asking_user, p_asking_domain_ids) else a.version_id end
            join ls.ranker_weights x on x.digest = v.digest
            left join ls.domain d on d.domain_id = r.domain_id
            left join ls.worker w on w.worker_id = r.home_worker_id
        where w.revoked_at is null and (r.home_worker_id is not null or x.bytes is not null)
            and not exists (select from ls.home_weights h
                where h.digest = v.digest and h.worker_id = r.home_worker_id and h.lost_at is not null)
        order by length(d.name) desc nulls last,
            case when v_count > 1 then ls.pooled_accuracy(v.version_id,
                (select array_agg(s.feature_set_id) from ls.current_feature_sets(p_base_model_id, d.name, 'test', r.user_name) s),
                ls.default_evaluation_configuration()) end desc nulls last,
            r.kind = 'listwise' desc, r.ranker_id
    loop
        return next;
        exit when is_central;
    end loop;
end
$$;
comment on function ls.ordered_champions(bigint, text, bigint[], bigint, text, bigint[]) is
    'The champions that may answer among the rankers of one user and some domains, best first, up to the first whose weights are here.';
