-- ls.request_transfer_matrix(base_model, pattern, kind, configuration, by) -> the tasks to wait for.
-- Asks for every domain ranker under the pattern ('math/*'; several with commas; null: all of the base model's), and that of the
-- broader domain itself ('math'), to be measured on all test sets under the pattern: its champion, or its newest version where
-- it has none (ls.standing_version). Known figures are reused: no rows means that the matrix is complete.
-- Called by: LedgerStore.requestTransferMatrix, an operator.
create or replace function ls.request_transfer_matrix(p_base_model text, p_pattern text default null, p_kind text default null,
    p_configuration jsonb default null, p_by text default null)
returns table (task_id bigint, ranker text, version_id bigint)
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    v_base_model_id bigint := ls.base_model_id(p_base_model);
    v_sets bigint[];
    v_source record;
    v_configuration jsonb := coalesce(p_configuration, ls.default_evaluation_configuration());
    v_source_count bigint;
    c_figure_count_max constant integer := 100000;
begin
    if p_kind is not null and p_kind not in ('listwise', 'pointwise') then
        perform ls.refuse('LS001', format('cannot ask for a transfer matrix: found kind ''%s'', expected listwise or pointwise', p_kind));
    end if;
    if not exists (select from ls.domain d where ls.domain_matches_any(d.name, p_pattern)) then
        perform ls.refuse('LS011', format('cannot ask for a transfer matrix: no domain matches ''%s''', coalesce(p_pattern, '*')),
            'a pattern is a domain, or a domain and /* for everything beneath it');
    end if;
    select array_agg(c.feature_set_id order by c.domain collate "C") into v_sets
    from ls.current_feature_sets(v_base_model_id, null, 'test', null) c where ls.domain_matches_any(c.domain, p_pattern);
    if v_sets is null then
        perform ls.refuse('LS014', format('cannot ask for a transfer matrix: no test feature set of base model ''%s'' matches ''%s''',
            p_base_model, coalesce(p_pattern, '*')), 'import test sets: lscoord features import FILE');
    end if;
    select count(*) into v_source_count from ls.ranker r join ls.domain d using (domain_id)
    where r.base_model_id = v_base_model_id and r.user_name is null and (p_kind is null or r.kind = p_kind)
        and (ls.domain_matches_any(d.name, p_pattern) or d.name || '/*' = any (string_to_array(p_pattern, ',')));
    if v_source_count * cardinality(v_sets) > c_figure_count_max then
        perform ls.refuse('LS001', format('cannot ask for a transfer matrix: %s rankers on %s test sets are %s figures, expected %s at most',
            v_source_count, cardinality(v_sets), v_source_count * cardinality(v_sets), c_figure_count_max),
            'name some of the domains, or one kind');
    end if;
    v_source_count := 0;
    for v_source in
        select r.name, s.version_id from ls.ranker r
            join ls.domain d using (domain_id)
            cross join lateral (select ls.standing_version(r.ranker_id) as version_id) s
        where r.base_model_id = v_base_model_id and r.user_name is null and (p_kind is null or r.kind = p_kind)
            and (ls.domain_matches_any(d.name, p_pattern) or d.name || '/*' = any (string_to_array(p_pattern, ',')))
            and s.version_id is not null
        -- One order for all who ask at once: each request locks its ranker.
        order by r.ranker_id
    loop
        v_source_count := v_source_count + 1;
        perform ls.request_evaluation(v_source.version_id, v_sets, v_configuration, p_by => p_by);
        return query select distinct t.task_id, v_source.name, v_source.version_id
            from ls.task t join ls.task_feature_set f using (task_id)
            where t.version_id = v_source.version_id and t.kind = 'evaluate' and t.state in ('blocked', 'waiting', 'leased')
                and t.configuration = v_configuration and f.feature_set_id = any (v_sets)
            order by t.task_id;
    end loop;
    if v_source_count = 0 then
        perform ls.refuse('LS013', format('cannot ask for a transfer matrix: no ranker of base model ''%s'' under ''%s'' has a version',
            p_base_model, coalesce(p_pattern, '*')), 'train the rankers first: lscoord train');
    end if;
end
$$;
comment on function ls.request_transfer_matrix(text, text, text, jsonb, text) is
    'Requests that each domain ranker under a pattern (''math/*''; several with commas; null for every domain) is measured on each domain''s test set, by its champion or, without one, its newest version, and returns the tasks to wait for; no rows when the matrix is '
    'complete. Refuses an unknown base model (LS010), a pattern that matches no domain (LS011), missing versions (LS013) or test sets (LS014), an unknown kind and more than 100,000 figures (LS001).';
