-- ls.keep_named(ranker, versions, feature sets): what a caller named is there, and stays until the
-- end of the transaction. Forgetting a user, who may own any of it, is waited for; then it is
-- refused in words (LS012, LS013, LS014), as if it had never been there, and not by a foreign key;
-- so is a set that was dropped meanwhile. Rankers by id before feature sets by id (the page
-- States). Nulls among the versions are none.
-- Called by: add_version, insert_task, add_note, set_tag.
create or replace function ls.keep_named(p_ranker_id bigint, p_version_ids bigint[],
    p_feature_set_ids bigint[] default '{}')
returns void
language plpgsql
as $$
begin
    perform from ls.ranker where ranker_id = any (p_ranker_id || array(
        -- A list, not a subquery beside an "or": that one reads every ranker.
        select ranker_id from ls.ranker_version where version_id = any (p_version_ids)))
    order by ranker_id for key share;
    if not exists (select from ls.ranker where ranker_id = p_ranker_id) then
        perform ls.refuse('LS012', 'cannot use this ranker: its user was forgotten meanwhile');
    end if;
    perform ls.version_ranker(v) from unnest(p_version_ids) v where v is not null;
    perform from ls.feature_set where feature_set_id = any (p_feature_set_ids)
        order by feature_set_id for key share;
    perform ls.check_feature_sets(p_ranker_id, p_feature_set_ids);
end
$$;
comment on function ls.keep_named(bigint, bigint[], bigint[]) is
    'Keeps a ranker, versions and feature sets from being forgotten until the transaction ends; '
    'refuses what is gone.';
