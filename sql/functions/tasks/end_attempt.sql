-- ls.end_attempt(task, attempt, state, code, message, retryable, backoff) -> the task's new state.
-- Ends an open attempt without a result; the task goes leased -> waiting, or -> dead when it may not be
-- tried again. A lost lease uses up an attempt: a worker that crashes on this task must not crash on it
-- for ever. With backoff the next attempt waits 1, 2, 4, 8 s, a quarter more or less, by the failures so far.
-- The last attempt ends the task when two workers failed it, or no other that could do it was seen for a minute
-- (ls.may_ask_others), or it failed four times as often as its kind allows: until then it is one worker's word, and one
-- worker does not turn the queue into dead letters. A worker that is alone uses up the attempts as they are.
-- A task that is dead may have been the last of a sweep. The caller holds the locks of the task and of
-- the attempt.
-- Called by: fail_attempt, expire_leases, release_leases, revoke_worker.
create or replace function ls.end_attempt(p_task_id bigint, p_number integer, p_state text, p_code text,
    p_message text, p_retryable boolean, p_backoff boolean)
returns text
language plpgsql
as $$
declare
    v_task ls.task;
    v_worker_id bigint;
    v_wait interval := interval '0';
begin
    update ls.attempt set state = p_state, ended_at = clock_timestamp(), error_code = p_code, error_message = p_message
    where task_id = p_task_id and number = p_number
    returning worker_id into strict v_worker_id;
    select * into strict v_task from ls.task where task_id = p_task_id;
    if p_retryable and v_task.attempt_count >= v_task.attempt_count_max
        and not exists (select from ls.task_trial where task_id = p_task_id and worker_id <> v_worker_id and failure_count > 0)
        and (select coalesce(sum(t.failure_count), 0) from ls.task_trial t where t.task_id = p_task_id)
            < 4 * (select k.attempt_count_max from ls.task_kind k where k.kind = v_task.kind)
        and ls.may_ask_others(p_task_id, v_worker_id)
    then
        v_task.attempt_count_max := v_task.attempt_count + 1;
        update ls.task set attempt_count_max = v_task.attempt_count_max where task_id = p_task_id;
    end if;
    if not p_retryable or v_task.attempt_count >= v_task.attempt_count_max then
        update ls.task set state = 'dead', ended_at = clock_timestamp(),
            ended_because = format('attempt %s of %s: %s', p_number, v_task.attempt_count_max, p_message)
        where task_id = p_task_id;
        perform ls.end_sweeps(v_task.ranker_id);
        return 'dead';
    end if;
    if p_backoff then
        v_wait := make_interval(secs => least(60, 2 ^ least((select count(*) from ls.attempt
            where task_id = p_task_id and state in ('failed', 'expired')) - 1, 6)) * (0.75 + 0.5 * random()));
    end if;
    update ls.task set state = 'waiting', run_after = clock_timestamp() + v_wait where task_id = p_task_id;
    perform pg_notify('ls_task', v_task.kind);
    return 'waiting';
end
$$;
comment on function ls.end_attempt(bigint, integer, text, text, text, boolean, boolean) is
    'Ends an attempt without a result and puts its task back to waiting, or to the dead letters.';
