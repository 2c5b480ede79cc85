-- ls.remove_route_rule(name, reason, by) -> whether it was there. Called by: LedgerStore.removeRouteRule, an operator.
create or replace function ls.remove_route_rule(p_name text, p_reason text, p_by text default null)
returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
    if coalesce(p_reason, '') = '' then
        perform ls.refuse('LS001', format('cannot remove route rule ''%s'': a reason is needed', left(p_name, 80)));
    end if;
    delete from ls.route_rule where name = p_name;
    if not found then
        return false;
    end if;
    perform ls.record_audit(p_by, 'remove route rule', p_name, p_reason);
    perform pg_notify('ls_route', '');
    return true;
end
$$;
comment on function ls.remove_route_rule(text, text, text) is
    'Removes a route rule, and returns whether it existed. Every coordinator applies this within a second. Refuses an empty reason (LS001).';
