-- ls.incumbent_of_ranker(ranker_id, version, is_without_ranker) -> who serves the requests of a ranker, but for that version, and why:
-- one row (ls.incumbent has the reasons). Without a version: who serves them now. Without the ranker: none of its versions.
-- Called by: incumbent, judge, start_from_incumbent.
create or replace function ls.incumbent_of_ranker(p_ranker_id bigint, p_version_id bigint default null,
    p_is_without_ranker boolean default false)
returns table (version_id bigint, reason text)
language plpgsql stable
as $$
#variable_conflict use_column
begin
    select a.version_id, 'champion' into version_id, reason from ls.ranker_alias a
    where a.ranker_id = p_ranker_id and a.alias = 'champion' and a.version_id is distinct from p_version_id
        and not p_is_without_ranker;
    if version_id is null then
        select i.version_id, i.reason into version_id, reason
        from ls.incumbents(p_ranker_id, p_version_id, p_is_without_ranker) i join ls.feature_set f using (feature_set_id)
        where i.is_counted
        group by i.version_id, i.reason
        order by sum(f.query_count) desc, i.version_id limit 1;
    end if;
    if reason is null then
        select i.version_id, i.reason into version_id, reason
        from ls.ranker r left join ls.domain d using (domain_id)
            cross join lateral ls.incumbent_for(r.ranker_id, p_version_id, p_is_without_ranker, r.user_name, d.name) i
        where r.ranker_id = p_ranker_id;
    end if;
    return next;
end
$$;
comment on function ls.incumbent_of_ranker(bigint, bigint, boolean) is 'Who serves the requests of a ranker but for one version, and why.';
