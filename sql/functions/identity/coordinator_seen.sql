-- ls.coordinator_seen(name, address) -> one row for each other coordinator that runs: its name, its address, and the workers
-- that are connected to it.
-- A coordinator says with it every few seconds that it is there, and hears where workers are that are not connected to
-- it. Another one runs as long as it was seen in the last ten seconds.
-- Called by: LedgerStore.coordinatorSeen.
create or replace function ls.coordinator_seen(p_name text, p_address text)
returns table (coordinator text, address text, worker_ids bigint[])
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    v_now timestamptz := clock_timestamp();
begin
    if p_name is null or p_name !~ '^[a-z0-9][a-z0-9._-]{0,62}$'
        or p_address is null or p_address !~ '^[^[:space:]]{1,255}:[0-9]{1,5}$'
    then
        perform ls.refuse('LS001', format('cannot note coordinator %L at %L: expected a name of at most 63 small letters, digits, ''.'', ''_'' and ''-'', and host:port',
            left(p_name, 80), left(p_address, 80)));
    end if;
    insert into ls.coordinator as c (name, address, started_at, seen_at) values (p_name, p_address, v_now, v_now)
    on conflict (name) do update set address = excluded.address, seen_at = excluded.seen_at;
    -- Those that were killed. Each keeps to its own row otherwise.
    delete from ls.coordinator c where c.name <> p_name and c.seen_at < v_now - interval '1 hour';
    return query
        select c.name, c.address, coalesce(array_agg(p.worker_id order by p.worker_id) filter (where p.worker_id is not null), '{}')
        from ls.coordinator c left join ls.worker_presence p on p.coordinator = c.name and p.disconnected_at is null
        where c.name <> p_name and c.seen_at > v_now - interval '10 seconds'
        group by c.name, c.address
        order by c.name;
end
$$;
comment on function ls.coordinator_seen(text, text) is
    'Records a sign of life and the address of a coordinator; returns the other running ones, with the workers connected to each. Refuses an invalid name or address (LS001).';
