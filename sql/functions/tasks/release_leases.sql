-- ls.release_leases(worker, keeping, because, is_forgiven) -> how many leases were given back.
-- For a worker that comes (back) and says which leases it still works on: all others of its open attempts
-- end, and their tasks wait again at once. Each uses up an attempt: a worker that crashes on a task must not crash on it for
-- ever. It counts as a failure there (ls.note_failure, ls.consider_pause), so that a worker which comes back again and again
-- does not use up others' tasks; not when it was revoked or put in quarantine, for then it did not leave by itself.
-- Forgiven: it does not, as another machine, not the task, is to blame; five times a task at most.
-- Called by: LedgerStore.releaseLeases, worker_connected, redeem_join_token, revoke_worker, refuse_result.
create or replace function ls.release_leases(p_worker_id bigint, p_keeping uuid[] default '{}',
    p_because text default 'the worker came back without it', p_is_forgiven boolean default false)
returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan set enable_seqscan = off set jit = off
as $$
declare
    v_ids bigint[];
    v_open record;
    v_number integer;
    v_count integer := 0;
    v_failed integer := 0;
    v_is_forgiven boolean;
    v_is_shut_out boolean;
begin
    -- As everywhere: the worker, which may be paused, before its tasks; and all tasks before the first ranker, which the end of a sweep locks.
    select revoked_at is not null or quarantined_at is not null into v_is_shut_out from ls.worker where worker_id = p_worker_id for no key update;
    select array_agg(l.task_id) into v_ids from (
        select t.task_id from ls.task t where t.task_id in (
            select task_id from ls.attempt where worker_id = p_worker_id and state = 'open' and token <> all (p_keeping))
        order by t.task_id for no key update) l;
    perform ls.lock_rankers(v_ids);
    for v_open in
        select task_id, number from ls.attempt
        where worker_id = p_worker_id and state = 'open' and token <> all (p_keeping) and task_id = any (v_ids) order by task_id
    loop
        select number into v_number from ls.attempt
        where task_id = v_open.task_id and number = v_open.number and state = 'open' for no key update;
        if found then
            v_is_forgiven := p_is_forgiven and (select count(*) from ls.attempt where task_id = v_open.task_id and error_code = 'takenOver') < 5;
            if v_is_forgiven then
                update ls.task set attempt_count_max = attempt_count_max + 1 where task_id = v_open.task_id;
            elsif not v_is_shut_out then
                perform ls.note_failure(v_open.task_id, p_worker_id, false);
                v_failed := v_failed + 1;
            end if;
            perform ls.end_attempt(v_open.task_id, v_number, 'released', case when p_is_forgiven then 'takenOver' else 'released' end, p_because, true, false);
            v_count := v_count + 1;
        end if;
    end loop;
    if v_failed > 0 then
        perform ls.consider_pause(p_worker_id, p_because);
    end if;
    return v_count;
end
$$;
comment on function ls.release_leases(bigint, uuid[], text, boolean) is
    'Gives back the leases that a worker no longer works on, and returns how many; forgiven ones do not count as attempts.';
