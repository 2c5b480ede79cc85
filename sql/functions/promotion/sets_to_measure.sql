-- ls.sets_to_measure(asked version, version, feature sets, incumbents) -> those of the sets on which a decision on the version needs figures of the
-- asked one: all for the version itself, else those on which it faces that one. Called by: consider_promotion, judge_champion.
create or replace function ls.sets_to_measure(p_asked_id bigint, p_version_id bigint, p_feature_set_ids bigint[], p_incumbent_version_ids bigint[])
returns bigint[]
language sql immutable
as $$
    select array_agg(s.feature_set_id order by s.place) from unnest(p_feature_set_ids, p_incumbent_version_ids) with ordinality s (feature_set_id, incumbent_id, place)
    where p_asked_id = p_version_id or s.incumbent_id = p_asked_id;
$$;
comment on function ls.sets_to_measure(bigint, bigint, bigint[], bigint[]) is 'The test sets on which a promotion decision needs figures of a version.';
