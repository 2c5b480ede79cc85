-- ls.forgettable(user) -> what came from a user, as it stands: feature sets, rankers with their names, versions (the
-- rankers', those that learned from the sets, and what descends from either), tasks that touch any of it, and with
-- them the tasks that are blocked on those. Locks nothing. Called by: forget_user.
create or replace function ls.forgettable(p_user text)
returns table (sets bigint[], rankers bigint[], names text[], versions bigint[], tasks bigint[], blocked bigint[])
language sql stable
as $$
    with recursive s as materialized (
        select feature_set_id from ls.feature_set where user_name = p_user),
    r as materialized (
        select ranker_id, name from ls.ranker where user_name = p_user),
    v as (
        select version_id from ls.ranker_version join r using (ranker_id)
        union
        select version_id from ls.version_feature_set join s using (feature_set_id)
        union
        select c.version_id from v join ls.ranker_version c on c.parent_version_id = v.version_id),
    t as materialized (
        select task_id from ls.task join r using (ranker_id)
        union select task_id from ls.task_feature_set join s using (feature_set_id)
        union select k.task_id from v join ls.ranker_version n using (version_id) join ls.task k on k.ranker_id = n.ranker_id and k.version_id = n.version_id
        union select k.task_id from v join ls.task k on k.initial_version_id = v.version_id
        union select a.task_id from v join ls.attempt a using (version_id)),
    b as (
        select task_id from t
        union
        select d.task_id from b join ls.task_dependency d on d.needs_task_id = b.task_id where d.met_at is null)
    select (select coalesce(array_agg(feature_set_id order by 1), '{}') from s), (select coalesce(array_agg(ranker_id order by 1), '{}') from r),
        (select coalesce(array_agg(name order by 1), '{}') from r), (select coalesce(array_agg(version_id order by 1), '{}') from v),
        (select coalesce(array_agg(task_id order by 1), '{}') from t), (select coalesce(array_agg(task_id order by 1), '{}') from b);
$$;
comment on function ls.forgettable(text) is 'What came from a user: feature sets, rankers, versions, tasks.';
