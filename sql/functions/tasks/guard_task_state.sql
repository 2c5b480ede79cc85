-- Trigger of ls.task: a state changes only along a pair listed in ls.task_transition, and a new
-- task waits or is blocked. The functions check first and say more; this is what holds when one of them errs.
create or replace function ls.guard_task_state()
returns trigger
language plpgsql
as $$
begin
    if tg_op = 'INSERT' then
        if new.state not in ('waiting', 'blocked') then
            perform ls.refuse('LS021', format('cannot create a task as %s: a new task is waiting or blocked', new.state));
        end if;
        return new;
    end if;
    if new.kind <> old.kind or new.ranker_id is distinct from old.ranker_id or new.request_key <> old.request_key then
        perform ls.refuse('LS021', format('cannot change what task %s asks for: only its state may change', old.task_id));
    end if;
    if new.state <> old.state and not exists (
        select from ls.task_transition t where t.from_state = old.state and t.to_state = new.state)
    then
        perform ls.refuse('LS021',
            format('cannot move task %s to %s: it is %s, and that step is not allowed', old.task_id, new.state, old.state),
            'select * from ls.task_transition lists the allowed steps');
    end if;
    return new;
end
$$;
comment on function ls.guard_task_state() is 'Trigger: refuses a step between task states that is not listed.';
do $$
begin
    if not exists (select from pg_trigger where tgrelid = 'ls.task'::regclass and tgname = 'task_state_moves_as_listed') then
        create trigger task_state_moves_as_listed before insert or update on ls.task
            for each row execute function ls.guard_task_state();
    end if;
end
$$;
