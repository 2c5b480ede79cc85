-- ls.pooled_accuracy(version, feature_sets, configuration) -> accuracy over all groups of the sets, or
-- null unless the version was measured on every one of them.
-- Called by: choose_champion, ordered_champions, best_transfer.
create or replace function ls.pooled_accuracy(p_version_id bigint, p_feature_set_ids bigint[], p_configuration jsonb)
returns double precision
language sql stable
as $$
    select case when count(*) = cardinality(p_feature_set_ids)
        then sum(accuracy * group_count) / sum(group_count) end
    from ls.evaluation
    where version_id = p_version_id and configuration = p_configuration and feature_set_id = any (p_feature_set_ids);
$$;
comment on function ls.pooled_accuracy(bigint, bigint[], jsonb) is
    'Accuracy of a version over all groups of several feature sets; null unless all were measured.';
