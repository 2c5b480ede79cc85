-- ls.expire_leases() -> the attempts that were ended, and what became of their tasks.
-- Every lease that ran out: leased -> waiting at once (no pause: the worker is gone, the task is not to
-- blame), or -> dead after the last attempt (ls.end_attempt). An attempt that ran past the deadline of its kind ends here,
-- too, with a pause. Any number of coordinators may call it at once: rows that
-- another one is working on are skipped. A worker that loses task after task is paused; and whose refused results others
-- did meanwhile is put in quarantine (ls.count_refusals), before any task is locked.
-- Called by: LedgerStore.expireLeases, every second or so.
create or replace function ls.expire_leases()
returns table (task_id bigint, attempt integer, worker text, task_state text)
language plpgsql security definer set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan set enable_seqscan = off set jit = off
as $$
#variable_conflict use_column
declare
    v_ids bigint[];
    v_late record;
    v_now timestamptz;
    v_worker_id bigint;
begin
    for v_worker_id in select distinct r.worker_id from ls.refusal r where r.counted_at is not null order by 1 loop
        perform from ls.worker w where w.worker_id = v_worker_id for no key update skip locked;
        if found then
            perform ls.count_refusals(v_worker_id);
        end if;
    end loop;
    -- The tasks first, as everywhere; then look again: a result may have come in between.
    select array_agg(l.task_id) into v_ids from (
        select t.task_id from ls.task t
        where t.task_id in (select a.task_id from ls.attempt a where a.state = 'open' and a.leased_until <= clock_timestamp())
        order by t.task_id for no key update skip locked) l;
    if v_ids is null then
        return;
    end if;
    perform ls.lock_rankers(v_ids);
    v_now := clock_timestamp();
    for v_late in
        select a.task_id, a.number, a.worker_id, a.leased_at, a.ends_by, w.name from ls.attempt a join ls.worker w using (worker_id)
        where a.task_id = any (v_ids) and a.state = 'open' and a.leased_until <= v_now
        order by a.task_id for no key update of a skip locked
    loop
        perform ls.note_failure(v_late.task_id, v_late.worker_id, false);
        return query
            select v_late.task_id, v_late.number, v_late.name,
                case when v_late.ends_by <= v_now
                    then ls.end_attempt(v_late.task_id, v_late.number, 'expired', 'deadlineExceeded',
                        format('worker ''%s'' did not end it by the deadline of its kind, %s', v_late.name, v_late.ends_by - v_late.leased_at), true, true)
                    else ls.end_attempt(v_late.task_id, v_late.number, 'expired', 'leaseLost',
                        format('worker ''%s'' was not heard of any more', v_late.name), true, false) end;
        -- The order is worker, then task: who has the worker now is not waited for.
        perform from ls.worker w where w.worker_id = v_late.worker_id for no key update skip locked;
        if found then
            perform ls.consider_pause(v_late.worker_id, 'it was not heard of any more');
        end if;
    end loop;
end
$$;
comment on function ls.expire_leases() is
    'Ends the attempts whose lease ran out, and returns them; each task waits again, or is dead after the last attempt.';
