-- ls.incumbent(version, without its ranker) -> who would serve the version's requests without it, and why: one row.
--   champion          the champion of its ranker, unless it is asked who would serve without the ranker
--   user+domain …     no champion, or it is the version itself: the first that the route chain finds without the ranker
--                     (ls.route_plan: its reasons, and rules that take every request)
--   first sample      nobody: the candidates keep their order; no version
-- Called by: judge, evaluate_new_version, judge_champion, an operator.
create or replace function ls.incumbent(p_version_id bigint, p_is_without_ranker boolean default false)
returns table (version_id bigint, reason text)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    v_ranker ls.ranker;
begin
    select * into v_ranker from ls.ranker r where r.ranker_id = ls.version_ranker(p_version_id);
    select a.version_id, 'champion' into version_id, reason from ls.ranker_alias a
    where a.ranker_id = v_ranker.ranker_id and a.alias = 'champion' and a.version_id <> p_version_id and not coalesce(p_is_without_ranker, false);
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
comment on function ls.incumbent(bigint, boolean) is
    'Who would serve the requests of a version without it, and why: the champion of its ranker, the next of the route chain, '
    'or nobody, so that the first sample is shown. With true: without its ranker. Refuses an unknown version (LS013).';
