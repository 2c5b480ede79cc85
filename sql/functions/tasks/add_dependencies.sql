-- ls.add_dependencies(task, needed tasks) -> whether anything is left to wait for.
-- For a task that was just made. What is done already is met; a task that will not be done by itself
-- (cancelled, dead) or does not exist is refused. The needed tasks are locked, so that none of them ends
-- between the look and the row. Called by: insert_task, request_matrix.
create or replace function ls.add_dependencies(p_task_id bigint, p_needs bigint[])
returns boolean
language plpgsql
as $$
declare
    v_needed record;
    v_left boolean := false;
begin
    perform from ls.task where task_id = any (p_needs) order by task_id for share;
    for v_needed in
        select distinct n.id, coalesce(t.state, a.state) as state, t.task_id is not null as is_at_hand
        from unnest(p_needs) n (id) left join ls.task t on t.task_id = n.id left join ls.task_archive a on a.task_id = n.id
        order by n.id
    loop
        if v_needed.state is null or v_needed.id = p_task_id then
            perform ls.refuse('LS015', format('cannot wait for task %s: no task has this id', coalesce(v_needed.id::text, 'null')));
        elsif v_needed.state in ('dead', 'cancelled') then
            perform ls.refuse('LS021', format('cannot wait for task %s: it is %s', v_needed.id, v_needed.state),
                case v_needed.state when 'dead' then 'redrive it first: select ls.redrive(task, reason)' else 'ask for it again first' end);
        end if;
        continue when not v_needed.is_at_hand;  -- done, and archived
        insert into ls.task_dependency (task_id, needs_task_id, met_at)
        values (p_task_id, v_needed.id, case when v_needed.state = 'done' then clock_timestamp() end);
        v_left := v_left or v_needed.state <> 'done';
    end loop;
    return v_left;
end
$$;
comment on function ls.add_dependencies(bigint, bigint[]) is 'Records the dependencies of a new task; returns whether any is not met.';
