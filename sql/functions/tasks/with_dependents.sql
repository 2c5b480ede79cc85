-- ls.with_dependents(tasks) -> these tasks, those that are blocked on them, those on those, and so on: what has to be locked
-- before a ranker is when one of them ends. Called by: lock_tasks.
create or replace function ls.with_dependents(p_task_ids bigint[])
returns setof bigint
language sql stable
as $$
    with recursive touched as (
        select id as task_id from unnest(p_task_ids) id
        union
        select d.task_id from touched t join ls.task_dependency d on d.needs_task_id = t.task_id where d.met_at is null)
    select task_id from touched;
$$;
comment on function ls.with_dependents(bigint[]) is 'Tasks, and all that are blocked on them.';
