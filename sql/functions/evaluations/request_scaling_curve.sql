-- ls.request_scaling_curve(reference, counts, pattern, by) -> the tasks to wait for.
-- Asks for one version ('ranker' means its champion, or ranker:alias, ranker@number) to be measured with
-- each number of candidates K: one evaluate task a K, with the gate's own groups per query and seed.
-- On the current test sets of the ranker's domain and everything beneath it, or of the domains that
-- match the pattern. Known figures are reused: no rows means that the curve is complete. Figures at
-- another K than the gate's promote nobody.
-- Called by: LedgerStore.requestScalingCurve, an operator.
create or replace function ls.request_scaling_curve(p_reference text, p_counts integer[] default '{1,2,4,8,16,32}',
    p_pattern text default null, p_by text default null)
returns table (task_id bigint, candidate_count integer, version_id bigint)
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    v_version_id bigint;
    v_ranker ls.ranker;
    v_domain text;
    v_sets bigint[];
    v_count integer;
    v_configuration jsonb;
begin
    select r.version_id into strict v_version_id from ls.resolve(p_reference) r;
    select * into strict v_ranker from ls.ranker where ranker_id = ls.version_ranker(v_version_id);
    select name into v_domain from ls.domain where domain_id = v_ranker.domain_id;
    if cardinality(p_counts) is distinct from (select count(distinct c)::integer from unnest(p_counts) c where c between 1 and 1024)
        or cardinality(p_counts) not between 1 and 32
    then
        perform ls.refuse('LS001', format('cannot ask for a scaling curve: found K %s, expected 1 to 32 different numbers from 1 to 1024',
            coalesce(array_to_string(p_counts, ', ', 'null'), 'null')));
    end if;
    select array_agg(c.feature_set_id order by c.domain collate "C", c.feature_set_id) into v_sets
    from ls.current_feature_sets(v_ranker.base_model_id, case when p_pattern is null then v_domain end, 'test', v_ranker.user_name) c
    where p_pattern is null or ls.domain_matches(c.domain, p_pattern);
    if v_sets is null then
        perform ls.refuse('LS014', format('cannot ask for a scaling curve of ''%s'': there is no test feature set of %s', p_reference,
            coalesce('domain ''' || coalesce(p_pattern, v_domain) || '''', 'any domain')), 'import one: lscoord features import FILE');
    end if;
    foreach v_count in array p_counts loop
        v_configuration := ls.default_evaluation_configuration() || jsonb_build_object('candidate_count', v_count);
        perform ls.request_evaluation(v_version_id, v_sets, v_configuration, p_by => p_by);
        return query select distinct t.task_id, v_count, v_version_id
            from ls.task t join ls.task_feature_set f using (task_id)
            where t.version_id = v_version_id and t.kind = 'evaluate' and t.state in ('blocked', 'waiting', 'leased')
                and t.configuration = v_configuration and f.feature_set_id = any (v_sets)
            order by t.task_id;
    end loop;
end
$$;
comment on function ls.request_scaling_curve(text, integer[], text, text) is
    'Requests that a version (''ranker'', ''ranker:alias'' or ''ranker@number'') is measured with several numbers of candidates, and returns the tasks to wait for; no rows when the curve is complete. Refuses an unknown ranker or version '
    '(LS012, LS013), numbers outside 1 to 1024 or named twice (LS001), and domains without a test set (LS014).';
