-- ls.route(base_model, user, domain) -> which champion answers, and why; no row: keep the candidates' order.
-- The first step that has a ranker with a champion wins:
--   user+domain     the user's ranker of the domain, or of a broader one
--   user            the user's ranker for everything
--   domain          the domain's ranker
--   parent domain   a broader domain's ranker, the nearest first
--   best transfer   no ranker there, but the domain is known: the domain ranker that was measured
--                   best on this domain's current test set (transfer matrix)
--   global          the ranker of nobody and nothing in particular
-- Two kinds in one step: the one that did better on its own test sets, then listwise. A domain or a user
-- nobody has heard of is not an error: the later steps serve it.
-- Called by: LedgerStore.route, when lscoord's routing cache misses; an operator.
create or replace function ls.route(p_base_model text, p_user text default null, p_domain text default null)
returns table (ranker_id bigint, ranker_name text, kind text, configuration jsonb,
    version_id bigint, version_number integer, digest bytea, reason text)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    v_base_model_id bigint := ls.base_model_id(p_base_model);
begin
    return query
    with champion as (
        select r.ranker_id, r.name, r.kind, r.configuration, r.user_name, d.name as domain, v.version_id, v.number, v.digest,
            case
                when r.user_name = p_user and d.name is not null and ls.domain_is_within(p_domain, d.name) then 1
                when r.user_name = p_user and d.name is null then 2
                when r.user_name is null and d.name = p_domain then 3
                when r.user_name is null and d.name is not null and ls.domain_is_within(p_domain, d.name) then 4
                when r.user_name is null and d.name is not null then 5
                when r.user_name is null and d.name is null then 6
            end as step
        from ls.ranker r
            left join ls.domain d using (domain_id)
            join ls.ranker_alias a on a.ranker_id = r.ranker_id and a.alias = 'champion'
            join ls.ranker_version v on v.version_id = a.version_id
        where r.base_model_id = v_base_model_id and (r.user_name is null or r.user_name = p_user)),
    asked as (
        select array_agg(c.feature_set_id) as sets
        from ls.domain d, ls.current_feature_sets(v_base_model_id, d.name, 'test', null) c
        where d.name = p_domain),
    -- Measured only where it can matter: the first step present, and transfer.
    contender as (
        select c.*, case when c.step = 5
            then ls.pooled_accuracy(c.version_id, (select sets from asked), ls.default_evaluation_configuration())
            else ls.pooled_accuracy(c.version_id,
                (select array_agg(s.feature_set_id) from ls.current_feature_sets(v_base_model_id, c.domain, 'test', c.user_name) s),
                ls.default_evaluation_configuration()) end as accuracy
        from champion c
        where c.step = (select min(f.step) from champion f where f.step <> 5) or (c.step = 5
            and not exists (select from champion f where f.step < 5)))
    select c.ranker_id, c.name, c.kind, c.configuration, c.version_id, c.number, c.digest,
        (array['user+domain', 'user', 'domain', 'parent domain', 'best transfer', 'global'])[c.step]
    from contender c
    where c.step is not null and (c.step <> 5 or c.accuracy is not null)
    order by c.step, length(c.domain) desc nulls last, c.accuracy desc nulls last, (c.kind = 'listwise') desc, c.ranker_id
    limit 1;
end
$$;
comment on function ls.route(text, text, text) is
    'Which version answers a request of a user and a domain, and why, in one row; no row: nothing fits, and the candidates '
    'keep their order. An unknown user or domain is served by the broader rankers; an unknown base model is refused '
    '(LS010).';
