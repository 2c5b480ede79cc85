-- ls.incumbent_in_check(incumbents, feature sets, configuration) -> the first of them whose figures are to be measured again before they
-- decide (ls.waits_for_check); null: none. Called by: consider_promotion, judge_champion.
create or replace function ls.incumbent_in_check(p_incumbent_version_ids bigint[], p_feature_set_ids bigint[], p_configuration jsonb)
returns bigint
language sql stable
as $$
    select min(i) from unnest(p_incumbent_version_ids) i where ls.waits_for_check(array[i], p_feature_set_ids, p_configuration);
$$;
comment on function ls.incumbent_in_check(bigint[], bigint[], jsonb) is 'The incumbent whose figures are to be measured again before a decision; null for none.';
