-- ls.dead_letter: tasks that used up their attempts, with the error of each; ls.redrive tries them again.
create or replace view ls.dead_letter as
select t.task_id, t.kind, r.name as ranker, v.number as version, t.attempt_count as attempts, t.ended_at, t.ended_because,
    (select array_agg(format('%s %s by %s: %s', a.number, a.state, w.name, a.error_message) order by a.number)
        from ls.attempt a join ls.worker w using (worker_id) where a.task_id = t.task_id) as errors
from ls.task t join ls.ranker r using (ranker_id) left join ls.ranker_version v on v.version_id = t.version_id
where t.state = 'dead'
order by t.ended_at desc;
comment on view ls.dead_letter is 'Tasks that used up their attempts, with the error of each.';
