-- ls.incumbent(version, without its ranker) -> who would serve the version's requests without it, and why: one row.
--   champion          the champion of its ranker, unless it is asked who would serve without the ranker
--   user+domain …     no champion, or it is the version itself: the first that the route chain finds without the ranker
--                     (ls.route_plan: its reasons, and rules that take every request), for the user and the domain of each test set
--                     (ls.incumbents). Where they differ, the one that serves most of the queries; without a test set, the one
--                     for the ranker's own user and domain
--   first sample      nobody: the candidates keep their order; no version
-- Called by: an operator.
create or replace function ls.incumbent(p_version_id bigint, p_is_without_ranker boolean default false)
returns table (version_id bigint, reason text)
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
    select i.version_id, i.reason
    from ls.incumbent_of_ranker(ls.version_ranker(p_version_id), p_version_id, coalesce(p_is_without_ranker, false)) i;
$$;
comment on function ls.incumbent(bigint, boolean) is
    'Who would serve the requests of a version without it, and why: the champion of its ranker, the next of the route chain, '
    'or nobody, so that the first sample is shown; where it is not one for all, who serves most. With true: without its ranker. '
    'Refuses an unknown version (LS013).';
