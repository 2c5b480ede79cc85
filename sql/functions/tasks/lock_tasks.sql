-- ls.lock_tasks(tasks) -> these tasks with all that is blocked on them, locked in the order of their ids.
-- Whoever makes a new task wait for one of them holds that meanwhile, and what it made is found afterwards; its id is
-- larger, so that the order holds.
-- Called by: lock_attempt, cancel_task, lock_home.
create or replace function ls.lock_tasks(p_task_ids bigint[])
returns bigint[]
language plpgsql
as $$
declare
    v_ids bigint[] := array(select ls.with_dependents(p_task_ids));
    v_all bigint[];
begin
    for v_round in 1 .. 5 loop
        perform from ls.task where task_id = any (v_ids) order by task_id for no key update;
        select coalesce(array_agg(d.id), '{}') into v_all from ls.with_dependents(p_task_ids) d (id);
        exit when v_all <@ v_ids;
        v_ids := v_all;
    end loop;
    return v_ids;
end
$$;
comment on function ls.lock_tasks(bigint[]) is 'Locks tasks and all that is blocked on them, in order.';
