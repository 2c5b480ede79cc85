-- ls.lock_attempt(worker, token) -> the attempt, its task and what is blocked on that locked before it; no row for a token that
-- is unknown or another worker's. All functions lock in one order: worker, task, attempt, ranker, feature set (States).
-- Called by: complete_training, fail_attempt; complete_evaluation does the same and keeps the task.
create or replace function ls.lock_attempt(p_worker_id bigint, p_token uuid)
returns setof ls.attempt
language plpgsql
as $$
declare
    v_task_id bigint;
begin
    select task_id into v_task_id from ls.attempt where token = p_token and worker_id = p_worker_id;
    if v_task_id is not null then
        perform ls.lock_tasks(array[v_task_id]);
    end if;
    return query select * from ls.attempt where token = p_token and worker_id = p_worker_id for no key update;
end
$$;
comment on function ls.lock_attempt(bigint, uuid) is 'Locks a task and one of its attempts, by fencing token.';
