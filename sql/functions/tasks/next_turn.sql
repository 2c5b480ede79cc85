-- ls.next_turn(owner, kind, priority) -> the place of a new waiting task in the line.
-- Start-time fair queueing: each owner has a line of their own for each kind, and lines take turns. A task
-- gets the turn after the last one of its line, or the turn at which the queue stands when the line is
-- empty: nobody saves up turns, and ten thousand tasks of one user delay another user by one task.
-- No lock: two that insert at once may share a turn, and the older task goes first.
-- Called by: insert_task, meet_dependency, redrive.
create or replace function ls.next_turn(p_owner text, p_kind text, p_priority smallint)
returns bigint
language sql stable
as $$
    select greatest(0,
        (select t.turn from ls.task t where t.state = 'waiting' and t.priority = p_priority
            order by t.turn, t.task_id limit 1),
        (select t.turn + 1 from ls.task t where t.state = 'waiting' and t.owner = p_owner and t.kind = p_kind
            and t.priority = p_priority order by t.turn desc limit 1));
$$;
comment on function ls.next_turn(text, text, smallint) is 'The place of a new waiting task in the line, fair between owners.';
