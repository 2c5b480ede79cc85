-- ls.read_share_secret() -> what ls.request_bucket draws by. Called by: LedgerStore.routePlan.
create or replace function ls.read_share_secret()
returns bytea
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
    select s.secret from ls.share_secret s;
$$;
comment on function ls.read_share_secret() is 'The secret that decides the shares of requests, for the coordinators.';
