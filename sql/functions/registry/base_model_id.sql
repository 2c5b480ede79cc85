-- ls.base_model_id(name) -> the key, or LS010.
-- Called by: every function that is given a base model by name.
create or replace function ls.base_model_id(p_name text)
returns bigint
language plpgsql stable
as $$
declare
    v_id bigint;
begin
    select base_model_id into v_id from ls.base_model where name = p_name;
    if v_id is null then
        perform ls.refuse('LS010', format('cannot use base model ''%s'': it is not registered', left(p_name, 200)),
            format('register it first: select ls.register_base_model(%L, hidden_size)',
                left(p_name, 200)));
    end if;
    return v_id;
end
$$;
comment on function ls.base_model_id(text) is 'The key of a base model; an unknown name is refused.';
