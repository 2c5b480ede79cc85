-- ls.notify_alias(ranker): tells every coordinator, after the commit, that an alias of the ranker moved (channel ls_alias;
-- payload: the ranker's id and, after a space, its user: nobody else's routes change then).
-- Called by: set_alias, remove_alias.
create or replace function ls.notify_alias(p_ranker_id bigint)
returns void
language sql
as $$
    select pg_notify('ls_alias', r.ranker_id || coalesce(' ' || r.user_name, '')) from ls.ranker r where r.ranker_id = p_ranker_id;
$$;
comment on function ls.notify_alias(bigint) is 'Tells every coordinator that an alias of a ranker moved.';
