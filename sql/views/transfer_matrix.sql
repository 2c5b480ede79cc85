-- ls.transfer_matrix: Table 6 in long form. Accuracy of each source (rankers of a domain, of no user: their champion, or their
-- newest version where the promotion gate has made none, as ls.standing_version says) on each domain's current test set, and
-- the difference from the target's own ranker of the same kind. One configuration (K, seed) is one matrix: figures of
-- different groups are never compared.
create or replace view ls.transfer_matrix as
with source as (
    select r.base_model_id, r.kind, r.ranker_id, r.name as ranker, d.name as domain, s.version_id, a.version_id is not null as is_champion
    from ls.ranker r
        join ls.domain d using (domain_id)
        left join ls.ranker_alias a on a.ranker_id = r.ranker_id and a.alias = 'champion'
        cross join lateral (select coalesce(a.version_id, ls.standing_version(r.ranker_id)) as version_id) s
    where r.user_name is null),
target as (
    select distinct on (f.base_model_id, f.domain_id) f.base_model_id, f.feature_set_id, d.name as domain
    from ls.feature_set f join ls.domain d using (domain_id)
    where f.split = 'test' and f.user_name is null and f.ready_at is not null
    order by f.base_model_id, f.domain_id, f.ready_at desc, f.feature_set_id desc),
measured as (
    select c.base_model_id, c.kind, c.ranker_id, c.ranker, c.domain as source_domain, c.version_id, c.is_champion, t.domain as target_domain,
        e.configuration, e.accuracy, e.standard_error, e.first_sample, e.majority, e.highest_log_probability, e.oracle,
        e.group_count, e.query_count, e.candidate_count, e.seed
    from source c
        join target t using (base_model_id)
        join ls.evaluation e on e.version_id = c.version_id and e.feature_set_id = t.feature_set_id),
own as (
    select distinct on (base_model_id, kind, target_domain, configuration) base_model_id, kind, target_domain, configuration, accuracy
    from measured where source_domain = target_domain
    order by base_model_id, kind, target_domain, configuration, ranker_id)
select b.name as base_model, m.kind, m.ranker as source_ranker, m.source_domain, m.version_id as source_version_id, m.target_domain,
    m.accuracy, m.standard_error, m.first_sample, m.majority, m.highest_log_probability, m.oracle,
    m.accuracy - o.accuracy as difference, m.query_count, m.group_count, m.candidate_count, m.seed, m.configuration, m.is_champion
from measured m
    join ls.base_model b using (base_model_id)
    left join own o using (base_model_id, kind, target_domain, configuration)
order by b.name, m.configuration, m.kind, m.source_domain collate "C", m.ranker, m.target_domain collate "C";
comment on view ls.transfer_matrix is
    'Accuracy of each domain''s ranker (its champion, or its newest version) on each domain''s test set, and the difference from the target''s own.';
