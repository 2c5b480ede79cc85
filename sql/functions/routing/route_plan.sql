-- ls.route_plan(base_model, user, domain) -> everything that may answer such a request, in order; lscoord keeps it in memory.
-- Rules first, by priority: role 'serve' with a share of requests (10,000: all), role 'shadow' is scored and recorded, not
-- served. Then the chain. Its first step that has a ranker with a champion whose weights are here ends it:
--   user+domain     the user's ranker of the domain, or of a broader one
--   user            the user's ranker for everything
--   domain          the domain's ranker
--   parent domain   a broader domain's ranker, the nearest first
--   best transfer   no ranker there, but the domain is known: the domain ranker that was measured
--                   best on this domain's current test set (transfer matrix)
--   global          the ranker of nobody and nothing in particular
-- A champion that was proven worse for the user or the domain does not serve them: the version that they keep does, or, where they keep
-- none, the chain goes on past its ranker, and a rule that names the champion past the rule (ls.exemption).
-- Weights whose bytes are nowhere serve nobody: the chain goes on past them, a rule's row is not central.
-- A row with a worker is scored there; when the worker does not answer in time, here if is_central, else the next row is
-- tried. No serving row left: the candidates keep their order. Which row of a share a request takes is
-- ls.request_bucket(rule, request); a split is by user, and decided here.
-- The ranker p_without is left out of the plan: who would answer but for it (ls.incumbent).
-- Each step is an index look-up, and is made only when the ones before found nobody. Two kinds in one step: the one that
-- did better on its own test sets, then listwise. A domain or a user nobody has heard of is not an error: the later
-- steps serve it. Called by: route, LedgerStore.routePlan.
create or replace function ls.route_plan(p_base_model text, p_user text default null, p_domain text default null,
    p_without bigint default null)
returns table (place integer, role text, rule text, share integer, reason text,
    ranker_id bigint, ranker_name text, base_model text, user_name text, domain text, kind text, configuration jsonb,
    version_id bigint, version_number integer, digest bytea, byte_count bigint, worker_id bigint, worker text, is_central boolean,
    is_champion boolean, has_combiner boolean)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan set enable_seqscan = off set jit = off
as $$
#variable_conflict use_column
declare
    v_base_model_id bigint := ls.base_model_id(p_base_model);
    v_domain_id bigint;
    v_within bigint[] := '{}';  -- the domain and the broader ones
    v_broader bigint[];
    v_sets bigint[];
    v_rule ls.route_rule;
    v_step record;
    v_shadow_count integer := 0;
    v_is_served boolean := false;
    v_target bigint;
    c_all constant integer := 10000;
begin
    if p_domain is not null then
        -- As ls.broader_domains, which would be a call.
        select coalesce(array_agg(d.domain_id), '{}'), min(d.domain_id) filter (where d.name = p_domain) into v_within, v_domain_id
        from ls.domain d
        where d.name = any (select array_to_string((string_to_array(p_domain, '/'))[:n], '/')
            from generate_series(1, least(length(p_domain) - length(replace(p_domain, '/', '')) + 1, 60)) n);
        v_broader := array_remove(v_within, v_domain_id);
    end if;
    place := 0;
    for v_rule in
        select u.* from ls.route_rule u
        where u.base_model_id = v_base_model_id
            and (u.user_name is null or u.user_name = p_user)
            and (u.domain_pattern is null or ls.domain_matches(p_domain, u.domain_pattern))
            and (u.action <> 'split' or ls.share_bucket(u.name, p_user) < u.share)
        order by u.priority, u.route_rule_id
    loop
        continue when v_rule.action <> 'shadow' and v_is_served;
        continue when v_rule.action = 'shadow' and v_shadow_count = 4;
        v_target := ls.rule_version(v_rule.target);
        version_id := v_target;
        continue when version_id is null;  -- its target is gone
        continue when p_without = (select v.ranker_id from ls.ranker_version v where v.version_id = v_target);
        if v_rule.action <> 'shadow' and v_rule.target !~ '@|:(?!champion$)' then
            version_id := (select case when exists (select from ls.exemption e where e.ranker_id = v.ranker_id)
                then ls.served_version(v.ranker_id, v_target, p_user, v_within) else v_target end
                from ls.ranker_version v where v.version_id = v_target);
            continue when version_id is null;
        end if;
        select c.* into ranker_id, ranker_name, base_model, user_name, domain, kind, configuration, version_id, version_number,
            digest, byte_count, worker_id, worker, is_central, is_champion, has_combiner from ls.route_choice(version_id) c;
        role := case when v_rule.action = 'shadow' then 'shadow' else 'serve' end;
        -- Somebody else's weights cannot be scored in the shadow here.
        continue when role = 'shadow' and not is_central;
        place := place + 1;
        rule := v_rule.name;
        share := case when v_rule.action = 'split' then c_all else v_rule.share end;
        reason := 'rule';
        return next;
        v_shadow_count := v_shadow_count + (role = 'shadow')::integer;
        v_is_served := v_is_served or (role = 'serve' and share = c_all and is_central);
    end loop;
    if v_is_served then
        return;
    end if;

    role := 'serve';
    rule := null;
    share := c_all;
    for v_step in
        select s.* from (values
            (1, 'user+domain', p_user, v_within, p_user is not null),
            (2, 'user', p_user, null, p_user is not null),
            (3, 'domain', null, array[v_domain_id], v_domain_id is not null),
            (4, 'parent domain', null, v_broader, cardinality(v_broader) > 0),
            (5, 'best transfer', null, null, v_domain_id is not null),
            (6, 'global', null, null, true)) s (step, reason, user_name, domain_ids, is_made)
        where s.is_made order by s.step
    loop
        reason := v_step.reason;
        if reason = 'best transfer' then
            select array_agg(c.feature_set_id) into v_sets from ls.current_feature_sets(v_base_model_id, p_domain, 'test', null) c;
            continue when v_sets is null;
        end if;
        for version_id in
            select o.version_id from ls.ordered_champions(v_base_model_id, v_step.user_name, v_step.domain_ids, p_without, p_user, v_within) o
            where v_step.reason <> 'best transfer'
            union all
            select t.version_id from ls.best_transfer(v_base_model_id, v_sets, p_without, p_user, v_within) t where v_step.reason = 'best transfer'
        loop
            select c.* into ranker_id, ranker_name, base_model, user_name, domain, kind, configuration, version_id, version_number,
                digest, byte_count, worker_id, worker, is_central, is_champion, has_combiner from ls.route_choice(version_id) c;
            place := place + 1;
            return next;
            if is_central then
                return;
            end if;
        end loop;
    end loop;
end
$$;
comment on function ls.route_plan(text, text, text, bigint) is
    'Everything that may answer a request of a user and a domain, in order: rules with their shares, then the chain up to the '
    'first ranker whose weights are here; shadows are scored and not served. An unknown user or domain is served by the '
    'broader rankers; an unknown base model is refused (LS010).';
