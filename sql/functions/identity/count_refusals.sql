-- ls.count_refusals(worker, reason) -> whether the worker is in quarantine now.
-- Adds the refused results that others did meanwhile to the worker's count. At five the worker is in quarantine
-- (ls.quarantine_worker), but for those that only a worker in quarantine did (ls.doubtful_refusals). The caller holds the worker's lock and no
-- task's but those of refuse_result. Called by: refuse_result, expire_leases.
create or replace function ls.count_refusals(p_worker_id bigint, p_reason text default null)
returns boolean
language plpgsql
as $$
declare
    v_worker ls.worker;
    v_counted integer;
    v_because text;
begin
    with counted as (
        delete from ls.refusal where worker_id = p_worker_id and counted_at is not null returning counted_at, reason)
    select count(*), coalesce(p_reason, (array_agg(c.reason order by c.counted_at desc))[1]) into v_counted, v_because from counted c;
    update ls.worker set refusal_count = refusal_count + v_counted where worker_id = p_worker_id returning * into strict v_worker;
    if v_worker.quarantined_at is not null or v_worker.revoked_at is not null or v_worker.refusal_count < 5
        or v_worker.refusal_count - ls.doubtful_refusals(p_worker_id) < 5
    then
        return v_worker.quarantined_at is not null;
    end if;
    v_because := format('%s of its results were refused, the last because: %s', v_worker.refusal_count, coalesce(v_because, 'no reason given'));
    perform ls.quarantine_worker(p_worker_id, v_because, 'refusals');
    return true;
end
$$;
comment on function ls.count_refusals(bigint, text) is 'Counts a worker''s refused results that others did meanwhile; the fifth puts it in quarantine.';
