-- ls.cancel_task(task, reason, by) -> whether it was cancelled now (false: it was cancelled before).
-- blocked, waiting or leased -> cancelled, and with it what is blocked on it. The worker hears of it by its next heartbeat at the latest, and before
-- that on channel ls_cancel (payload: lease token); what it still hands in does not count.
-- It may have been the last of a sweep.
-- Called by: LedgerStore.cancelTask, an operator.
create or replace function ls.cancel_task(p_task_id bigint, p_reason text, p_by text default null)
returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan set enable_seqscan = off set jit = off
as $$
declare
    v_ids bigint[];
    v_task ls.task;
    v_token uuid;
begin
    -- With what is blocked on it, all in order before the first ranker.
    v_ids := ls.lock_tasks(array[p_task_id]);
    perform ls.lock_rankers(v_ids, true);
    select * into v_task from ls.task where task_id = p_task_id for no key update;
    if not found then
        if exists (select from ls.task_archive where task_id = p_task_id) then
            perform ls.refuse('LS021', format('cannot cancel task %s: it is %s, and in the archive', p_task_id,
                (select min(state) from ls.task_archive where task_id = p_task_id)), 'only a blocked, waiting or leased task can be cancelled');
        end if;
        perform ls.refuse('LS015', format('cannot cancel task %s: no task has this id', p_task_id));
    end if;
    if v_task.state = 'cancelled' then
        return false;
    end if;
    if v_task.state not in ('blocked', 'waiting', 'leased') then
        perform ls.refuse('LS021', format('cannot cancel task %s: it is %s', p_task_id, v_task.state),
            'only a blocked, waiting or leased task can be cancelled');
    end if;
    update ls.attempt set state = 'cancelled', ended_at = clock_timestamp(), error_code = 'cancelled', error_message = p_reason
    where task_id = p_task_id and state = 'open' returning token into v_token;
    update ls.task set state = 'cancelled', ended_at = clock_timestamp(), ended_because = coalesce(nullif(p_reason, ''), 'no reason given')
    where task_id = p_task_id;
    perform ls.record_audit(p_by, 'cancel task', format('task %s', p_task_id), p_reason);
    perform ls.cancel_dependents(p_task_id, p_by);
    perform ls.end_sweeps(v_task.ranker_id);
    if v_token is not null then
        perform pg_notify('ls_cancel', v_token::text);
    end if;
    return true;
end
$$;
comment on function ls.cancel_task(bigint, text, text) is
    'Cancels a task that has not ended, and with it the tasks blocked on it; returns true, or false when the task was cancelled before. A worker that has the task is told so, and its result does not count. Refuses an unknown task (LS015) and one '
    'that has ended otherwise (LS021).';
