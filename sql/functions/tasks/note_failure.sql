-- ls.note_failure(task, worker, final) -> whether that makes the task hopeless. That it is no use to try again counts when
--   a second worker says so (or has its result refused, which is lscoord saying so): then it was the task's fault,
--                      and what was noted counts against nobody
--   the same worker says it twice, and no other that could do the task was seen for a minute: nobody is there to ask
-- The caller holds the locks of the worker and of the task. Called by: fail_attempt, refuse_result, expire_leases,
-- release_leases, each before it ends the attempt.
create or replace function ls.note_failure(p_task_id bigint, p_worker_id bigint, p_is_final boolean)
returns boolean
language plpgsql
as $$
declare
    v_said_so boolean := coalesce((select is_final from ls.task_trial where task_id = p_task_id and worker_id = p_worker_id), false);
begin
    if p_is_final and exists (select from ls.task_trial where task_id = p_task_id and worker_id <> p_worker_id and is_final) then
        delete from ls.task_trial where task_id = p_task_id;
        delete from ls.refusal where task_id = p_task_id and counted_at is null;
        return true;
    end if;
    insert into ls.task_trial as t (task_id, worker_id, failure_count, is_final, first_failed_at, last_failed_at)
    values (p_task_id, p_worker_id, 1, p_is_final, clock_timestamp(), clock_timestamp())
    on conflict (task_id, worker_id) do update set failure_count = t.failure_count + 1, is_final = t.is_final or excluded.is_final,
        first_failed_at = coalesce(t.first_failed_at, excluded.first_failed_at), last_failed_at = excluded.last_failed_at;
    return p_is_final and v_said_so and not ls.may_ask_others(p_task_id, p_worker_id);
end
$$;
comment on function ls.note_failure(bigint, bigint, boolean) is 'Notes that a task failed with a worker, and says whether that makes it hopeless.';
