-- ls.expire_leases() -> the attempts that were ended, and what became of their tasks.
-- Every lease that ran out: leased -> waiting at once (no pause: the worker is gone, the task is not to
-- blame), or -> dead after the last attempt. An attempt that ran past the deadline of its kind ends here,
-- too, with a pause. Any number of coordinators may call it at once: rows that
-- another one is working on are skipped. Called by: LedgerStore.expireLeases, every second or so.
create or replace function ls.expire_leases()
returns table (task_id bigint, attempt integer, worker text, task_state text)
language plpgsql security definer set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan set enable_seqscan = off set jit = off
as $$
#variable_conflict use_column
declare
    v_late record;
    v_now timestamptz;
begin
    for v_late in
        select a.task_id, a.number from ls.attempt a
        where a.state = 'open' and a.leased_until <= clock_timestamp()
        order by a.task_id
    loop
        -- The task first, as everywhere; then look again: a result may have come in between.
        perform from ls.task t where t.task_id = v_late.task_id for no key update skip locked;
        continue when not found;
        v_now := clock_timestamp();
        return query
            select a.task_id, a.number, w.name,
                case when a.ends_by <= v_now
                    then ls.end_attempt(a.task_id, a.number, 'expired', 'deadlineExceeded',
                        format('worker ''%s'' did not end it by the deadline of its kind, %s', w.name, a.ends_by - a.leased_at), true, true)
                    else ls.end_attempt(a.task_id, a.number, 'expired', 'leaseLost',
                        format('worker ''%s'' was not heard of any more', w.name), true, false) end
            from (select o.task_id, o.number, o.worker_id, o.leased_at, o.ends_by from ls.attempt o
                    where o.task_id = v_late.task_id and o.number = v_late.number
                        and o.state = 'open' and o.leased_until <= v_now
                    for no key update skip locked) a
                join ls.worker w on w.worker_id = a.worker_id;
    end loop;
end
$$;
comment on function ls.expire_leases() is
    'Ends every attempt whose lease ran out, and returns them; each task waits again, or is dead after the last attempt.';
