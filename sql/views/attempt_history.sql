-- ls.attempt_history: every attempt, newest first, with how it ended.
create or replace view ls.attempt_history as
select a.task_id, t.kind, r.name as ranker, a.number as attempt, w.name as worker, a.state, a.error_code, a.error_message,
    a.leased_at, a.ended_at, coalesce(a.ended_at, clock_timestamp()) - a.leased_at as took, a.version_id as result_version_id
from ls.attempt a join ls.task t using (task_id) join ls.ranker r using (ranker_id) join ls.worker w using (worker_id)
order by a.leased_at desc, a.task_id desc;
comment on view ls.attempt_history is 'Every attempt of every task, newest first, with how it ended.';
