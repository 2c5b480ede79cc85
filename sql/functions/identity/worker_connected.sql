-- ls.worker_connected(worker, coordinator, program_version, capacity, task_kinds, domains, size, serial, instance, place, keeping, combines)
-- -> the connection, its number (larger is later), whether it took over from another machine, how many leases were given back.
-- Notes that a worker's session began. The newest connection counts, at whichever coordinator: what is said over an older
-- one is refused, and its coordinator ends it. Every coordinator hears of it (NOTIFY ls_presence): reranks for this worker
-- go there now. Leases of the worker but for those it keeps go back to the queue (keeping null: all stay).
-- serial: of the certificate shown; one from before the name joined again is refused, also when it was good a moment ago.
-- instance: the process, place: its machine and state directory. The same process replaces its own session. Another one
-- does, too: the older is told (NOTIFY ls_worker), stops for good, and is refused should it come back while the newer
-- is connected. When the older was still connected from another place, two machines use one identity: that is in the
-- audit log, and the attempts that the older loses by it are not counted against their tasks.
-- combines: its program combines a version's score with signals; one of before does not, and measures no version that does so.
-- Processes of before do not say which they are: one that comes back looks like another machine,
-- and two machines would evict each other several times a second. So a live session of a worker
-- that changed hands three times in a row, each time within two minutes, is left alone for 5 s,
-- then 10 s, 20 s, 40 s, a minute: who comes meanwhile is refused and tries again (LS050). The
-- audit log says so once, and no attempt is counted for leases that are lost by it.
-- Called by: LedgerStore.workerConnected.
create or replace function ls.worker_connected(p_worker_id bigint, p_coordinator text, p_program_version text,
    p_capacity integer, p_task_kinds text[], p_domains text[] default null, p_task_byte_count_max bigint default null,
    p_serial text default null, p_instance text default null, p_place text default null, p_keeping uuid[] default null,
    p_combines_signals boolean default false)
returns table (connection uuid, number bigint, took_over boolean, released integer)
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    v_now timestamptz := clock_timestamp();
    v_old ls.worker_presence;
    v_name text;
    v_is_live boolean;
    v_turns integer := 0;
