-- ls.register_domain(name) -> domain id. Creates the ancestors that are missing: 'a/b' needs 'a'.
-- Again with the same name: the same id. Called by: LedgerStore.registerDomain, an admin.
create or replace function ls.register_domain(p_name text)
returns bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_segments text[] := string_to_array(p_name, '/');
    v_parent bigint;
    v_id bigint;
    v_prefix text;
begin
    if p_name is null or octet_length(p_name) > 120
        or p_name !~ '^[a-z0-9][a-z0-9_.-]*(/[a-z0-9][a-z0-9_.-]*)*$'
    then
        perform ls.refuse('LS001', format('cannot use ''%s'' as a domain: found a name that does not fit', left(p_name, 130)),
            'use lower-case words joined by slashes, such as math/algebra');
    end if;
    for i in 1 .. cardinality(v_segments) loop
        v_prefix := array_to_string(v_segments[1:i], '/');
        insert into ls.domain (name, parent_id) values (v_prefix, v_parent)
        on conflict on constraint domain_name_is_unique do nothing;
        select domain_id into strict v_id from ls.domain where name = v_prefix;
        v_parent := v_id;
    end loop;
    return v_id;
end
$$;
comment on function ls.register_domain(text) is
    'Registers a domain and all broader ones, and returns its id; repeating it returns the same id. Refuses a name that is not lower- '
    'case words joined by slashes (LS001).';
