-- ls.complete_training(worker, token, digest, weights, report, byte_count) -> version id, counted.
-- Takes the result of a train task, all or nothing: the version with its lineage, the attempt
-- succeeded, the task leased -> done, and the evaluate task of the new version. A version of a sweep is
-- measured on the sweep's test sets, and the last one ends the sweep. Of an edge-only ranker weights are null
-- and byte_count says their size. Tasks blocked on this one go on
-- when that evaluation is done, too.
--   twice with one token      the same version id, counted, nothing more happens
--   late, the lease is lost   not counted, nothing happens
--   the bytes are a version   that version's id; no second version of the same bytes
-- Called by: LedgerStore.completeTraining.
create or replace function ls.complete_training(p_worker_id bigint, p_token uuid, p_digest bytea, p_weights bytea, p_report jsonb,
    p_byte_count bigint default null)
returns table (version_id bigint, counted boolean)
language plpgsql security definer set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan set enable_seqscan = off set jit = off
as $$
#variable_conflict use_column
declare
    v_attempt ls.attempt;
    v_task ls.task;
    v_version record;
    v_sweep ls.sweep;
    v_evaluations bigint[];
begin
    perform ls.check_worker(p_worker_id);
    select * into v_attempt from ls.lock_attempt(p_worker_id, p_token);
    if v_attempt.state = 'succeeded' then
        return query select v_attempt.version_id, true;
        return;
    end if;
    if v_attempt.state is distinct from 'open' or v_attempt.leased_until <= clock_timestamp() then
        perform ls.refuse_foreign_lease(p_worker_id, p_token);
        return query select null::bigint, false;
        return;
    end if;
    select * into strict v_task from ls.task where task_id = v_attempt.task_id;
    if v_task.kind <> 'train' then
        perform ls.refuse('LS001', format('cannot take weights for task %s: it is an %s task', v_task.task_id, v_task.kind));
    end if;

    select * into strict v_version from ls.insert_version(v_task.ranker_id, p_digest, p_weights, p_report,
        v_task.initial_version_id, v_task.task_id, v_attempt.number, p_worker_id, v_task.requested_by, p_byte_count);
    if v_version.is_new then
        insert into ls.version_feature_set (version_id, ordinal, feature_set_id)
        select v_version.version_id, f.ordinal, f.feature_set_id from ls.task_feature_set f where f.task_id = v_task.task_id;
    end if;
    update ls.attempt a set state = 'succeeded', ended_at = clock_timestamp(), progress = 1, version_id = v_version.version_id
    where a.task_id = v_task.task_id and a.number = v_attempt.number;
    update ls.task t set state = 'done', ended_at = clock_timestamp(), stays = t.stays or not v_version.is_new
    where t.task_id = v_task.task_id;
    select s.* into v_sweep from ls.sweep_entry e join ls.sweep s using (sweep_id) where e.task_id = v_task.task_id;
    if v_sweep.sweep_id is null then
        perform ls.evaluate_new_version(v_version.version_id, v_task.requested_by);
    else
        perform ls.request_evaluation(v_version.version_id, v_sweep.test_feature_set_ids, v_sweep.evaluation,
            p_by => v_task.requested_by);
        perform ls.end_sweeps(v_task.ranker_id);
    end if;
    -- What waits for this training waits for its figures, too: they decide which version serves.
    select coalesce(array_agg(t.task_id), '{}') into v_evaluations from ls.task t
    where t.version_id = v_version.version_id and t.kind = 'evaluate' and t.state in ('waiting', 'leased');
    perform ls.meet_dependency(v_task.task_id, v_evaluations);
    return query select v_version.version_id, true;
end
$$;
comment on function ls.complete_training(bigint, uuid, bytea, bytea, jsonb, bigint) is
    'Records the weights of a training: it adds the version with its lineage, ends the task and requests the evaluation, in one transaction. Returns the version and whether the result counts; it does not when the lease is lost. Refuses bytes whose SHA-256 is not the digest (LS003), '
    'weights for an evaluate task, under another worker''s lease or of an edge-only ranker (LS001), and a revoked worker (LS031).';
