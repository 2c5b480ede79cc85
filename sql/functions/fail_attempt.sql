-- ls.fail_attempt(worker, token, code, message, retryable) -> counted.
-- An attempt ended without a result: leased -> waiting after a pause, or -> dead when it is no use to
-- try again or the attempts are used up. Twice with one token: counted once. Lease lost: not counted.
-- Called by: LedgerStore.failAttempt.
create or replace function ls.fail_attempt(p_worker_id bigint, p_token uuid, p_code text, p_message text, p_retryable boolean)
returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan set enable_seqscan = off set jit = off
as $$
declare
    v_attempt ls.attempt;
begin
    perform ls.check_worker(p_worker_id);
    select * into v_attempt from ls.lock_attempt(p_worker_id, p_token);
    if v_attempt.state = 'failed' then
        return true;
    end if;
    if v_attempt.state is distinct from 'open' or v_attempt.leased_until <= clock_timestamp() then
        perform ls.refuse_foreign_lease(p_worker_id, p_token);
        return false;
    end if;
    perform ls.end_attempt(v_attempt.task_id, v_attempt.number, 'failed', left(p_code, 100),
        left(coalesce(nullif(p_message, ''), 'no reason given'), 2000), coalesce(p_retryable, true), true);
    return true;
end
$$;
comment on function ls.fail_attempt(bigint, uuid, text, text, boolean) is
    'Ends an attempt that has no result; the task waits again after a pause, or is dead. Returns whether it counts: false '
    'when the lease is lost. Refuses another worker''s lease (LS001) and a revoked worker (LS031).';
