-- ls.revoke_worker(name, reason, by): shuts a worker out, for good. Its tasks wait again at once; its next
-- call is refused (LS031), and coordinators hear of it (NOTIFY ls_worker) and end its session. What was at home with it is
-- lost (ls.lose_home). Again: nothing happens. Called by: LedgerStore.revokeWorker, an admin.
create or replace function ls.revoke_worker(p_name text, p_reason text, p_by text default null)
returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_worker ls.worker;
    v_ids bigint[];
begin
    perform ls.home_lock();
    -- Not for update: a result that is being taken refers to the worker, and holds its task.
    select * into v_worker from ls.worker where name = p_name for no key update;
    if not found then
        perform ls.refuse('LS016', format('cannot revoke worker ''%s'': no worker has this name', left(p_name, 80)),
            'select name from ls.worker_status lists the workers');
    end if;
    if coalesce(p_reason, '') = '' then
        perform ls.refuse('LS001', format('cannot revoke worker ''%s'': a reason is needed', p_name));
    end if;
    if v_worker.revoked_at is not null then
        return;
    end if;
    update ls.worker set revoked_at = clock_timestamp(), revoked_by = coalesce(p_by, session_user), revoked_because = p_reason
    where worker_id = v_worker.worker_id;
    -- All its tasks, leased to it or at home with it, before the first ranker; what blocks on those at home comes later.
    select array_agg(l.task_id) into v_ids from (
        select t.task_id from ls.task t where t.task_id in (
            select task_id from ls.attempt where worker_id = v_worker.worker_id and state = 'open'
            union all select task_id from ls.task where home_worker_id = v_worker.worker_id and ended_at is null)
        order by t.task_id for no key update) l;
    perform ls.lock_rankers(v_ids);
    perform ls.lock_home(v_worker.worker_id, '{}', '{}');
    perform ls.release_leases(v_worker.worker_id, '{}', format('worker ''%s'' was revoked', p_name));
    perform ls.lose_home(v_worker.worker_id, '{}', '{}', format('worker ''%s'' was revoked', p_name), p_by);
    perform pg_notify('ls_worker', v_worker.worker_id::text);
    perform ls.record_audit(p_by, 'revoke worker', p_name, p_reason);
end
$$;
comment on function ls.revoke_worker(text, text, text) is
    'Revokes a worker permanently and gives its tasks to others; repeating it changes nothing. Refuses an unknown worker (LS016) '
    'and an empty reason (LS001).';
