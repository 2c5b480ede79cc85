-- ls.refused_sessions(workers, connections, instances, serials) -> one row for each of these sessions that is over, and why:
-- its worker is unknown, revoked or in quarantine; the name has joined again since the session's certificate; another
-- machine uses this identity; or, without a message, the same process has a newer session, here or elsewhere.
-- A coordinator asks it every few seconds about the sessions it has, and ends these: the hint (ls_worker) may be lost.
-- instances and serials: nulls where a session has none. Called by: LedgerStore.refusedSessions.
create or replace function ls.refused_sessions(p_worker_ids bigint[], p_connections uuid[], p_instances text[], p_serials text[])
returns table (worker_id bigint, connection uuid, message text, hint text)
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
    select s.worker_id, s.connection,
        case
            when w.worker_id is null then format('cannot serve worker %s: no worker has this id', s.worker_id)
            when w.revoked_at is not null then format('cannot serve worker ''%s'': it was revoked: %s', w.name, w.revoked_because)
            when w.quarantined_at is not null then format('cannot serve worker ''%s'': it is in quarantine: %s', w.name, w.quarantined_because)
            when c.serial is not null
                then format('cannot serve worker ''%s'': the name has joined again since, on another machine or with another token', w.name)
            when p.instance is distinct from s.instance and p.connected_at is not null then format('cannot go on as worker ''%s'': another machine uses this identity since %s',
                w.name, to_char(p.connected_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS"Z"'))
        end,
        case
            when w.worker_id is null or c.serial is not null then 'join with a token of this coordinator: lsworker join'
            when w.revoked_at is not null then 'join again with a new token under another name'
            when w.quarantined_at is not null then format('an admin lets it back: lscoord worker release %s', w.name)
            when p.instance is distinct from s.instance then 'a state directory is for one machine: move it away here, and join with a token of its own'
        end
    from unnest(p_worker_ids, p_connections, p_instances, p_serials) s (worker_id, connection, instance, serial)
        left join ls.worker w on w.worker_id = s.worker_id
        left join ls.worker_presence p on p.worker_id = s.worker_id
        left join ls.certificate c on c.serial = s.serial and c.worker_id = w.worker_id and c.recorded_at < w.enrolled_at
    where w.worker_id is null or w.revoked_at is not null or w.quarantined_at is not null or c.serial is not null
        or p.connection is distinct from s.connection;
$$;
comment on function ls.refused_sessions(bigint[], uuid[], text[], text[]) is
    'The sessions among these that are over, and why; without a message, the same process has a newer session.';
