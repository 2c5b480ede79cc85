-- ls.request_training(ranker, feature_sets, seed, initial version, …) -> task id.
-- Adds a waiting train task; without feature sets it takes the current train sets of the ranker's
-- domain and everything beneath it. Asked twice while open: the same task. It starts no sooner than
-- run_after, and after every task of `after` is done (what a training leads to, its evaluation, included).
-- Called by: LedgerStore.requestTraining, an operator.
create or replace function ls.request_training(p_ranker text, p_feature_set_ids bigint[] default null,
    p_seed bigint default null, p_initial_version_id bigint default null, p_priority smallint default 0,
    p_by text default null, p_run_after timestamptz default null, p_after bigint[] default null)
returns bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan set enable_seqscan = off set jit = off
as $$
declare
    v_ranker ls.ranker;
    v_domain text;
    v_sets bigint[] := p_feature_set_ids;
begin
    -- Tasks before rankers and feature sets, as everywhere.
    if p_after is not null then
        perform from ls.task where task_id = any (p_after) order by task_id for share;
    end if;
    select * into strict v_ranker from ls.ranker where ranker_id = ls.ranker_id(p_ranker);
    select name into v_domain from ls.domain where domain_id = v_ranker.domain_id;
    if v_sets is null then
        select array_agg(c.feature_set_id order by c.domain collate "C", c.feature_set_id) into v_sets
        from ls.current_feature_sets(v_ranker.base_model_id, v_domain, 'train', v_ranker.user_name) c;
    end if;
    if coalesce(cardinality(v_sets), 0) = 0 then
        perform ls.refuse('LS014', format('cannot train ranker ''%s'': there is no train feature set of %s', p_ranker,
            coalesce('domain ''' || v_domain || '''', 'any domain')), 'import one: lscoord features import FILE');
    end if;
    if p_initial_version_id is not null
        and (select b.base_model_id from ls.ranker b where b.ranker_id = ls.version_ranker(p_initial_version_id)) <> v_ranker.base_model_id
    then
        perform ls.refuse('LS004', format('cannot train ranker ''%s'' from version %s: it is of another base model',
            p_ranker, p_initial_version_id));
    end if;
    return ls.insert_task('train', v_ranker.ranker_id, null, p_initial_version_id,
        v_ranker.training || case when p_seed is null then '{}' else jsonb_build_object('seed', p_seed) end,
        v_sets, p_priority, p_by, p_run_after => p_run_after, p_after => p_after);
end
$$;
comment on function ls.request_training(text, bigint[], bigint, bigint, smallint, text, timestamptz, bigint[]) is
    'Requests that a ranker is trained on feature sets (by default the current train sets of its domain), and returns the task. A second request while it is open returns the same task. Refuses an unknown ranker, version or set (LS012, LS013, LS014), '
    'features or first weights of another base model (LS004), a set named twice (LS001), and a task in p_after that is unknown, dead or cancelled (LS015, LS021).';
