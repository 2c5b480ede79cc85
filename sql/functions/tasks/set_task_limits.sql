-- ls.set_task_limits(kind, deadline, attempts, reason, by): how long an attempt of this kind may take and how
-- many a task may have; null leaves it as it is. For attempts leased and tasks asked for from now on.
-- An unknown kind, a deadline of nothing or of more than 30 days, more than 100 attempts: LS001.
-- Called by: an admin.
create or replace function ls.set_task_limits(p_kind text, p_deadline interval default null, p_attempt_count_max integer default null,
    p_reason text default null, p_by text default null)
returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_kind ls.task_kind;
begin
    select * into v_kind from ls.task_kind where kind = p_kind for update;
    if v_kind.kind is null or not v_kind.is_leased then
        perform ls.refuse('LS001', format('cannot set the limits of ''%s'' tasks: no worker does tasks of this kind', p_kind),
            'expected train or evaluate');
    end if;
    if p_deadline not between interval '1 ms' and interval '30 days' or p_attempt_count_max not between 1 and 100 then
        perform ls.refuse('LS001', format('cannot set the limits of ''%s'' tasks: found a deadline of %s and %s attempts', p_kind,
            coalesce(p_deadline, v_kind.deadline), coalesce(p_attempt_count_max, v_kind.attempt_count_max)),
            'expected 1 ms to 30 days, and 1 to 100 attempts');
    end if;
    update ls.task_kind set deadline = coalesce(p_deadline, deadline), attempt_count_max = coalesce(p_attempt_count_max, attempt_count_max)
    where kind = p_kind;
    perform ls.record_audit(p_by, 'set task limits', format('%s: deadline %s, %s attempts', p_kind,
        coalesce(p_deadline, v_kind.deadline), coalesce(p_attempt_count_max, v_kind.attempt_count_max)), p_reason);
end
$$;
comment on function ls.set_task_limits(text, interval, integer, text, text) is
    'Sets how long an attempt of a kind of task may take, and how many attempts a task may have, from now on; null leaves it as '
    'it is, and ls.task_limits shows it. Refuses a kind that no worker does, a deadline outside 1 ms to 30 days, and attempts '
    'outside 1 to 100 (LS001).';
