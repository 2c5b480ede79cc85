-- ls.refused_workers(workers) -> those of them that are unknown, revoked or in quarantine.
-- A coordinator asks it every few seconds about the workers that are connected to it, and ends their
-- sessions: the hint (ls_worker) that revoke_worker() and refuse_result() give may be lost.
-- Called by: LedgerStore.refusedWorkers.
create or replace function ls.refused_workers(p_worker_ids bigint[])
returns setof bigint
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
    select a.id from unnest(p_worker_ids) a (id)
    where not exists (select from ls.worker w where w.worker_id = a.id and w.revoked_at is null and w.quarantined_at is null);
$$;
comment on function ls.refused_workers(bigint[]) is 'Of these workers those that are unknown, revoked or in quarantine.';
