-- ls.exemption_for(ranker, user, domain ids) -> the exemption that holds for requests of the user and the domains (a domain and the broader
-- ones), or no row: the user's, else the nearest domain's. Nearly always there is none: two index probes.
-- Called by: served_version, judge.
create or replace function ls.exemption_for(p_ranker_id bigint, p_user text, p_domain_ids bigint[])
returns table (exemption_id bigint, version_id bigint)
language sql stable
as $$
    select e.exemption_id, e.version_id from (
        select x.exemption_id, x.version_id, x.domain_id from ls.exemption x
        where x.ranker_id = p_ranker_id and coalesce(x.user_name, '') = p_user and coalesce(x.domain_id, 0) = 0 and p_user <> ''
        union all
        select x.exemption_id, x.version_id, x.domain_id from ls.exemption x
        where x.ranker_id = p_ranker_id and coalesce(x.user_name, '') = '' and coalesce(x.domain_id, 0) = any (p_domain_ids)) e
        left join ls.domain d using (domain_id)
    order by d.domain_id is null desc, length(d.name) desc limit 1;
$$;
comment on function ls.exemption_for(bigint, text, bigint[]) is 'The exemption from a ranker''s champion that holds for the requests of a user and a domain.';
