-- ls.renew_leases_for_workers(workers, tokens, progress, notes, seen, lease_seconds, speakers, connections)
-- -> worker, token, answer.
-- The heartbeats that reached a coordinator within one tick, in one statement: workers[i] holds tokens[i], says how far it is
-- (progress[i], a fraction; another figure changes nothing) and what it does (notes[i]), and is answered held, lost or cancelled.
-- held: good for lease_seconds from now, and never longer than the kind's deadline. lost: the lease ran out or the attempt has
-- ended (a result that was already counted included). cancelled: somebody asked. seen: the workers to note as seen, with or
-- without leases. A worker that is unknown, revoked or in quarantine, or that speaks over a
-- session that is not its newest (connections[i] of speakers[i]), gets one row without a token, answer refused, and nothing
-- of it is renewed.
-- Called by: LedgerStore.renewLeases(_: [WorkerHeartbeat]).
create or replace function ls.renew_leases_for_workers(p_worker_ids bigint[], p_tokens uuid[], p_progress double precision[],
    p_notes text[], p_seen bigint[], p_lease_seconds double precision,
    p_speakers bigint[] default '{}', p_connections uuid[] default '{}')
returns table (worker_id bigint, token uuid, answer text)
language plpgsql security definer set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan set enable_seqscan = off set jit = off
as $$
#variable_conflict use_column
declare
    v_count integer := cardinality(p_worker_ids);
    v_refused bigint[];
begin
    if (cardinality(p_tokens), cardinality(p_progress), cardinality(p_notes)) is distinct from (v_count, v_count, v_count)
        or cardinality(p_speakers) is distinct from cardinality(p_connections)
    then
        perform ls.refuse('LS001', format('cannot renew leases: found %s workers, %s tokens, %s figures of progress and %s notes',
            v_count, cardinality(p_tokens), cardinality(p_progress), cardinality(p_notes)));
    end if;
    if p_lease_seconds is null or p_lease_seconds not between 0.001 and 86400 then
        perform ls.refuse('LS001', format('cannot renew leases for %s seconds', coalesce(p_lease_seconds::text, 'null')));
    end if;
    select coalesce(array_agg(distinct n.worker_id), '{}') into v_refused
    from (select unnest(p_worker_ids) union select unnest(p_seen)) n (worker_id)
        left join ls.worker w on w.worker_id = n.worker_id
        left join unnest(p_speakers, p_connections) s (worker_id, connection) on s.worker_id = n.worker_id
        left join ls.worker_presence p on p.worker_id = n.worker_id
    where w.worker_id is null or w.revoked_at is not null or w.quarantined_at is not null
        or (s.connection is not null and p.connection is distinct from s.connection);

    -- In one order, here and below: two coordinators, or an older one, never wait for each other in a circle.
    perform from ls.worker_presence p where p.worker_id = any (p_seen) and p.worker_id <> all (v_refused)
        order by p.worker_id for no key update;
    update ls.worker_presence p set seen_at = clock_timestamp()
    where p.worker_id = any (p_seen) and p.worker_id <> all (v_refused);
    perform from ls.attempt a
        where a.token = any (p_tokens) and a.worker_id = any (p_worker_ids) and a.state = 'open'
        order by a.task_id, a.number for no key update;
    return query
        with given as materialized (
            select * from unnest(p_worker_ids, p_tokens, p_progress, p_notes) g (worker_id, token, progress, note)
            where g.worker_id <> all (v_refused)),
        renewed as (
            update ls.attempt a set
                leased_until = least(clock_timestamp() + make_interval(secs => p_lease_seconds), a.ends_by),
                progress = case when g.progress between 0 and 1 then g.progress else a.progress end,
                note = left(coalesce(g.note, ''), 500)
            from given g
            where a.token = g.token and a.worker_id = g.worker_id and a.state = 'open' and a.leased_until > clock_timestamp()
            returning a.token)
        select g.worker_id, g.token, case when r.token is not null then 'held'
            when a.state = 'cancelled' then 'cancelled' else 'lost' end
        from given g
            left join renewed r on r.token = g.token
            left join ls.attempt a on a.token = g.token and a.worker_id = g.worker_id
        union all
        select f.worker_id, null, 'refused' from unnest(v_refused) f (worker_id);
end
$$;
comment on function ls.renew_leases_for_workers(bigint[], uuid[], double precision[], text[], bigint[], double precision, bigint[], uuid[]) is
    'The heartbeats of several workers in one call: renews their leases and returns which are lost or cancelled.';
