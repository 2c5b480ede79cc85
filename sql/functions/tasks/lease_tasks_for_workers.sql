-- ls.lease_tasks_for_workers(workers, kinds, limits, held_counts, held_digests, lease_seconds, connections) -> the rows of
-- ls.lease_tasks, each with its worker.
-- One call for all workers of a coordinator that have free places: each is served as ls.lease_tasks() serves
-- one, in the order given. kinds: one list a worker, separated by commas. held_digests: those of all workers
-- one after the other, held_counts says how many are whose. A worker that is unknown, revoked or in quarantine gets nothing
-- and keeps nobody else from getting theirs; so does one whose session (connections, one a worker; null: not asked) is
-- not its newest.
-- Called by: LedgerStore.leaseTasks(for: [LeaseOffer]).
create or replace function ls.lease_tasks_for_workers(p_worker_ids bigint[], p_kinds text[], p_limits integer[],
    p_held_counts integer[], p_held_digests bytea[], p_lease_seconds double precision, p_connections uuid[] default null)
returns table (worker_id bigint, token uuid, task_id bigint, attempt integer, leased_until timestamptz, kind text,
    ranker_name text, ranker_configuration jsonb, configuration jsonb,
    features jsonb, weights_digest bytea, weights_byte_count bigint, weights_name text, weights_stay boolean)
language plpgsql security definer set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan set enable_seqscan = off set jit = off
as $$
#variable_conflict use_column
declare
    v_count integer := cardinality(p_worker_ids);
    v_held integer := 0;
    v_worker_id bigint;
begin
    if (cardinality(p_kinds), cardinality(p_limits), cardinality(p_held_counts)) is distinct from (v_count, v_count, v_count)
        or cardinality(p_held_digests) is distinct from (select coalesce(sum(h), 0)::integer from unnest(p_held_counts) h)
        or exists (select from unnest(p_held_counts) h where h is null or h < 0)
        or cardinality(p_connections) <> v_count
    then
        perform ls.refuse('LS001', format('cannot lease tasks for %s workers: found %s lists of kinds, %s limits, %s counts for %s held digests',
            v_count, cardinality(p_kinds), cardinality(p_limits), cardinality(p_held_counts), cardinality(p_held_digests)));
    end if;
    for i in 1 .. v_count loop
        -- Locked, then looked at: a worker is not revoked, and its name does not join again, between this look and its
        -- lease. Of one that is just being heard the others do not wait: it gets its tasks with the next call.
        perform from ls.worker w where w.worker_id = p_worker_ids[i] for share skip locked;
        if found then
            select w.worker_id into v_worker_id from ls.worker w
            where w.worker_id = p_worker_ids[i] and w.revoked_at is null and w.quarantined_at is null
                and (p_connections[i] is null or p_connections[i] = (
                    select p.connection from ls.worker_presence p where p.worker_id = w.worker_id));
        end if;
        if found then
            return query select v_worker_id, l.* from ls.lease_tasks(v_worker_id, string_to_array(p_kinds[i], ','), p_limits[i],
                p_lease_seconds, p_held_digests[v_held + 1 : v_held + p_held_counts[i]]) l;
        end if;
        v_held := v_held + p_held_counts[i];
    end loop;
end
$$;
comment on function ls.lease_tasks_for_workers(bigint[], text[], integer[], integer[], bytea[], double precision, uuid[]) is
    'Leases waiting tasks to several workers in one call, each with a fencing token.';
