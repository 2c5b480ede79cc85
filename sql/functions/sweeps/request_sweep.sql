-- ls.request_sweep(ranker, configurations, name, feature_sets, seed, …) -> sweep id.
-- Asks for many trainings of one ranker on the same features, to be compared: one waiting train task
-- a configuration. The configurations are a JSON list of 1 to 500 objects whose keys replace those of
-- the ranker's own training configuration; none given: the grid of the paper. The versions stay
-- candidates: when all are measured, the best alone goes through the promotion gate (end_sweep).
-- Twice, also after the end: the same sweep. Trainings that were cancelled are asked for again then,
-- and figures that are missing; what is dead waits for ls.redrive.
-- Called by: LedgerStore.requestSweep, an operator.
create or replace function ls.request_sweep(p_ranker text, p_configurations jsonb default null, p_name text default null,
    p_feature_set_ids bigint[] default null, p_seed bigint default null, p_priority smallint default 0, p_by text default null)
returns bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_ranker ls.ranker;
    v_domain text;
    v_configurations jsonb[];
    v_train bigint[] := p_feature_set_ids;
    v_test bigint[];
    v_evaluation jsonb := ls.default_evaluation_configuration();
    v_key text;
    v_sweep_id bigint;
begin
    if p_name !~ '^[^[:cntrl:]]{1,200}$' then
        perform ls.refuse('LS001', format('cannot sweep ranker ''%s'': a sweep''s name has 1 to 200 characters', p_ranker));
    end if;
    -- One after the other for a ranker, and before its tasks end: as everywhere, the ranker before the sweep.
    select * into v_ranker from ls.ranker where ranker_id = ls.ranker_id(p_ranker)
        for no key update;
    if not found then  -- who was waited for was its user's forgetting
        perform ls.ranker_id(p_ranker);
    end if;
    select name into v_domain from ls.domain where domain_id = v_ranker.domain_id;
    v_configurations := ls.sweep_configurations(v_ranker, p_configurations, p_seed);
    if v_train is null then
        select array_agg(c.feature_set_id order by c.domain collate "C", c.feature_set_id) into v_train
        from ls.current_feature_sets(v_ranker.base_model_id, v_domain, 'train', v_ranker.user_name) c;
    end if;
    select array_agg(c.feature_set_id order by c.domain collate "C", c.feature_set_id) into v_test
    from ls.current_feature_sets(v_ranker.base_model_id, v_domain, 'test', v_ranker.user_name) c;
    if coalesce(cardinality(v_train), 0) = 0 or coalesce(cardinality(v_test), 0) = 0 then
        perform ls.refuse('LS014', format('cannot sweep ranker ''%s'': there is no %s feature set of %s', p_ranker,
            case when coalesce(cardinality(v_train), 0) = 0 then 'train' else 'test' end,
            coalesce('domain ''' || v_domain || '''', 'any domain')), 'import one: lscoord features import FILE');
    end if;
    -- Nobody drops them between the look and the sweep.
    perform from ls.feature_set where feature_set_id = any (v_train || v_test) order by feature_set_id for key share;
    perform ls.check_feature_sets(v_ranker.ranker_id, v_train);
    perform ls.check_feature_sets(v_ranker.ranker_id, v_test);

    v_key := encode(sha256(convert_to(concat_ws('|', v_ranker.ranker_id, v_train::text, v_test::text, v_evaluation,
        v_configurations::text), 'UTF8')), 'hex');
    select sweep_id into v_sweep_id from ls.sweep where request_key = v_key;
    if v_sweep_id is not null then
        perform ls.resume_sweep(v_sweep_id, p_by);
        return v_sweep_id;
    end if;
    insert into ls.sweep (ranker_id, name, request_key, train_feature_set_ids, test_feature_set_ids, evaluation, requested_by)
    values (v_ranker.ranker_id, coalesce(p_name, case when p_configurations is null then 'paper' else 'list' end), v_key,
        v_train, v_test, v_evaluation, coalesce(p_by, session_user))
    returning sweep_id into v_sweep_id;
    insert into ls.sweep_entry (sweep_id, position, configuration, task_id)
    select v_sweep_id, c.position, c.configuration, ls.insert_task('train', v_ranker.ranker_id, null, null, c.configuration,
        v_train, p_priority, p_by, v_sweep_id)
    from unnest(v_configurations) with ordinality c (configuration, position) order by c.position;
    return v_sweep_id;
end
$$;
comment on function ls.request_sweep(text, jsonb, text, bigint[], bigint, smallint, text) is
    'Asks for many training configurations of a ranker to be compared (left out: the paper''s grid), and returns the sweep; '
    'the same request is the same sweep, and asks again for what was cancelled. The best version meets the promotion gate '
    'at the end. Refuses an unknown ranker (LS012), missing feature sets (LS014), and a list that is none or repeats itself, or '
    'a name that is none (LS001).';
