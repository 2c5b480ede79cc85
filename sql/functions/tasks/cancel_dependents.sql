-- ls.cancel_dependents(task, by): what was blocked on a task that is cancelled will never start: it is
-- cancelled as well, and what was blocked on that. Called by: cancel_task.
create or replace function ls.cancel_dependents(p_task_id bigint, p_by text)
returns void
language plpgsql
as $$
declare
    v_blocked bigint;
begin
    for v_blocked in
        select t.task_id from ls.task_dependency d join ls.task t using (task_id)
        where d.needs_task_id = p_task_id and d.met_at is null and t.state = 'blocked'
        order by t.task_id for no key update of t
    loop
        perform ls.cancel_task(v_blocked, format('task %s, which it needs, was cancelled', p_task_id), p_by);
    end loop;
end
$$;
comment on function ls.cancel_dependents(bigint, text) is 'Cancels the tasks that are blocked on a cancelled one.';
