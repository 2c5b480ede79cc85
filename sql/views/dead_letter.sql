-- ls.dead_letter: tasks that used up their attempts, with the error of each; ls.redrive tries them again.
create or replace view ls.dead_letter as
select t.task_id, t.kind, coalesce(r.name, t.configuration ->> 'pattern') as ranker, v.number as version, t.attempt_count as attempts, t.ended_at, t.ended_because,
    (select array_agg(x.task_id order by x.task_id) from ls.task_dependency x where x.needs_task_id = t.task_id and x.met_at is null) as blocks,
    (select array_agg(format('%s %s by %s: %s', a.number, a.state, w.name, a.error_message) order by a.number)
        from ls.attempt a join ls.worker w using (worker_id) where a.task_id = t.task_id) as errors
from ls.task t left join ls.ranker r using (ranker_id) left join ls.ranker_version v on v.version_id = t.version_id
where t.state = 'dead'
order by t.ended_at desc;
comment on view ls.dead_letter is 'Tasks that used up their attempts, with the error of each.';
