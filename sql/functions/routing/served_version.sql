-- ls.served_version(ranker, champion, user, domain ids) -> the version of the ranker that serves requests of the user and the domains: its
-- champion, or, where that was proven worse for them (ls.exemption), the version they keep; null: the ranker does not serve them.
-- A kept version that may not be champion any more, such as one made in quarantine, is not kept.
-- Called by: ordered_champions, route_plan, resolve, judge.
create or replace function ls.served_version(p_ranker_id bigint, p_champion_id bigint, p_user text, p_domain_ids bigint[])
returns bigint
language sql stable
as $$
    select case when x.exemption_id is null then p_champion_id
        when x.version_id is null then null
        when ls.may_be_champion(x.version_id) then x.version_id
        else p_champion_id end
    from (select) o left join lateral ls.exemption_for(p_ranker_id, p_user, p_domain_ids) x on true;
$$;
comment on function ls.served_version(bigint, bigint, text, bigint[]) is
    'The version of a ranker that serves the requests of a user and a domain: its champion, or the one they keep; null for none.';
