-- ls.ask_for_evidence(version, asked version, feature sets, configuration) -> whether a decision on the version waits for figures of the
-- asked one: they are measured, or, where they say nothing of single queries, measured again by a coordinator. Not when
-- nobody can: then the gate says what is missing. Called by: consider_promotion.
create or replace function ls.ask_for_evidence(p_version_id bigint, p_asked_id bigint, p_feature_set_ids bigint[], p_configuration jsonb)
returns boolean
language plpgsql
as $$
declare
    v_is_measured boolean;
begin
    select count(*) = cardinality(p_feature_set_ids) into v_is_measured from ls.evaluation e
    where e.version_id = p_asked_id and e.feature_set_id = any (p_feature_set_ids) and e.configuration = p_configuration;
    if v_is_measured then
        -- In one order: two may open the same checks at once.
        perform ls.open_evaluation_check(o.evaluation_id, 'single queries', true) from (
            select e.evaluation_id from ls.evaluation e left join ls.baseline b using (feature_set_id, configuration)
            where e.version_id = p_asked_id and e.feature_set_id = any (p_feature_set_ids) and e.configuration = p_configuration
                and (e.query_values is null or b.first_sample_values is null or b.label_high is null)
            order by e.evaluation_id) o;
        return ls.waits_for_check(array[p_asked_id], p_feature_set_ids, p_configuration);
    end if;
    -- The version itself was asked for when it was made, and what was cancelled then is not asked for again; but since it was measured a
    -- test set may have been replaced.
    return p_asked_id = p_version_id and not exists (select from ls.evaluation e
            where e.version_id = p_asked_id and e.configuration = p_configuration)
        or ls.request_incumbent(p_asked_id, p_feature_set_ids, p_configuration, 'promotion gate');
end
$$;
comment on function ls.ask_for_evidence(bigint, bigint, bigint[], jsonb) is
    'Has measured what a decision of the promotion gate needs, and returns whether it waits for that.';
