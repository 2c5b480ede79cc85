-- ls.is_kept_from(task, worker) -> whether this task is not for this worker now: its program said that it does not know
-- how to do it, and is of the same version still; or it failed the task twice, or called it hopeless, or its result was
-- refused, in the last five minutes (five more with each failure after the second, an hour at
-- most), and somebody else is connected whose owner allows it and who has not. With nobody else the worker gets it
-- again until the attempts are used up: a single worker waits for no second opinion.
-- Called by: lease_tasks, for tasks that had an attempt.
create or replace function ls.is_kept_from(p_task_id bigint, p_worker_id bigint)
returns boolean
language sql stable
as $$
    select exists (
        select from ls.task_trial t
        where t.task_id = p_task_id and t.worker_id = p_worker_id
            and (t.unknown_to_version = coalesce((select program_version from ls.worker_presence where worker_id = p_worker_id), '')
                or ((t.is_final or t.failure_count >= 2) and t.last_failed_at > clock_timestamp()
                    - least(interval '1 hour', interval '5 minutes' * greatest(1, t.failure_count - 1)) and exists (
                    select from ls.able_workers(p_task_id, p_worker_id) p join ls.worker w using (worker_id)
                    where ls.is_connected(p.disconnected_at, p.seen_at, clock_timestamp())
                        and (w.paused_until is null or w.paused_until <= clock_timestamp())
                        and not exists (select from ls.task_trial o where o.task_id = p_task_id and o.worker_id = p.worker_id
                            and (o.is_final or o.failure_count >= 2 or o.unknown_to_version = p.program_version))))));
$$;
comment on function ls.is_kept_from(bigint, bigint) is 'Whether a task goes to others than this worker, which failed it or does not know how to do it.';
