-- ls.sweep_result: one row a configuration of a sweep: how far it is and how it did, over all groups of
-- the sweep's test sets. The standard error is of independent sets: the root of the summed squares.
--   state   waiting, training, measuring, measured; failed, cancelled (its training),
--           not measured (its evaluation was cancelled or is dead)
create or replace view ls.sweep_result as
select e.sweep_id, r.name as ranker, s.name as sweep, e.position,
    case when m.accuracy is not null then 'measured'
        when t.state = 'waiting' then 'waiting'
        when t.state = 'leased' then 'training'
        when t.state = 'dead' then 'failed'
        when t.state = 'cancelled' then 'cancelled'
        when exists (select from ls.task o where o.version_id = a.version_id and o.kind = 'evaluate' and o.configuration = s.evaluation
            and o.state in ('blocked', 'waiting', 'leased')) then 'measuring'
        else 'not measured' end as state,
    m.accuracy, m.standard_error, m.first_sample, m.oracle, m.query_count, m.group_count,
    a.version_id, v.number as version, coalesce(e.position = s.best_position, false) as is_best,
    e.task_id, w.name as worker, case t.state when 'leased' then a.progress when 'done' then 1 else 0 end as progress,
    case when m.accuracy is not null then null
        when t.state = 'done' then (select o.ended_because from ls.task o where o.ranker_id = s.ranker_id
            and o.version_id = a.version_id and o.kind = 'evaluate' order by o.task_id desc limit 1)
        else coalesce(t.ended_because, a.error_message) end as error, e.configuration
from ls.sweep_entry e
    join ls.sweep s using (sweep_id)
    join ls.ranker r using (ranker_id)
    join ls.task t using (task_id)
    left join ls.attempt a on a.task_id = t.task_id and a.number = t.attempt_count
    left join ls.worker w on w.worker_id = a.worker_id and t.state in ('leased', 'done')
    left join ls.ranker_version v on v.version_id = a.version_id
    left join lateral (
        select sum(x.accuracy * x.group_count) / sum(x.group_count) as accuracy,
            sqrt(sum((x.standard_error * x.group_count) ^ 2)) / sum(x.group_count) as standard_error,
            sum(x.first_sample * x.group_count) / sum(x.group_count) as first_sample,
            sum(x.oracle * x.group_count) / sum(x.group_count) as oracle,
            sum(x.query_count) as query_count, sum(x.group_count)::bigint as group_count
        from ls.evaluation x
        where x.version_id = a.version_id and x.configuration = s.evaluation and x.feature_set_id = any (s.test_feature_set_ids)
        having count(*) = cardinality(s.test_feature_set_ids)) m on true
order by e.sweep_id, e.position;
comment on view ls.sweep_result is 'The configurations of each sweep, with their progress and their results on the test sets.';
