-- ls.scaling_curve: how a version does with K candidates to choose from (Figure 4), one row for each K and
-- current test set on which it was measured. A curve is the rows of one version, domain, groups per query
-- and seed. Queries whose pool is smaller than K gave all they have: smaller_pools says how many.
create or replace view ls.scaling_curve as
select r.name as ranker, r.kind, v.number as version, e.version_id, d.name as domain, e.candidate_count as k,
    e.accuracy, e.standard_error, e.first_sample, e.majority, e.highest_log_probability, e.oracle,
    e.query_count, e.group_count, case when jsonb_typeof(e.report -> 'smaller_pool_count') = 'number'
        then (e.report ->> 'smaller_pool_count')::numeric end as smaller_pools,
    e.groups_per_query, e.seed, a.version_id is not null as is_champion
from ls.evaluation e
    join ls.ranker_version v using (version_id)
    join ls.ranker r on r.ranker_id = v.ranker_id
    join ls.feature_set f using (feature_set_id)
    join ls.domain d on d.domain_id = f.domain_id
    left join ls.ranker_alias a on a.ranker_id = r.ranker_id and a.alias = 'champion' and a.version_id = e.version_id
where f.split = 'test' and exists (
    select from ls.current_feature_sets(f.base_model_id, d.name, 'test', f.user_name) c where c.feature_set_id = f.feature_set_id)
order by r.name, v.number, d.name collate "C", e.groups_per_query, e.seed, e.candidate_count;
comment on view ls.scaling_curve is 'The accuracy of versions by the number of candidates K, with the baselines that need no ranker.';
