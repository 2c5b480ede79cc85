-- ls.domain_id(name) -> the key, or LS011.
-- Called by: every function that is given a domain by name, routing apart.
create or replace function ls.domain_id(p_name text)
returns bigint
language plpgsql stable
as $$
declare
    v_id bigint;
begin
    select domain_id into v_id from ls.domain where name = p_name;
    if v_id is null then
        perform ls.refuse('LS011', format('cannot use domain ''%s'': it is not registered', left(p_name, 130)),
            format('register it first: select ls.register_domain(%L)', left(p_name, 130)));
    end if;
    return v_id;
end
$$;
comment on function ls.domain_id(text) is 'The key of a domain; an unknown name is refused.';
