-- ls.advance_matrix(task): a matrix that has nothing to wait for looks what it lacks. It asks for the
-- missing evaluations and waits for those, or is done; when it cannot be asked for (nothing was trained,
-- the test sets are gone) it is dead and says why. The caller holds the task's lock.
-- Called by: request_matrix, meet_dependency, redrive.
create or replace function ls.advance_matrix(p_task_id bigint)
returns void
language plpgsql
as $$
declare
    v_task ls.task;
    v_missing bigint[];
    v_state text;
    v_message text;
begin
    select * into strict v_task from ls.task where task_id = p_task_id;
    begin
        select coalesce(array_agg(distinct m.task_id), '{}') into v_missing
        from ls.request_transfer_matrix(v_task.configuration ->> 'base_model', v_task.configuration ->> 'pattern',
            v_task.configuration ->> 'kind', v_task.configuration -> 'evaluation', v_task.requested_by) m;
    exception when others then
        get stacked diagnostics v_state = returned_sqlstate, v_message = message_text;
        if v_state not like 'LS%' then  -- a deadlock, a full disk: nothing is wrong with the matrix
            raise;
        end if;
        update ls.task set state = 'dead', ended_at = clock_timestamp(), ended_because = v_message where task_id = p_task_id;
        return;
    end;
    if cardinality(v_missing) > 0 then
        insert into ls.task_dependency (task_id, needs_task_id) select p_task_id, m from unnest(v_missing) m
        on conflict (task_id, needs_task_id) do update set met_at = null;
    else
        update ls.task set state = 'done', ended_at = clock_timestamp() where task_id = p_task_id;
        perform ls.meet_dependency(p_task_id);
    end if;
end
$$;
comment on function ls.advance_matrix(bigint) is 'Requests the missing evaluations of a transfer matrix, or ends its task.';
