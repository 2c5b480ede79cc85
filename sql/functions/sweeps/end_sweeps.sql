-- ls.end_sweeps(ranker): ends the open sweeps of a ranker that have nothing left to wait for: every
-- configuration is measured, failed or cancelled. The best version (by accuracy over all groups of the
-- test sets, then by position) goes through the promotion gate as a newly trained one would; the
-- others stay candidates. Two last results at the same time: the ranker's lock lets the second one see
-- the first. Called by: complete_training, complete_evaluation, end_attempt, cancel_task.
create or replace function ls.end_sweeps(p_ranker_id bigint)
returns void
language plpgsql
as $$
declare
    v_sweep ls.sweep;
    v_best record;
begin
    if not exists (select from ls.sweep where ranker_id = p_ranker_id and ended_at is null) then
        return;
    end if;
    perform from ls.ranker where ranker_id = p_ranker_id for no key update;
    for v_sweep in
        select * from ls.sweep where ranker_id = p_ranker_id and ended_at is null order by sweep_id for no key update
    loop
        continue when exists (
            select from ls.sweep_entry e join ls.task t using (task_id)
            where e.sweep_id = v_sweep.sweep_id and t.state in ('waiting', 'leased'));
        continue when exists (
            select from ls.sweep_result r where r.sweep_id = v_sweep.sweep_id and r.state = 'measuring');
        select r.position, r.version_id into v_best from ls.sweep_result r
        where r.sweep_id = v_sweep.sweep_id and r.state = 'measured'
        order by r.accuracy desc, r.position limit 1;
        update ls.sweep set ended_at = clock_timestamp(), best_position = v_best.position, best_version_id = v_best.version_id
        where sweep_id = v_sweep.sweep_id;
        if v_best.version_id is not null then
            perform ls.evaluate_new_version(v_best.version_id, v_sweep.requested_by);
        end if;
    end loop;
end
$$;
comment on function ls.end_sweeps(bigint) is 'Ends the sweeps of a ranker that are complete, and offers the best version of each to the promotion gate.';