begin
    if p_coordinator is null or p_program_version is null or p_capacity is null or p_task_kinds is null then
        perform ls.refuse('LS001', format('cannot serve worker %s: found coordinator %s, version %s, capacity %s and kinds of tasks %s, expected all four',
            coalesce(p_worker_id::text, 'null'), coalesce(p_coordinator, 'null'), coalesce(p_program_version, 'null'),
            coalesce(p_capacity::text, 'null'), coalesce(p_task_kinds::text, 'null')));
    end if;
    if octet_length(p_instance) > 64 or octet_length(p_place) > 64 then
        perform ls.refuse('LS001', format('cannot serve worker %s: found a process of %s bytes at a place of %s, expected at most 64 each',
            p_worker_id, coalesce(octet_length(p_instance), 0), coalesce(octet_length(p_place), 0)));
    end if;
    connection := gen_random_uuid();
    -- As everywhere: the worker, which may be paused for what it gives back, before its presence and its tasks.
    perform from ls.worker w where w.worker_id = p_worker_id for no key update;
    insert into ls.worker_presence as p (worker_id, connection, coordinator, program_version, capacity, task_kinds,
        domains, task_byte_count_max, connected_at, seen_at, connection_number, instance, place, combines_signals)
    select w.worker_id, connection, p_coordinator, p_program_version, p_capacity, p_task_kinds,
        p_domains, p_task_byte_count_max, v_now, v_now, 1, p_instance, p_place, coalesce(p_combines_signals, false)
    from ls.worker w where w.worker_id = p_worker_id
    on conflict (worker_id) do nothing;
    if found then
        v_is_live := false;
    else
        -- Of two that come at once the second sees the first.
        select p.* into v_old from ls.worker_presence p where p.worker_id = p_worker_id for no key update;
        v_now := clock_timestamp();
        v_is_live := ls.is_connected(v_old.disconnected_at, v_old.seen_at, v_now);
    end if;
    -- Looked at under the lock: a name that joins again changes this row after the worker's.
    perform ls.check_worker(p_worker_id);
    select name into strict v_name from ls.worker where worker_id = p_worker_id;
    if p_serial is not null and not exists (select from ls.certificate c join ls.worker w using (worker_id)
        where c.serial = p_serial and c.worker_id = p_worker_id and c.recorded_at >= w.enrolled_at)
    then
        perform ls.refuse('LS031', format('cannot serve worker ''%s'': the name has joined again since, on another machine or with another token', v_name),
            'join with a token of this coordinator: lsworker join');
    end if;
    if v_is_live and p_instance = any (v_old.replaced_instances) then
        perform ls.refuse('LS031', format('cannot serve worker ''%s'': another machine uses this identity', v_name),
            'a state directory is for one machine: move it away here, and join with a token of its own');
    end if;
    if v_is_live and p_instance is null and v_old.instance is null
        and v_old.connected_at > v_now - interval '2 minutes'
    then
        v_turns := v_old.quick_replacements;
        if v_turns >= 3 and v_old.connected_at
            > v_now - least(interval '5 s' * 2 ^ least(v_turns - 3, 10), interval '1 minute')
        then
            perform ls.refuse('LS050', format('cannot open a session for worker ''%s'': one of it '
                    'is open, and such sessions took each other''s place %s times in a row',
                    v_name, v_turns),
                'if two machines have one state directory, give each its own and a token of its '
                'own; one machine is let in within a minute');
        end if;
        v_turns := least(v_turns + 1, 100);
    end if;
    took_over := v_is_live and v_old.instance is distinct from p_instance and coalesce(v_old.place <> p_place, true);
    number := coalesce(v_old.connection_number, 0) + 1;
    if v_old.worker_id is not null then
        update ls.worker_presence p set connection = worker_connected.connection, coordinator = p_coordinator, program_version = p_program_version,
            capacity = p_capacity, task_kinds = p_task_kinds, domains = p_domains, task_byte_count_max = p_task_byte_count_max,
            connected_at = v_now, seen_at = v_now, disconnected_at = null, connection_number = worker_connected.number,
            instance = p_instance, place = p_place, quick_replacements = v_turns, combines_signals = coalesce(p_combines_signals, false),
            replaced_instances = case when v_old.instance is distinct from p_instance and v_old.instance is not null
                then (array_remove(array_remove(v_old.replaced_instances, p_instance), v_old.instance) || v_old.instance)[greatest(1,
                    cardinality(array_remove(array_remove(v_old.replaced_instances, p_instance), v_old.instance)) - 14):]
                else array_remove(v_old.replaced_instances, p_instance) end
        where p.worker_id = p_worker_id;
    end if;
    released := case when p_keeping is null then 0 when took_over or v_turns >= 3
        then ls.release_leases(p_worker_id, p_keeping, 'another machine took over the identity of its worker', true)
        else ls.release_leases(p_worker_id, p_keeping) end;
    if took_over then
        perform ls.record_often('worker ' || v_name, 'take over identity', v_name,
            format('another machine was connected to coordinator ''%s'' with the same identity, since %s; it is told to stop', v_old.coordinator,
                to_char(v_old.connected_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS"Z"')));
    end if;
    if v_turns = 3 then
        perform ls.record_often('worker ' || v_name, 'take turns', v_name,
            'its sessions took each other''s place three times in a row: two machines with one '
            'state directory? Each now waits up to a minute');
    end if;
    if v_is_live and v_old.instance is distinct from p_instance then
        perform pg_notify('ls_worker', p_worker_id::text);
    end if;
    perform pg_notify('ls_presence', '');
    return next;
end
$$;
comment on function ls.worker_connected(bigint, text, text, integer, text[], text[], bigint, text, text, text, uuid[], boolean) is
    'Records a worker''s connection, its hello and its owner''s limits, gives back the leases that it no longer has, and returns the connection: its id, its number, whether it took over from another machine. Refuses an unknown or revoked worker, a certificate from before the '
    'name joined again, a process whose identity another machine uses now, and for up to a minute '
    'one of before whose sessions take each other''s place again and again, and what is left out or too long (LS001, LS016, LS031, LS050).';
