-- ls.request_evaluation(version, feature_sets, configuration, …) -> task id, or null.
-- Adds a waiting evaluate task for the sets on which this version has not been measured with this
-- configuration and no open task is about to measure it. Nothing left to measure: null when all
-- figures are there, otherwise the open task. Without feature sets it takes the current test sets
-- of the ranker's domain and everything beneath it.
-- Called by: evaluate_new_version, request_incumbent, request_transfer_matrix,
-- LedgerStore.requestEvaluation, an operator.
create or replace function ls.request_evaluation(p_version_id bigint, p_feature_set_ids bigint[] default null,
    p_configuration jsonb default null, p_priority smallint default 0, p_by text default null,
    p_run_after timestamptz default null, p_after bigint[] default null)
returns bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan set enable_seqscan = off set jit = off
as $$
declare
    v_ranker_id bigint := ls.version_ranker(p_version_id);
    v_configuration jsonb := coalesce(p_configuration, ls.default_evaluation_configuration());
    v_ranker ls.ranker;
    v_domain text;
    v_sets bigint[] := p_feature_set_ids;
    v_open_task bigint;
begin
    -- Tasks before rankers, as everywhere.
    if p_after is not null then
        perform from ls.task where task_id = any (p_after) order by task_id for share;
    end if;
    -- Two requests for one ranker look at what is open one after the other.
    select * into v_ranker from ls.ranker where ranker_id = v_ranker_id for no key update;
    -- who was waited for may have been a user's forgetting
    perform ls.version_ranker(p_version_id);
    select name into v_domain from ls.domain where domain_id = v_ranker.domain_id;
    if jsonb_typeof(v_configuration) <> 'object' then
        perform ls.refuse('LS001', format('cannot evaluate version %s: the configuration must be a JSON object', p_version_id));
    end if;
    if v_sets is null then
        select array_agg(c.feature_set_id order by c.domain collate "C", c.feature_set_id) into v_sets
        from ls.current_feature_sets(v_ranker.base_model_id, v_domain, 'test', v_ranker.user_name) c;
    end if;
    if coalesce(cardinality(v_sets), 0) = 0 then
        perform ls.refuse('LS014', format('cannot evaluate ranker ''%s'': there is no test feature set of %s', v_ranker.name,
            coalesce('domain ''' || v_domain || '''', 'any domain')), 'import one: lscoord features import FILE');
    end if;
    perform ls.check_feature_sets(v_ranker_id, v_sets);

    select min(t.task_id) into v_open_task from ls.task t join ls.task_feature_set f using (task_id)
    where t.version_id = p_version_id and t.kind = 'evaluate' and t.state in ('blocked', 'waiting', 'leased')
        and t.configuration = v_configuration and f.feature_set_id = any (v_sets);
    select array_agg(s.id order by s.ordinal) into v_sets
    from unnest(v_sets) with ordinality s (id, ordinal)
    where not exists (select from ls.evaluation e
            where e.version_id = p_version_id and e.feature_set_id = s.id and e.configuration = v_configuration)
        and not exists (select from ls.task t join ls.task_feature_set f using (task_id)
            where t.version_id = p_version_id and t.kind = 'evaluate' and t.state in ('blocked', 'waiting', 'leased')
                and t.configuration = v_configuration and f.feature_set_id = s.id);
    if v_sets is null then
        return v_open_task;
    end if;
    return ls.insert_task('evaluate', v_ranker_id, p_version_id, null, v_configuration, v_sets, p_priority, p_by,
        p_run_after => p_run_after, p_after => p_after);
end
$$;
comment on function ls.request_evaluation(bigint, bigint[], jsonb, smallint, text, timestamptz, bigint[]) is
    'Requests that a version is measured on feature sets (by default the current test sets of its ranker), and returns the task, or null when all figures are known. Refuses an unknown version or set (LS013, LS014), a set of another base '
    'model (LS004), one named twice and a configuration that is not an object (LS001), and a task in p_after that is unknown, dead or cancelled (LS015, LS021).';
