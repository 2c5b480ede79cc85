-- ls.fail_attempt(worker, token, code, message, retryable, judgement) -> counted.
-- An attempt ended without a result. Twice with one token: counted once. Lease lost: not counted. What a worker says is
-- one worker's word, so that nobody turns the queue into dead letters:
--   retryable                    leased -> waiting after a pause (at once when it goes to others now), or -> dead when the attempts are used up
--   not retryable                the same, until a second worker says it, too: then -> dead. Meanwhile the task goes to
--                                others while there are any (ls.is_kept_from)
--   not retryable, confirmed     -> dead at once: lscoord sees the same (the configuration cannot be read), a feature set
--                                of the task is gone, or the task is at home with this worker and nobody else can say
--   not retryable, unknown here  what this worker's program does not know (a key of a configuration, a kind of task):
--                                leased -> waiting at once, for others. The attempt counts neither against the task nor
--                                against the worker, once for each of the two; the worker gets the task again as
--                                another version of its program
-- Failures that are no task's proven fault are watched (ls.consider_pause).
-- judgement: lscoord's, 'confirmed', 'unknown here' or null. Called by: LedgerStore.failAttempt.
create or replace function ls.fail_attempt(p_worker_id bigint, p_token uuid, p_code text, p_message text, p_retryable boolean,
    p_judgement text default null)
returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan set enable_seqscan = off set jit = off
as $$
declare
    v_attempt ls.attempt;
    v_code text := left(p_code, 100);
    v_message text := left(coalesce(nullif(p_message, ''), 'no reason given'), 2000);
    v_is_final boolean := not coalesce(p_retryable, true);
    v_is_confirmed boolean;
    v_is_hopeless boolean;
begin
    perform ls.check_worker(p_worker_id);
    if p_judgement not in ('confirmed', 'unknown here') then
        perform ls.refuse('LS001', format('cannot judge a failure as ''%s'': expected confirmed, unknown here or null', left(p_judgement, 80)));
    end if;
    -- As everywhere: the worker, which may be paused, before its task.
    perform from ls.worker where worker_id = p_worker_id for no key update;
    select * into v_attempt from ls.lock_attempt(p_worker_id, p_token);
    if v_attempt.state = 'failed' or (v_attempt.state = 'released' and v_attempt.error_code = v_code) then
        return true;
    end if;
    if v_attempt.state is distinct from 'open' or v_attempt.leased_until <= clock_timestamp() then
        perform ls.refuse_foreign_lease(p_worker_id, p_token);
        return false;
    end if;
    v_is_confirmed := v_is_final and (p_judgement is not distinct from 'confirmed'
        or (select home_worker_id from ls.task where task_id = v_attempt.task_id) is not null
        or exists (select from ls.task_feature_set s join ls.feature_set f using (feature_set_id)
            where s.task_id = v_attempt.task_id and f.ready_at is null));
    if v_is_confirmed then
        perform ls.end_attempt(v_attempt.task_id, v_attempt.number, 'failed', v_code, v_message, false, true);
        return true;
    end if;
    if v_is_final and p_judgement = 'unknown here' then
        if ls.note_unknown(v_attempt.task_id, p_worker_id) then
            update ls.task set attempt_count_max = attempt_count_max + 1 where task_id = v_attempt.task_id;
            perform ls.end_attempt(v_attempt.task_id, v_attempt.number, 'released', v_code, v_message, true, false);
            return true;
        end if;
        v_is_final := false;  -- the worker does not say that nobody can do it
    end if;
    v_is_hopeless := ls.note_failure(v_attempt.task_id, p_worker_id, v_is_final);
    -- Who is asked for a second opinion need not wait for the first one's pause.
    perform ls.end_attempt(v_attempt.task_id, v_attempt.number, 'failed', v_code, v_message,
        not v_is_hopeless, not ls.is_kept_from(v_attempt.task_id, p_worker_id));
    perform ls.consider_pause(p_worker_id, v_message);
    return true;
end
$$;
comment on function ls.fail_attempt(bigint, uuid, text, text, boolean, text) is
    'Ends an attempt that has no result; the task waits again after a pause, or is dead when its attempts are used up, or when trying again is no use and a second worker or lscoord says so. Returns whether the failure counts; false when the lease is lost. Refuses another worker''s lease and an unknown judgment (LS001) and a revoked worker (LS031).';
