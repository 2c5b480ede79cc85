-- ls.refuse_result(worker, token, code, reason) -> whether the worker is in quarantine now.
-- For a result that lscoord or a function refused (NaN weights, another's lease, figures out of range): the
-- refusal is kept in the audit log, the attempt, when it is the worker's own, has failed and others may try,
-- and the fifth refusal since it was last let in puts the worker in quarantine: its leases are given back
-- and nothing is taken from it until ls.release_worker(). Of one task only the first refusal counts: a task
-- that cannot be done right must not take its worker along. A refusal of an attempt that has ended, and
-- anything of a worker in quarantine or revoked, is not even kept, so nobody fills the log.
-- Called by: LedgerStore.refuseResult.
create or replace function ls.refuse_result(p_worker_id bigint, p_token uuid, p_code text, p_reason text)
returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_worker ls.worker;
    v_attempt ls.attempt;
    v_reason text := left(coalesce(nullif(p_reason, ''), 'no reason given'), 2000);
    v_because text;
    v_counts boolean := true;
begin
    -- As revoke_worker: the worker before its tasks.
    select * into v_worker from ls.worker where worker_id = p_worker_id for no key update;
    if not found then
        perform ls.refuse('LS016', format('cannot refuse a result of worker %s: no worker has this id', coalesce(p_worker_id::text, 'null')));
    end if;
    if v_worker.revoked_at is not null or v_worker.quarantined_at is not null then
        return true;
    end if;
    select * into v_attempt from ls.lock_attempt(p_worker_id, p_token);
    if v_attempt.task_id is not null then
        v_counts := not exists (select from ls.attempt where task_id = v_attempt.task_id and worker_id = p_worker_id
            and state = 'failed' and error_code = left(p_code, 100));
        if v_attempt.state <> 'open' and not v_counts then
            return false;
        end if;
    end if;
    perform ls.record_audit('worker ' || v_worker.name, 'result refused',
        case when v_attempt.task_id is null then 'no task of its own'
            else format('task %s, attempt %s', v_attempt.task_id, v_attempt.number) end, v_reason);
    if v_attempt.state = 'open' then
        perform ls.end_attempt(v_attempt.task_id, v_attempt.number, 'failed', left(p_code, 100), v_reason, true, true);
    end if;
    if not v_counts then
        return false;
    end if;
    update ls.worker set refusal_count = refusal_count + 1 where worker_id = p_worker_id;
    if v_worker.refusal_count + 1 < 5 then
        return false;
    end if;
    v_because := format('%s of its results were refused, the last because: %s', v_worker.refusal_count + 1, v_reason);
    update ls.worker set quarantined_at = clock_timestamp(), quarantined_because = v_because where worker_id = p_worker_id;
    perform ls.release_leases(p_worker_id, '{}', format('worker ''%s'' is in quarantine', v_worker.name));
    perform pg_notify('ls_worker', p_worker_id::text);
    perform ls.record_audit('lscoord', 'quarantine worker', v_worker.name, v_because);
    return true;
end
$$;
comment on function ls.refuse_result(bigint, uuid, text, text) is
    'Records that a worker''s result was refused and fails its attempt; the fifth task puts the worker in quarantine. Returns '
    'whether it is in quarantine. Refuses an unknown worker (LS016).';
