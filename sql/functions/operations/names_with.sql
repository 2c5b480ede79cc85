-- ls.names_with(name) -> the names that something is registered under and that contain this user's name, being longer:
-- of domains, base models, rankers of others, workers, API keys, rules and coordinators. They are not the user's name.
-- As ls.without_name looks them up, so that a text takes no longer for thousands of them:
--   "name N"       a name
--   "before B"     the lengths of the names in which the user's name comes after B
--   "places"       where in them the user's name begins, from 1
-- Called by: forget_user, once the user's own rankers and keys are gone.
create or replace function ls.names_with(p_name text)
returns jsonb
language sql stable
as $$
    with n as materialized (
        select distinct name from (
            select name from ls.domain union all select name from ls.base_model
            union all select name from ls.ranker union all select name from ls.worker
            union all select name from ls.api_key union all select name from ls.route_rule
            union all select name from ls.coordinator
            union all select worker_name from ls.join_token) a
        where position(p_name in name) > 0 and name <> p_name),
    o as materialized (
        select name, place from n, generate_series(1, length(name) - length(p_name) + 1) place
        where substr(name, place, length(p_name)) = p_name)
    select coalesce(jsonb_object_agg(k.key, k.value), '{}') from (
        select 'name ' || name as key, 'true'::jsonb as value from n
        union all select 'before ' || left(name, place - 1), jsonb_agg(distinct length(name)) from o
            group by 1
        union all select 'places', jsonb_agg(distinct place) from o having count(*) > 0) k;
$$;
comment on function ls.names_with(text) is
    'Registered names that contain a user''s name and are longer, to be looked up by the place of '
    'that.';
