-- ls.exemption_holds(exemption) -> whether it holds now: it keeps nothing, or a version that may serve (ls.served_version). Else the champion
-- serves. Called by: view exemption_status.
create or replace function ls.exemption_holds(p_exemption_id bigint)
returns boolean
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$ select x.version_id is null or ls.may_be_champion(x.version_id) from ls.exemption x where x.exemption_id = p_exemption_id; $$;
comment on function ls.exemption_holds(bigint) is 'Whether an exemption holds now, because what it keeps may serve; null for an unknown one.';
