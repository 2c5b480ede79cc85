-- ls.add_route_rule(name, action, target, share, user, domain, priority, by, reason): a rule that comes before the chain.
--   pin      every request it matches is served by the target
--   split    that share of the users, the same ones for ever (A/B)
--   canary   that share of the requests
--   shadow   the target scores that share of the requests, too; recorded, not served
-- The target is ranker, ranker:alias or ranker@number and is looked up each time; requests of its base model are meant, and
-- of one user and one domain pattern when given. The lowest priority comes first. The same name again replaces the rule.
-- Every coordinator hears of it (NOTIFY ls_route). Called by: LedgerStore.addRouteRule, an operator.
create or replace function ls.add_route_rule(p_name text, p_action text, p_target text, p_share double precision default 1,
    p_user text default null, p_domain text default null, p_priority integer default 0, p_reason text default '', p_by text default null)
returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_base_model_id bigint;
    v_is_central boolean;
begin
    if p_name is null or p_name !~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$' then
        perform ls.refuse('LS001', format('cannot name a route rule ''%s'': expected 1 to 63 letters, digits, ''.'', ''_'', ''-''', left(p_name, 80)));
    end if;
    if p_action is null or p_action not in ('pin', 'split', 'canary', 'shadow') then
        perform ls.refuse('LS001', format('cannot add route rule ''%s'': found action ''%s'', expected pin, split, canary or shadow', p_name, left(p_action, 40)));
    end if;
    if p_share is null or not (p_share >= 0.0001 and p_share <= 1) or (p_action = 'pin' and p_share <> 1) then
        perform ls.refuse('LS001', format('cannot add route rule ''%s'': found a share of %s, expected %s', p_name, coalesce(p_share::text, 'null'),
            case p_action when 'pin' then '1: a pin is for all' else '0.0001 to 1' end));
    end if;
    if p_user is not null and p_user !~ '^[^[:cntrl:]]{1,200}$' then
        perform ls.refuse('LS001', format('cannot add route rule ''%s'': a user name has 1 to 200 characters', p_name));
    end if;
    if p_domain is not null and (octet_length(p_domain) > 122 or p_domain !~ '^([a-z0-9][a-z0-9_.-]*(/[a-z0-9][a-z0-9_.-]*)*(/\*)?)$') then
        perform ls.refuse('LS001', format('cannot add route rule ''%s'': found domain ''%s'', expected a domain, or a pattern such as math/*', p_name, left(p_domain, 130)));
    end if;
    select r.base_model_id, c.is_central into v_base_model_id, v_is_central
    from ls.resolve(p_target) c join ls.ranker r using (ranker_id);
    if p_action = 'shadow' and not v_is_central then
        perform ls.refuse('LS001', format('cannot add route rule ''%s'': the weights of ''%s'' are not here to score with', p_name, left(p_target, 450)));
    end if;
    insert into ls.route_rule as u (name, action, base_model_id, user_name, domain_pattern, target, share, priority, added_by)
    values (p_name, p_action, v_base_model_id, p_user, p_domain, p_target, round(p_share * 10000)::integer, coalesce(p_priority, 0), coalesce(p_by, session_user))
    on conflict (name) do update set action = excluded.action, base_model_id = excluded.base_model_id, user_name = excluded.user_name,
        domain_pattern = excluded.domain_pattern, target = excluded.target, share = excluded.share, priority = excluded.priority,
        added_at = clock_timestamp(), added_by = excluded.added_by;
    perform ls.record_audit(p_by, 'add route rule', p_name, concat_ws(': ', format('%s %s for %s of %s, %s', p_action, p_target, p_share,
        coalesce('user ' || p_user, 'all users'), coalesce(p_domain, 'all domains')), nullif(p_reason, '')));
    perform pg_notify('ls_route', '');
end
$$;
comment on function ls.add_route_rule(text, text, text, double precision, text, text, integer, text, text) is
    'Adds a rule that comes before the chain, or replaces the one of this name: pin (all requests), split (a share of the users, '
    'sticky), canary (a share of the requests), shadow (scored and recorded, not served). The target is ranker, ranker:alias or ranker@number. Every coordinator applies the rule within a second. Refuses an unknown target (LS012, LS013), and an invalid name, action, share, user or domain (LS001).';
