-- Trigger of ls.attempt: an attempt ends once. After that nothing about it changes, so a late
-- heartbeat or a late result of a lost lease has nothing left to touch. Only ls.forget_user overwrites what it said.
create or replace function ls.guard_attempt_end()
returns trigger
language plpgsql
as $$
begin
    if old.state <> 'open' and current_setting('ls.forgetting', true) is distinct from 'on' then
        perform ls.refuse('LS021', format('cannot change attempt %s of task %s: it has ended as %s',
            old.number, old.task_id, old.state));
    end if;
    if new.token <> old.token or new.worker_id <> old.worker_id then
        perform ls.refuse('LS021', format('cannot hand attempt %s of task %s to somebody else: a new attempt is needed',
            old.number, old.task_id));
    end if;
    return new;
end
$$;
comment on function ls.guard_attempt_end() is 'Trigger: refuses any change of an attempt that has ended.';
do $$
begin
    if not exists (select from pg_trigger where tgrelid = 'ls.attempt'::regclass and tgname = 'attempt_ends_once') then
        create trigger attempt_ends_once before update on ls.attempt
            for each row execute function ls.guard_attempt_end();
    end if;
end
$$;
