-- ls.incumbent_for(ranker_id, version, is_without_ranker, user, domain) -> who serves such requests of a ranker but for that version, why,
-- and whether the ranker is asked for them at all: one row (ls.incumbent has the reasons).
--   exemption     who asks keeps a version, because the champion was proven worse for them (ls.exemption)
--   is_asked      false: a narrower ranker's champion, or a rule, serves them whatever this ranker's champion is;
--                 null: the version is the champion, from whom they are exempt
-- Called by: incumbents, incumbent_of_ranker.
create or replace function ls.incumbent_for(p_ranker_id bigint, p_version_id bigint, p_is_without_ranker boolean, p_user text, p_domain text)
returns table (version_id bigint, reason text, is_asked boolean)
language plpgsql stable
as $$
#variable_conflict use_column
declare
    v_ranker ls.ranker;
    v_base_model text;
    v_domain text;
    v_champion_id bigint;
    v_served bigint;
    v_next record;
    v_step integer;
    v_next_step integer;
    v_rule ls.route_rule;
    c_steps constant text[] := '{user+domain,user,domain,parent domain,best transfer,global}';
begin
    select * into v_ranker from ls.ranker r where r.ranker_id = p_ranker_id;
    select b.name into v_base_model from ls.base_model b where b.base_model_id = v_ranker.base_model_id;
    select d.name into v_domain from ls.domain d where d.domain_id = v_ranker.domain_id;
    select a.version_id into v_champion_id from ls.ranker_alias a
    where a.ranker_id = p_ranker_id and a.alias = 'champion' and not p_is_without_ranker;
    select p.version_id, p.reason, p.rule, p.domain into v_next
    from ls.route_plan(v_base_model, p_user, p_domain, p_ranker_id) p
    where p.role = 'serve' and p.share = 10000
    order by p.place limit 1;

    -- The rule that gives this ranker's champion all of these requests.
    select u.* into v_rule from ls.route_rule u
    where u.base_model_id = v_ranker.base_model_id and u.target in (v_ranker.name, v_ranker.name || ':champion') and u.action <> 'shadow'
        and (u.user_name is null or u.user_name = p_user)
        and (u.domain_pattern is null or ls.domain_matches(p_domain, u.domain_pattern))
        and case when u.action = 'split' then ls.share_bucket(u.name, p_user) < u.share else u.share = 10000 end
    order by u.priority, u.route_rule_id limit 1;
    if v_next.version_id is null then
        is_asked := true;
    elsif v_next.reason = 'rule' then
        is_asked := coalesce((select (v_rule.priority, v_rule.route_rule_id) < (u.priority, u.route_rule_id) from ls.route_rule u
            where u.base_model_id = v_ranker.base_model_id and u.name = v_next.rule), false);
    else
        v_step := array_position(c_steps, case when v_ranker.user_name is not null and v_domain is not null then 'user+domain'
            when v_ranker.user_name is not null then 'user' when v_domain is null then 'global' when v_domain = p_domain then 'domain'
            else 'parent domain' end);
        v_next_step := array_position(c_steps, v_next.reason);
        is_asked := v_rule.route_rule_id is not null or v_step < v_next_step
            or (v_step = v_next_step and coalesce(length(v_domain), 0) >= coalesce(length(v_next.domain), 0));
    end if;

    if v_champion_id is not null and exists (select from ls.exemption e where e.ranker_id = p_ranker_id) then
        v_served := ls.served_version(p_ranker_id, v_champion_id, p_user, ls.broader_domains(p_domain));
        if v_served is distinct from v_champion_id then
            version_id := coalesce(v_served, v_next.version_id);
            reason := case when v_served is null then coalesce(v_next.reason, 'first sample') else 'exemption' end;
            is_asked := case when p_version_id is distinct from v_champion_id then is_asked end;
            return next;
            return;
        end if;
    end if;
    if v_champion_id is distinct from p_version_id and v_champion_id is not null then
        version_id := v_champion_id;
        reason := 'champion';
    else
        version_id := v_next.version_id;
        reason := coalesce(v_next.reason, 'first sample');
    end if;
    return next;
end
$$;
comment on function ls.incumbent_for(bigint, bigint, boolean, text, text) is
    'Who serves requests of one user and domain but for a version of a ranker, and whether that ranker is asked for them.';
