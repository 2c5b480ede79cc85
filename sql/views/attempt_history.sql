-- ls.attempt_history: every attempt with how it ended: those of tasks at hand, newest first, then the archive's,
-- by the end of their task.
create or replace view ls.attempt_history as
(select a.task_id, t.kind, r.name as ranker, a.number as attempt, w.name as worker, a.state, a.error_code, a.error_message,
    a.leased_at, a.ended_at, coalesce(a.ended_at, clock_timestamp()) - a.leased_at as took, a.version_id as result_version_id
from ls.attempt a join ls.task t using (task_id) join ls.ranker r using (ranker_id) join ls.worker w using (worker_id)
order by a.leased_at desc, a.task_id desc)
union all
(select t.task_id, t.kind, r.name, a.number, w.name, a.state, a.error_code, a.error_message,
    a.leased_at, a.ended_at, a.ended_at - a.leased_at, a.version_id
from ls.task_archive t
    cross join lateral jsonb_to_recordset(t.attempts) a (number integer, worker_id bigint, state text, error_code text,
        error_message text, leased_at timestamptz, ended_at timestamptz, version_id bigint)
    left join ls.ranker r using (ranker_id)
    left join ls.worker w using (worker_id)
order by t.ended_at desc);
comment on view ls.attempt_history is 'Every attempt of every task, newest first, with how it ended.';
