-- ls.lock_rankers(tasks, all): locks the rankers of these tasks, with all false only those that have an open sweep, in the one order in which all
-- functions lock (the page States): the end of the last task of a sweep ends the sweep under the ranker's lock, and of
-- several tasks that end in one transaction the rankers must not be locked as they come.
-- The caller holds the locks of the tasks. Called by: expire_leases, release_leases, revoke_worker; with all, for a sweep may
-- be asked for meanwhile: cancel_task, lock_home.
create or replace function ls.lock_rankers(p_task_ids bigint[], p_all boolean default false)
returns void
language plpgsql
as $$
begin
    perform from ls.ranker where ranker_id in (
        select t.ranker_id from ls.task t
        where t.task_id = any (p_task_ids)
            and (p_all or exists (select from ls.sweep s where s.ranker_id = t.ranker_id and s.ended_at is null)))
    order by ranker_id for no key update;
end
$$;
comment on function ls.lock_rankers(bigint[], boolean) is 'Locks the rankers of tasks whose end may end a sweep, in order.';
