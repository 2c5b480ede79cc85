-- ls.best_transfer(base_model_id, feature_sets) -> the champion of a domain's ranker that was measured best on these sets,
-- or no row. Edge-only rankers are nobody's but their user's. The ranker p_without is
-- left out, and so are those whose champion was proven worse for who asks (ls.exemption). Called by: route_plan.
create or replace function ls.best_transfer(p_base_model_id bigint, p_feature_set_ids bigint[], p_without bigint default null,
    p_asking_user text default null, p_asking_domain_ids bigint[] default null)
returns table (version_id bigint)
language sql stable
as $$
    select v.version_id
    from ls.ranker r
        join ls.ranker_alias a on a.ranker_id = r.ranker_id and a.alias = 'champion'
        join ls.ranker_version v on v.version_id = a.version_id
        join ls.ranker_weights x on x.digest = v.digest and x.bytes is not null
        cross join lateral ls.pooled_accuracy(v.version_id, p_feature_set_ids, ls.default_evaluation_configuration()) accuracy
    where r.base_model_id = p_base_model_id and r.user_name is null and r.domain_id is not null and r.home_worker_id is null
        and r.ranker_id is distinct from p_without
        and accuracy is not null
        and not exists (select from ls.exemption_for(r.ranker_id, p_asking_user, p_asking_domain_ids))
    order by accuracy desc, r.kind = 'listwise' desc, r.ranker_id
    limit 1;
$$;
comment on function ls.best_transfer(bigint, bigint[], bigint, text, bigint[]) is 'The domain ranker''s champion that was measured best on some feature sets.';
