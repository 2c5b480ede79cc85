-- ls.names_with(name) -> the names that something is registered under and that contain this user's name, being longer:
-- of domains, base models, rankers of others, workers, API keys, rules and coordinators. They are not the user's name.
-- Called by: forget_user, once the user's own rankers and keys are gone.
create or replace function ls.names_with(p_name text)
returns text[]
language sql stable
as $$
    select coalesce(array_agg(distinct n.name), '{}') from (
        select name from ls.domain union all select name from ls.base_model union all select name from ls.ranker
        union all select name from ls.worker union all select name from ls.api_key union all select name from ls.route_rule
        union all select name from ls.coordinator union all select worker_name from ls.join_token) n
    where position(p_name in n.name) > 0 and n.name <> p_name;
$$;
comment on function ls.names_with(text) is 'Registered names that contain a user''s name and are longer.';
