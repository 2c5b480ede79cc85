-- ls.would_harm(ranker, feature sets, query counts, widths, champion's values, others' values) -> whether taking the champion away would harm
-- somebody: strata (ls.strata) for which it is proven better than who would serve instead, by e-BH at 10 %, as at a promotion; or those
-- who are exempt from it and keep a version of the ranker, which serves nobody without a champion. Called by: judge_champion.
create or replace function ls.would_harm(p_ranker_id bigint, p_feature_set_ids bigint[], p_query_counts integer[], p_widths double precision[],
    p_champion_values real[], p_other_values real[])
returns boolean
language sql stable
as $$
    with weighed as materialized (
        select * from ls.weigh(p_other_values, p_champion_values, p_query_counts, p_widths)
    )
    select exists (select from ls.exemption e where e.ranker_id = p_ranker_id and e.version_id is not null)
        or coalesce(cardinality(ls.claims_that_hold(array(
            select ls.log_e(ls.added(array(select w.log_harm from weighed w where w.place = any (s.set_places))))
            from ls.strata(p_ranker_id, p_feature_set_ids) s), 0.1)), 0) > 0;
$$;
comment on function ls.would_harm(bigint, bigint[], integer[], double precision[], real[], real[]) is
    'Whether somebody would be worse off without the champion of a ranker, which is worse on the whole.';
