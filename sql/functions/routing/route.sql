-- ls.route(base_model, user, domain, request) -> which champion answers, and why; no row: keep the candidates' order.
-- The first serving row of ls.route_plan that the request falls in; without a request no share of one does. lscoord answers
-- from the same plan: a row with a worker is scored there, and the next row serves when the worker is out of reach.
-- Called by: an operator.
create or replace function ls.route(p_base_model text, p_user text default null, p_domain text default null, p_request text default null)
returns table (ranker_id bigint, ranker_name text, kind text, configuration jsonb,
    version_id bigint, version_number integer, digest bytea, reason text, rule text, worker text)
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
    select p.ranker_id, p.ranker_name, p.kind, p.configuration, p.version_id, p.version_number, p.digest, p.reason, p.rule, p.worker
    from ls.route_plan(p_base_model, p_user, p_domain) p
    where p.role = 'serve' and (p.share = 10000 or coalesce(ls.request_bucket(p.rule, p_request) < p.share, false))
    order by p.place limit 1;
$$;
comment on function ls.route(text, text, text, text) is
    'The version that serves a request of a user and a domain, and why, in one row. No row when nothing fits; then the candidates keep their order. A rule for a share of requests applies only when p_request is given. An unknown user or domain is '
    'served by the broader rankers; an unknown base model is refused (LS010).';
