-- ls.incumbents(ranker_id, version, is_without_ranker) -> the current test sets of a ranker, each with who serves such requests but for that
-- version (ls.incumbent_for), and whether it counts: where a narrower ranker or a rule serves anyway, promoting
-- changes nothing, and the set proves nothing. Where that is so on all of them, all count, against who serves the requests
-- of the ranker's own user and domain: nothing else says how good it is for those that no test set is of. A set of whom is exempt
-- from the champion does not count when the champion is judged (is_exempt). By feature set. Called by: judge, incumbent_of_ranker, evaluate_new_version, judge_champion.
create or replace function ls.incumbents(p_ranker_id bigint, p_version_id bigint default null, p_is_without_ranker boolean default false)
returns table (feature_set_id bigint, user_name text, domain text, version_id bigint, reason text, is_counted boolean, is_exempt boolean)
language sql stable set jit = off
as $$
    with mine as materialized (
        select r.*, d.name as domain from ls.ranker r left join ls.domain d using (domain_id) where r.ranker_id = p_ranker_id
    ), sets as materialized (
        select c.feature_set_id, coalesce(f.user_name, m.user_name) as user_name, c.domain
        from mine m cross join lateral ls.current_feature_sets(m.base_model_id, m.domain, 'test', m.user_name) c
            join ls.feature_set f on f.feature_set_id = c.feature_set_id
    ), asked as materialized (
        select n.user_name, n.domain, i.* from (select distinct s.user_name, s.domain from sets s) n
            cross join lateral ls.incumbent_for(p_ranker_id, p_version_id, p_is_without_ranker, n.user_name, n.domain) i
    ), own as materialized (
        select i.* from mine m cross join lateral ls.incumbent_for(p_ranker_id, p_version_id, p_is_without_ranker, m.user_name, m.domain) i
        where not exists (select from asked a where a.is_asked)
    )
    select s.feature_set_id, s.user_name, s.domain,
        case when o.reason is not null and a.reason not in ('champion', 'exemption') then o.version_id else a.version_id end,
        case when o.reason is not null and a.reason not in ('champion', 'exemption') then o.reason else a.reason end,
        coalesce(a.is_asked or (not a.is_asked and o.reason is not null), false), a.is_asked is null
    from sets s join asked a on a.domain = s.domain and a.user_name is not distinct from s.user_name
        left join own o on true
    order by s.feature_set_id;
$$;
comment on function ls.incumbents(bigint, bigint, boolean) is
    'Who serves the requests of each current test set of a ranker but for one version, and whether that set counts for the promotion gate.';
