-- ls.drop_feature_set(feature_set, reason, by): removes the bytes and the queries, keeps the name.
-- Evaluations and lineage go on pointing at it. Refused while an open task or
-- an open sweep needs it (LS021).
-- Called by: LedgerStore.dropFeatureSet, an admin.
create or replace function ls.drop_feature_set(p_feature_set_id bigint, p_reason text, p_by text default null)
returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_set ls.feature_set;
    v_task_id bigint;
    v_sweep_id bigint;
begin
    select * into v_set from ls.feature_set where feature_set_id = p_feature_set_id for update;
    if not found then
        perform ls.refuse('LS014', format('cannot drop feature set %s: no set has this id', p_feature_set_id));
    end if;
    if v_set.dropped_at is not null then
        return;
    end if;
    if v_set.home_worker_id is not null then
        perform ls.refuse('LS021', format('cannot drop feature set %s: it is at home with worker ''%s''', p_feature_set_id,
            (select name from ls.worker where worker_id = v_set.home_worker_id)), 'remove the file there');
    end if;
    select min(t.task_id) into v_task_id from ls.task_feature_set f join ls.task t using (task_id)
    where f.feature_set_id = p_feature_set_id and t.state in ('blocked', 'waiting', 'leased');
    if v_task_id is not null then
        perform ls.refuse('LS021', format('cannot drop feature set %s: task %s needs it', p_feature_set_id, v_task_id),
            'cancel the task first, or wait for its end');
    end if;
    select min(sweep_id) into v_sweep_id from ls.sweep
    where ended_at is null and p_feature_set_id = any (train_feature_set_ids || test_feature_set_ids);
    if v_sweep_id is not null then
        perform ls.refuse('LS021', format('cannot drop feature set %s: sweep %s needs it', p_feature_set_id, v_sweep_id),
            'wait for its end, or cancel its tasks');
    end if;
    delete from ls.feature_chunk where feature_set_id = p_feature_set_id;
    delete from ls.query where feature_set_id = p_feature_set_id;
    update ls.feature_set set ready_at = null, dropped_at = clock_timestamp() where feature_set_id = p_feature_set_id;
    perform ls.record_audit(p_by, 'drop feature set', format('feature set %s', p_feature_set_id), p_reason);
end
$$;
comment on function ls.drop_feature_set(bigint, text, text) is
    'Removes the bytes and queries of a feature set and keeps its name for lineage; repeating it changes nothing. Refuses an '
    'unknown set (LS014), and one that an open task or sweep needs or whose bytes only a worker has (LS021).';
