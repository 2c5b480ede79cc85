-- ls.complete_evaluation(worker, token, digests, reports) -> counted.
-- Takes the result of an evaluate task, all or nothing: one report (EvaluationReport as JSON) for each
-- feature set of the task, the attempt succeeded, the task leased -> done. Then, when the figures are
-- those the gate compares (its K, groups and seed; a scaling curve's are not), the promotion gate:
-- for the version measured, and when that is the champion, for the newer versions that waited for
-- its figures. Versions of a sweep wait for its end instead, which may be now.
-- Tasks blocked on this one go on. Twice with one token: counted, nothing more happens. Lease lost: not counted.
-- Called by: LedgerStore.completeEvaluation.
create or replace function ls.complete_evaluation(p_worker_id bigint, p_token uuid, p_digests bytea[], p_reports jsonb[])
returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan set enable_seqscan = off set jit = off
as $$
declare
    v_attempt ls.attempt;
    v_task ls.task;
    v_expected bytea[];
    v_sets bigint[];
begin
    perform ls.check_worker(p_worker_id);
    perform from ls.lock_attempt(p_worker_id, p_token);
    select t.* into v_task from ls.task t
    where t.task_id = (select a.task_id from ls.attempt a where a.token = p_token and a.worker_id = p_worker_id)
    for no key update;
    select a.* into v_attempt from ls.attempt a where a.token = p_token and a.worker_id = p_worker_id for no key update;
    if v_attempt.state = 'succeeded' then
        return true;
    end if;
    if v_attempt.state is distinct from 'open' or v_attempt.leased_until <= clock_timestamp() then
        perform ls.refuse_foreign_lease(p_worker_id, p_token);
        return false;
    end if;
    if v_task.kind <> 'evaluate' then
        perform ls.refuse('LS001', format('cannot take evaluations for task %s: it is a %s task', v_task.task_id, v_task.kind));
    end if;
    select array_agg(f.digest order by f.digest), array_agg(f.feature_set_id order by f.digest) into v_expected, v_sets
    from ls.task_feature_set tf join ls.feature_set f using (feature_set_id) where tf.task_id = v_task.task_id;
    if cardinality(p_digests) <> cardinality(p_reports)
        or (p_digests is distinct from v_expected
            and (select array_agg(d order by d) from unnest(p_digests) d) is distinct from v_expected)
    then
        perform ls.refuse('LS001', format('cannot take the evaluations of task %s: found %s digests and %s reports, expected one of each of its %s feature sets',
            v_task.task_id, cardinality(p_digests), cardinality(p_reports), cardinality(v_expected)));
    end if;
    -- Who asks for the same figures meanwhile (request_evaluation) finds them, or is here before us and waits
    -- for this task; of two last results of a sweep the second sees the first.
    perform from ls.ranker where ranker_id = v_task.ranker_id for no key update;
    -- In one order, whatever the worker's: two that are the first to measure the same sets wait for each other.
    for v_index in 1 .. cardinality(v_sets) loop
        perform ls.insert_evaluation(v_task.version_id, v_sets[v_index], v_task.configuration,
            p_reports[array_position(p_digests, v_expected[v_index])], v_task.task_id, p_worker_id);
    end loop;
    update ls.attempt a set state = 'succeeded', ended_at = clock_timestamp(), progress = 1
    where a.task_id = v_task.task_id and a.number = v_attempt.number;
    update ls.task t set state = 'done', ended_at = clock_timestamp() where t.task_id = v_task.task_id;

    if v_task.configuration = ls.default_evaluation_configuration() then
        perform ls.reconsider(v_task.version_id);
    end if;
    perform ls.end_sweeps(v_task.ranker_id);
    perform ls.meet_dependency(v_task.task_id);
    return true;
end
$$;
comment on function ls.complete_evaluation(bigint, uuid, bytea[], jsonb[]) is
    'Records the figures of an evaluation and lets the promotion gate decide, in one transaction. Returns whether they count; false when the lease is lost. Refuses invalid figures and figures of other sets or configurations, another worker''s lease (LS001), and a revoked '
    'worker (LS031).';
