-- ls.tasks_at_home(worker, digests of feature sets, digests of weights, gone) -> the open tasks that an offer of these may
-- change: those at home with the worker that need something else (all, when it is gone), and those elsewhere that
-- move here with a set. Called by: lock_home.
create or replace function ls.tasks_at_home(p_worker_id bigint, p_sets bytea[], p_weights bytea[], p_is_gone boolean)
returns setof bigint
language sql stable
as $$
    select h.task_id from ls.task h
    where h.home_worker_id = p_worker_id and h.ended_at is null and (p_is_gone
        or exists (select from ls.task_feature_set s join ls.feature_set f using (feature_set_id)
            where s.task_id = h.task_id and f.home_worker_id = p_worker_id and f.digest <> all (p_sets))
        or exists (select from ls.ranker_version v join ls.home_weights w using (digest)
            where v.version_id = coalesce(h.version_id, h.initial_version_id) and w.worker_id = p_worker_id and w.digest <> all (p_weights)))
    union
    select s.task_id from ls.feature_set f join ls.task_feature_set s using (feature_set_id) join ls.task m using (task_id)
    where f.digest = any (p_sets) and f.home_worker_id <> p_worker_id and m.ended_at is null;
$$;
comment on function ls.tasks_at_home(bigint, bytea[], bytea[], boolean) is 'The open tasks that an offer of local data may change.';
