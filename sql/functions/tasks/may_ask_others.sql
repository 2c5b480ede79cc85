-- ls.may_ask_others(task, worker) -> whether another worker could do this task: it does such tasks, its owner allows it this
-- one (domains, size), its program did not say that it does not know how, and it was seen in the last minute: a worker that
-- is started anew is back by then, and nobody waits longer for one that is gone. A task at home somewhere is nobody else's. What
-- one worker says of a task is then not the last word.
-- Called by: note_failure, end_attempt.
create or replace function ls.may_ask_others(p_task_id bigint, p_worker_id bigint)
returns boolean
language sql stable
as $$
    select exists (
        select from ls.able_workers(p_task_id, p_worker_id) p
        where p.seen_at > clock_timestamp() - interval '1 minute'
            and not exists (select from ls.task_trial o
                where o.task_id = p_task_id and o.worker_id = p.worker_id and o.unknown_to_version = p.program_version));
$$;
comment on function ls.may_ask_others(bigint, bigint) is 'Whether another worker that could do this task was seen lately.';
