-- ls.lock_home(worker, digests of feature sets, digests of weights): locks, in the one order of the page States, what an
-- offer of local data may change: open tasks that move here with a set or need what is no longer offered, with what is
-- blocked on them; the rankers of sweeps that may end thereby; the feature sets.
-- A task that is found late cannot be locked in order: then all is let go and locked anew. Once the sets are locked, nothing
-- new can name them. The caller holds the worker's lock, and the one of all that changes homes. Called by: offer_local_data, revoke_worker (which offers nothing).
create or replace function ls.lock_home(p_worker_id bigint, p_sets bytea[], p_weights bytea[])
returns void
language plpgsql
as $$
declare
    v_ids bigint[];
    v_is_gone boolean := (select revoked_at is not null from ls.worker where worker_id = p_worker_id);
begin
    for v_round in 1 .. 10 loop
        begin
            v_ids := ls.lock_tasks(array(select ls.tasks_at_home(p_worker_id, p_sets, p_weights, v_is_gone)));
            perform ls.lock_rankers(v_ids, true);
            perform from ls.feature_set where digest = any (p_sets) or (home_worker_id = p_worker_id and ready_at is not null)
            order by feature_set_id for update;
            exit when v_round = 10 or v_ids @> array(select ls.tasks_at_home(p_worker_id, p_sets, p_weights, v_is_gone));
            raise exception using errcode = 'P0098', message = 'more came than was locked';
        exception when sqlstate 'P0098' then
            null;
        end;
    end loop;
end
$$;
comment on function ls.lock_home(bigint, bytea[], bytea[]) is 'Locks what an offer of local data may change, in the order in which all functions lock.';
