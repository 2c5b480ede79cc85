-- ls.refuse_result(worker, token, code, reason) -> whether the worker is in quarantine now.
-- For a result that lscoord or a function refused: the refusal is kept in the audit log, and the attempt, when it is the
-- worker's own, has failed and others may try. Whose fault that was, nobody knows yet:
--   under a lease of its own     NaN weights, figures out of range, bytes that are no weights: it may be the data's fault. It
--                                counts against the worker when another worker's result of the task is taken. When a
--                                second worker's result is refused, too, it was the task's: dead, with the reason, and
--                                neither is to blame
--   under no lease of its own    another's lease, a token or a message that is none: no honest worker does that, whatever
--                                its data. It counts at once
-- The fifth that counts since it was last let in puts the worker in quarantine (ls.count_refusals). Of one task only the
-- first counts. Until then a worker whose results are refused one after the other is paused (ls.consider_pause).
-- A refusal of an attempt that has ended is kept once a task, and anything of a worker in quarantine or revoked not at
-- all, so nobody fills the log.
-- Called by: LedgerStore.refuseResult.
create or replace function ls.refuse_result(p_worker_id bigint, p_token uuid, p_code text, p_reason text)
returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_worker ls.worker;
    v_attempt ls.attempt;
    v_reason text := left(coalesce(nullif(p_reason, ''), 'no reason given'), 2000);
    v_is_hopeless boolean;
begin
    -- As revoke_worker: the worker before its tasks.
    select * into v_worker from ls.worker where worker_id = p_worker_id for no key update;
    if not found then
        perform ls.refuse('LS016', format('cannot refuse a result of worker %s: no worker has this id', coalesce(p_worker_id::text, 'null')));
    end if;
    if v_worker.revoked_at is not null or v_worker.quarantined_at is not null then
        return true;
    end if;
    -- And all its tasks that a quarantine would give back, in order.
    perform from ls.task where task_id in (
        select task_id from ls.attempt where worker_id = p_worker_id and (state = 'open' or token = p_token))
    order by task_id for no key update;
    select * into v_attempt from ls.lock_attempt(p_worker_id, p_token);
    if v_attempt.task_id is null then
        perform ls.record_audit('worker ' || v_worker.name, 'result refused', 'no task of its own', v_reason);
        update ls.worker set refusal_count = refusal_count + 1 where worker_id = p_worker_id;
        return ls.count_refusals(p_worker_id, v_reason);
    end if;
    insert into ls.refusal (task_id, worker_id, reason, counted_at)
    select v_attempt.task_id, p_worker_id, v_reason, case when exists (select from ls.attempt a
        where a.task_id = v_attempt.task_id and a.state = 'succeeded' and a.worker_id <> p_worker_id) then clock_timestamp() end
    where not exists (select from ls.task_trial t
        where t.task_id = v_attempt.task_id and t.worker_id = p_worker_id and t.is_final and v_attempt.state <> 'open')
    on conflict (task_id, worker_id) do nothing;
    if v_attempt.state <> 'open' and not found then
        return false;
    end if;
    perform ls.record_audit('worker ' || v_worker.name, 'result refused',
        format('task %s, attempt %s', v_attempt.task_id, v_attempt.number), v_reason);
    if v_attempt.state = 'open' then
        v_is_hopeless := ls.note_failure(v_attempt.task_id, p_worker_id, true);
        perform ls.end_attempt(v_attempt.task_id, v_attempt.number, 'failed', left(p_code, 100), v_reason, not v_is_hopeless, true);
        perform ls.consider_pause(p_worker_id, v_reason);
    end if;
    return ls.count_refusals(p_worker_id);
end
$$;
comment on function ls.refuse_result(bigint, uuid, text, text) is
    'Records that a worker''s result was refused and fails its attempt. The refusal counts against the worker when another one does the task; the fifth that counts puts the worker into quarantine. When results of two workers were refused, the task is dead. Returns '
    'whether the worker is in quarantine. Refuses an unknown worker (LS016).';
