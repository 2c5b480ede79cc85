-- ls.lock_home(worker, digests of feature sets, digests of weights): locks, in the one order of the page States, what an
-- offer of local data may change: open tasks that move here with a set or need what is no longer offered, with what is
-- blocked on them; the rankers of sweeps that may end thereby; the feature sets.
-- The caller holds the worker's lock, and the one of all that changes homes. Called by: offer_local_data, revoke_worker (which offers nothing).
create or replace function ls.lock_home(p_worker_id bigint, p_sets bytea[], p_weights bytea[])
returns void
language plpgsql
as $$
declare
    v_ids bigint[];
    v_is_gone boolean := (select revoked_at is not null from ls.worker where worker_id = p_worker_id);
begin
    select ls.lock_tasks(coalesce(array_agg(n.task_id), '{}')) into v_ids from (
        select h.task_id from ls.task h
        where h.home_worker_id = p_worker_id and h.ended_at is null and (v_is_gone
            or exists (select from ls.task_feature_set s join ls.feature_set f using (feature_set_id)
                where s.task_id = h.task_id and f.home_worker_id = p_worker_id and f.digest <> all (p_sets))
            or exists (select from ls.ranker_version v join ls.home_weights w using (digest)
                where v.version_id = coalesce(h.version_id, h.initial_version_id) and w.worker_id = p_worker_id and w.digest <> all (p_weights)))
        union
        select s.task_id from ls.feature_set f join ls.task_feature_set s using (feature_set_id) join ls.task m using (task_id)
        where f.digest = any (p_sets) and f.home_worker_id <> p_worker_id and m.ended_at is null) n;
    perform ls.lock_rankers(v_ids, true);
    perform from ls.feature_set where digest = any (p_sets) or (home_worker_id = p_worker_id and ready_at is not null)
    order by feature_set_id for update;
end
$$;
comment on function ls.lock_home(bigint, bytea[], bytea[]) is 'Locks what an offer of local data may change, in the order in which all functions lock.';
