-- ls.rule_version(reference) -> the version that ls.resolve names, or null when there is none (any more).
-- Called by: route_plan, view route_table.
create or replace function ls.rule_version(p_reference text)
returns bigint
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
begin
    return (select r.version_id from ls.resolve(p_reference) r);
exception when sqlstate 'LS012' or sqlstate 'LS013' then
    return null;
end
$$;
comment on function ls.rule_version(text) is 'The version that a rule''s target names now, or null when it does not exist any more.';
