-- ls.incumbent_of_ranker(ranker_id, version, is_without_ranker) -> who serves the requests of a ranker, but for that version, and why:
-- one row (ls.incumbent has the reasons). Without a version: who serves them now. Without the ranker: none of its versions.
-- Called by: incumbent, start_from_incumbent.
create or replace function ls.incumbent_of_ranker(p_ranker_id bigint, p_version_id bigint default null,
    p_is_without_ranker boolean default false)
returns table (version_id bigint, reason text)
language plpgsql stable
as $$
#variable_conflict use_column
declare
    v_ranker ls.ranker;
begin
    select * into v_ranker from ls.ranker r where r.ranker_id = p_ranker_id;
    select a.version_id, 'champion' into version_id, reason from ls.ranker_alias a
    where a.ranker_id = p_ranker_id and a.alias = 'champion' and a.version_id is distinct from p_version_id
        and not p_is_without_ranker;
    if version_id is null then
        select p.version_id, p.reason into version_id, reason
        from ls.route_plan((select b.name from ls.base_model b where b.base_model_id = v_ranker.base_model_id), v_ranker.user_name,
            (select d.name from ls.domain d where d.domain_id = v_ranker.domain_id), v_ranker.ranker_id) p
        where p.role = 'serve' and p.share = 10000
        order by p.place limit 1;
    end if;
    reason := coalesce(reason, 'first sample');
    return next;
end
$$;
comment on function ls.incumbent_of_ranker(bigint, bigint, boolean) is 'Who serves the requests of a ranker but for one version, and why.';
