-- ls.redrive(task, reason, by): dead -> waiting, with as many more attempts as its kind has (a matrix: dead
-- -> blocked, and it looks again what it lacks). A sweep that thereby has
-- something to wait for again is open again, and chooses its best again at its end.
-- Refused for a task that is not dead (LS021), or when an open task asks for the same by now (LS020).
-- Called by: LedgerStore.redrive, an operator.
create or replace function ls.redrive(p_task_id bigint, p_reason text, p_by text default null)
returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_task ls.task;
begin
    select * into v_task from ls.task where task_id = p_task_id for no key update;
    if not found then
        if exists (select from ls.task_archive where task_id = p_task_id) then
            perform ls.refuse('LS021', format('cannot redrive task %s: it is %s, and in the archive', p_task_id,
                (select min(state) from ls.task_archive where task_id = p_task_id)), 'ask for it again');
        end if;
        perform ls.refuse('LS015', format('cannot redrive task %s: no task has this id', p_task_id));
    end if;
    if v_task.state <> 'dead' then
        perform ls.refuse('LS021', format('cannot redrive task %s: it is %s, only a dead task can be', p_task_id, v_task.state));
    end if;
    -- Before the key of its work: whoever asks for the same holds the ranker first.
    perform from ls.ranker where ranker_id = v_task.ranker_id for no key update;
    begin
        update ls.task set state = case kind when 'matrix' then 'blocked' else 'waiting' end, ended_at = null, ended_because = null,
            run_after = clock_timestamp(), turn = ls.next_turn(owner, kind, priority),
            attempt_count_max = attempt_count + (select k.attempt_count_max from ls.task_kind k where k.kind = v_task.kind)
        where task_id = p_task_id;
    exception when unique_violation then
        perform ls.refuse('LS020', format('cannot redrive task %s: an open task asks for the same', p_task_id));
    end;
    -- Whoever tried it before may try it again, and what they handed in is no longer held against them.
    delete from ls.task_trial where task_id = p_task_id;
    delete from ls.refusal where task_id = p_task_id and counted_at is null;
    if v_task.kind = 'matrix' then
        perform ls.advance_matrix(p_task_id);
    end if;
    update ls.sweep s set ended_at = null, best_position = null, best_version_id = null
    where s.ranker_id = v_task.ranker_id and s.ended_at is not null and exists (
        select from ls.sweep_result r where r.sweep_id = s.sweep_id and r.state in ('waiting', 'measuring'));
    perform ls.record_audit(p_by, 'redrive', format('task %s', p_task_id), p_reason);
    perform pg_notify('ls_task', v_task.kind);
end
$$;
comment on function ls.redrive(bigint, text, text) is
    'Puts a dead task back to waiting, with as many new attempts as its kind allows; a matrix checks again which figures are missing. Refuses an unknown task (LS015), one that is not dead (LS021), and one whose work an open task does now (LS020).';
