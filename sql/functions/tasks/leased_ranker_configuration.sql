-- ls.leased_ranker_configuration(worker, token) -> the configuration of the ranker that this attempt trains:
-- what the weights that come back must be of. Null when the worker has no such lease.
-- Called by: LedgerStore.leasedRankerConfiguration.
create or replace function ls.leased_ranker_configuration(p_worker_id bigint, p_token uuid)
returns jsonb
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
    select r.configuration from ls.attempt a join ls.task t using (task_id) join ls.ranker r using (ranker_id)
    where a.token = p_token and a.worker_id = p_worker_id;
$$;
comment on function ls.leased_ranker_configuration(bigint, uuid) is
    'The configuration of the ranker that an attempt of this worker trains.';
