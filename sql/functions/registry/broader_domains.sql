-- ls.broader_domains(domain) -> the ids of the domain and of all broader ones, as far as they are registered; of null: none.
-- Called by: resolve, judge.
create or replace function ls.broader_domains(p_domain text)
returns bigint[]
language sql stable
as $$
    select coalesce(array_agg(d.domain_id), '{}') from ls.domain d
    where d.name = any (select array_to_string((string_to_array(p_domain, '/'))[:n], '/')
        from generate_series(1, least(length(p_domain) - length(replace(p_domain, '/', '')) + 1, 60)) n);
$$;
comment on function ls.broader_domains(text) is 'A domain and all broader ones, by id, as far as they are registered.';
