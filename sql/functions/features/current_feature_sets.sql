-- ls.current_feature_sets(base_model_id, domain, split, user) -> the sets in use, in domain order.
-- Of the domain and everything beneath it (null: of all domains), the newest ready set of each
-- domain. A user's own sets come first: only when the user has none, the sets that belong to nobody.
-- Sets at home with a worker are among a user's own, those of the worker that offered one last (one task has
-- one home); of nobody's they are never taken unless named: a worker must not choose what all learn from.
-- Reads the domains concerned, and one index entry for each: not the sets of other users, however many.
-- Called by: request_training, request_evaluation, choose_champion, consider_promotion, route, view ranker_status.
create or replace function ls.current_feature_sets(p_base_model_id bigint, p_domain text, p_split text, p_user text)
returns table (feature_set_id bigint, domain text)
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
    with asked as materialized (
        select d.domain_id, d.name from ls.domain d
        where p_domain is null or d.name collate "C" = p_domain
            -- '0' follows '/'
            or (d.name collate "C" > p_domain || '/' and d.name collate "C" < p_domain || '0')),
    own as materialized (
        select n.feature_set_id, a.name from asked a cross join lateral (
            select f.feature_set_id from ls.feature_set f
            where f.base_model_id = p_base_model_id and f.domain_id = a.domain_id and f.split = p_split and f.user_name = p_user
                and f.ready_at is not null
                and (f.home_worker_id is null or f.home_worker_id = (
                    select h.home_worker_id from ls.feature_set h
                    where h.user_name = p_user and h.base_model_id = p_base_model_id and h.home_worker_id is not null
                        and h.ready_at is not null
                    order by h.ready_at desc, h.feature_set_id desc limit 1))
            order by f.ready_at desc, f.feature_set_id desc limit 1) n
        where p_user is not null)
    select s.feature_set_id, s.name from (
        select o.feature_set_id, o.name from own o
        union all
        select n.feature_set_id, a.name from asked a cross join lateral (
            select f.feature_set_id from ls.feature_set f
            where f.base_model_id = p_base_model_id and f.domain_id = a.domain_id and f.split = p_split and f.user_name is null
                and f.ready_at is not null and f.home_worker_id is null
            order by f.ready_at desc, f.feature_set_id desc limit 1) n
        where not exists (select from own)) s
    order by s.name collate "C", s.feature_set_id;
$$;
comment on function ls.current_feature_sets(bigint, text, text, text) is
    'The newest ready feature set of a domain and of each domain below it (null for all domains), for a split; a user''s own sets come first. No rows when there are none.';
