-- ls.sweep_status: one row a sweep: how far it is, its best version and what the promotion gate said of it.
-- spread: best accuracy minus worst. decision: null while the gate waits for figures, or had nothing to say.
create or replace view ls.sweep_status as
select s.sweep_id, r.name as ranker, s.name as sweep, case when s.ended_at is null then 'open' else 'ended' end as state,
    n.configurations, n.waiting, n.training, n.measuring, n.measured, n.failed,
    s.best_position, s.best_version_id, v.number as best_version, n.best_accuracy, n.spread,
    (select case when p.promoted then 'promoted: ' else '' end || p.reason
        from ls.promotion_decision p where p.version_id = s.best_version_id
        order by p.promotion_decision_id desc limit 1) as decision,
    s.ended_at is not null and not exists (
        select from ls.task t where t.ranker_id = s.ranker_id and t.kind = 'evaluate' and t.state in ('blocked', 'waiting', 'leased')
            and t.version_id in (s.best_version_id, h.version_id)) as is_decided,
    h.version_id is not distinct from s.best_version_id and s.best_version_id is not null as is_champion,
    (select string_agg(d.name || ' ' || f.split || ' ' || ls.short_digest(f.digest), ', ' order by d.name)
        from ls.feature_set f join ls.domain d using (domain_id) where f.feature_set_id = any (s.test_feature_set_ids)) as selected_on,
    s.evaluation, s.requested_by, s.requested_at, s.ended_at
from ls.sweep s
    join ls.ranker r using (ranker_id)
    left join ls.ranker_version v on v.version_id = s.best_version_id
    left join ls.ranker_alias h on h.ranker_id = s.ranker_id and h.alias = 'champion'
    cross join lateral (
        select count(*) as configurations, count(*) filter (where x.state = 'waiting') as waiting,
            count(*) filter (where x.state = 'training') as training, count(*) filter (where x.state = 'measuring') as measuring,
            count(*) filter (where x.state = 'measured') as measured,
            count(*) filter (where x.state in ('failed', 'cancelled', 'not measured')) as failed,
            max(x.accuracy) as best_accuracy, max(x.accuracy) - min(x.accuracy) as spread
        from ls.sweep_result x where x.sweep_id = s.sweep_id) n
order by s.sweep_id desc;
comment on view ls.sweep_status is 'The sweeps, newest first, with their progress, the best version and the promotion gate''s decision on it.';
