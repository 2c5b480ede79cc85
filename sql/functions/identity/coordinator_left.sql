-- ls.coordinator_left(name) -> whether it was known.
-- Said by a coordinator that stops: others send it nothing more. One that is killed is forgotten after ten seconds.
-- Called by: LedgerStore.coordinatorLeft.
create or replace function ls.coordinator_left(p_name text)
returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
    delete from ls.coordinator where name = p_name;
    return found;
end
$$;
comment on function ls.coordinator_left(text) is 'Records that a coordinator stopped, and returns whether it was known.';
