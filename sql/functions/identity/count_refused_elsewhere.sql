-- Trigger of ls.attempt: a result was taken, so earlier results of the same task that were refused were their workers'
-- fault. Only marked here: who marks holds the task and must not wait for a worker; expire_leases counts them.
create or replace function ls.count_refused_elsewhere()
returns trigger
language plpgsql
as $$
begin
    update ls.refusal set counted_at = clock_timestamp()
    where task_id = new.task_id and worker_id <> new.worker_id and counted_at is null;
    return null;
end
$$;
comment on function ls.count_refused_elsewhere() is 'Trigger: refused results of a task count once another worker''s is taken.';
do $$
begin
    if not exists (select from pg_trigger where tgrelid = 'ls.attempt'::regclass and tgname = 'attempt_success_counts_refusals') then
        create trigger attempt_success_counts_refusals after update on ls.attempt
            for each row when (new.state = 'succeeded' and old.state = 'open' and new.number > 1)
            execute function ls.count_refused_elsewhere();
    end if;
end
$$;
