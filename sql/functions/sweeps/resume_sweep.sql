-- ls.resume_sweep(sweep, by): a sweep that was asked for again. What was cancelled is asked for again, as
-- are figures of its versions that nobody is about to measure; with anything to do the sweep is open
-- again. Complete, or open without gaps: nothing happens. The caller holds the ranker's lock.
-- Called by: request_sweep.
create or replace function ls.resume_sweep(p_sweep_id bigint, p_by text)
returns void
language plpgsql
as $$
declare
    v_sweep ls.sweep;
    v_gap record;
    v_reopens boolean := false;
begin
    select * into strict v_sweep from ls.sweep where sweep_id = p_sweep_id for no key update;
    for v_gap in
        select position, configuration, state, version_id from ls.sweep_result
        where sweep_id = p_sweep_id and state in ('cancelled', 'not measured') order by position
    loop
        v_reopens := true;
        if v_gap.state = 'cancelled' then
            update ls.sweep_entry e set task_id = ls.insert_task('train', v_sweep.ranker_id, null, null, v_gap.configuration,
                v_sweep.train_feature_set_ids, 0::smallint, p_by, p_sweep_id)
            where e.sweep_id = p_sweep_id and e.position = v_gap.position;
        else
            perform ls.request_evaluation(v_gap.version_id, v_sweep.test_feature_set_ids, v_sweep.evaluation, p_by => p_by);
        end if;
    end loop;
    if v_reopens then
        update ls.sweep set ended_at = null, best_position = null, best_version_id = null where sweep_id = p_sweep_id;
    end if;
end
$$;
comment on function ls.resume_sweep(bigint, text) is 'Asks again for what was cancelled in a sweep.';
