-- ls.ranker_status: one row a ranker: its champion, that version's accuracy on the ranker's own test sets
-- as the promotion gate sees it, and what is under way.
create or replace view ls.ranker_status as
select r.ranker_id, r.name, b.name as base_model, r.user_name, d.name as domain, r.kind,
    (select count(*) from ls.ranker_version n where n.ranker_id = r.ranker_id) as versions,
    v.version_id as champion_version_id, v.number as champion, ls.short_digest(v.digest) as digest,
    round((100 * m.accuracy)::numeric, 2) as accuracy_percent,
    round((100 * m.first_sample)::numeric, 2) as first_sample_percent,
    a.moved_at as promoted_at,
    (select count(*) from ls.task t where t.ranker_id = r.ranker_id and t.state in ('blocked', 'waiting', 'leased')) as open_tasks,
    r.training, h.name as home,
    (select w.lost_because from ls.home_weights w where w.digest = v.digest and w.worker_id = r.home_worker_id) as lost_because
from ls.ranker r
    join ls.base_model b using (base_model_id)
    left join ls.domain d using (domain_id)
    left join ls.ranker_alias a on a.ranker_id = r.ranker_id and a.alias = 'champion'
    left join ls.ranker_version v on v.version_id = a.version_id
    left join ls.worker h on h.worker_id = r.home_worker_id
    left join lateral (
        select sum(e.accuracy * e.group_count) / sum(e.group_count) as accuracy,
            sum(e.first_sample * e.group_count) / sum(e.group_count) as first_sample
        from ls.current_feature_sets(r.base_model_id, d.name, 'test', r.user_name) c
            join ls.evaluation e on e.feature_set_id = c.feature_set_id and e.version_id = v.version_id
                and e.configuration = ls.default_evaluation_configuration()) m on true
order by r.name;
comment on view ls.ranker_status is 'Rankers with their champion, its accuracy on their own test sets and their open tasks.';
