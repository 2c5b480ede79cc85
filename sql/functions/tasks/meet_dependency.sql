-- ls.meet_dependency(task, followed_by): the task is done; whoever waited for it goes on.
-- A blocked task whose last dependency this was starts waiting; a matrix looks what it still lacks. Of
-- two last dependencies that end at once, the second sees the first: the blocked task is locked before
-- its dependencies are read. followed_by: the tasks that belong to this one (the evaluation of what it
-- trained), for which its dependents wait as well.
-- Called by: complete_training, complete_evaluation, advance_matrix.
create or replace function ls.meet_dependency(p_task_id bigint, p_followed_by bigint[] default '{}')
returns void
language plpgsql
as $$
declare
    v_blocked ls.task;
begin
    -- Nobody waits for most tasks. Who begins to wait locks the needed task first (add_dependencies), as
    -- our caller did: whoever is not seen here will find the task done.
    if not exists (select from ls.task_dependency where needs_task_id = p_task_id and met_at is null) then
        return;
    end if;
    for v_blocked in
        select t.* from ls.task_dependency d join ls.task t using (task_id)
        where d.needs_task_id = p_task_id and d.met_at is null and t.state = 'blocked'
        order by t.task_id for no key update of t
    loop
        insert into ls.task_dependency (task_id, needs_task_id)
        select v_blocked.task_id, f.task_id from ls.task f
        where f.task_id = any (p_followed_by) and f.state in ('waiting', 'leased')
        on conflict do nothing;
        update ls.task_dependency set met_at = clock_timestamp()
        where task_id = v_blocked.task_id and needs_task_id = p_task_id;
        continue when exists (select from ls.task_dependency where task_id = v_blocked.task_id and met_at is null);
        if v_blocked.kind = 'matrix' then
            perform ls.advance_matrix(v_blocked.task_id);
        else
            update ls.task set state = 'waiting', turn = ls.next_turn(v_blocked.owner, v_blocked.kind, v_blocked.priority)
            where task_id = v_blocked.task_id;
            perform ls.start_from_incumbent(v_blocked.task_id);
            perform pg_notify('ls_task', v_blocked.kind);
        end if;
    end loop;
end
$$;
comment on function ls.meet_dependency(bigint, bigint[]) is 'Lets the tasks go on that waited for one that is done.';
