-- ls.current_feature_sets(base_model_id, domain, split, user) -> the sets in use, in domain order.
-- Of the domain and everything beneath it (null: of all domains), the newest ready set of each
-- domain. A user's own sets come first: only when the user has none, the sets that belong to nobody.
-- Called by: request_training, request_evaluation, consider_promotion, route, view ranker_status.
create or replace function ls.current_feature_sets(p_base_model_id bigint, p_domain text, p_split text, p_user text)
returns table (feature_set_id bigint, domain text)
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
    with newest as (
        select distinct on (f.user_name, f.domain_id) f.feature_set_id, d.name as domain, f.user_name
        from ls.feature_set f join ls.domain d using (domain_id)
        where f.base_model_id = p_base_model_id and f.split = p_split and f.ready_at is not null
            and (f.user_name is null or f.user_name = p_user) and ls.domain_is_within(d.name, p_domain)
        order by f.user_name, f.domain_id, f.ready_at desc, f.feature_set_id desc)
    select n.feature_set_id, n.domain from newest n
    where (n.user_name is not null) = exists (select from newest own where own.user_name is not null)
    order by n.domain collate "C", n.feature_set_id;
$$;
comment on function ls.current_feature_sets(bigint, text, text, text) is
    'The newest ready feature set of a domain and of each domain beneath it (null: of all), for a split; a user''s own sets '
    'come first. No rows: there are none.';
