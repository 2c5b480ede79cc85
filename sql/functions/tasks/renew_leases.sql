-- ls.renew_leases(worker, tokens, progress, notes, lease_seconds) -> per token: held, lost or cancelled.
-- One statement a heartbeat, all leases of a worker at once; also notes that the worker was seen.
-- held: good for lease_seconds from now, and never longer than the kind's deadline. lost: the lease ran out or the attempt has ended (a result
-- that was already counted included). cancelled: somebody asked.
-- Called by: LedgerStore.renewLeases.
create or replace function ls.renew_leases(p_worker_id bigint, p_tokens uuid[], p_progress double precision[],
    p_notes text[], p_lease_seconds double precision)
returns table (token uuid, answer text)
language plpgsql security definer set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan set enable_seqscan = off set jit = off
as $$
#variable_conflict use_column
begin
    perform ls.check_worker(p_worker_id);
    if cardinality(p_tokens) <> cardinality(p_progress) or cardinality(p_tokens) <> cardinality(p_notes) then
        perform ls.refuse('LS001', format('cannot renew leases: found %s tokens, %s figures of progress and %s notes',
            cardinality(p_tokens), cardinality(p_progress), cardinality(p_notes)));
    end if;
    update ls.worker_presence set seen_at = clock_timestamp() where worker_id = p_worker_id;
    -- In one order, so that two heartbeats of one worker never wait for each other in a circle.
    perform from ls.attempt a where a.token = any (p_tokens) and a.worker_id = p_worker_id and a.state = 'open'
        order by a.task_id, a.number for no key update;
    return query
        with given as (
            select * from unnest(p_tokens, p_progress, p_notes) g (token, progress, note)),
        renewed as (
            update ls.attempt a set
                leased_until = least(clock_timestamp() + make_interval(secs => p_lease_seconds), a.ends_by),
                progress = case when g.progress between 0 and 1 then g.progress else a.progress end,
                note = left(coalesce(g.note, ''), 500)
            from given g
            where a.token = g.token and a.worker_id = p_worker_id and a.state = 'open' and a.leased_until > clock_timestamp()
            returning a.token)
        select g.token, case when r.token is not null then 'held'
            when a.state = 'cancelled' then 'cancelled' else 'lost' end
        from given g
            left join renewed r on r.token = g.token
            left join ls.attempt a on a.token = g.token and a.worker_id = p_worker_id;
end
$$;
comment on function ls.renew_leases(bigint, uuid[], double precision[], text[], double precision) is
    'A worker''s heartbeat: renews all its leases and returns for each whether it is held, lost or cancelled. Refuses lists of '
    'different lengths (LS001) and a revoked worker (LS031).';
