-- ls.ranker_id(name) -> the key, or LS012.
-- Called by: every function that is given a ranker by name.
create or replace function ls.ranker_id(p_name text)
returns bigint
language plpgsql stable
as $$
declare
    v_id bigint;
begin
    select ranker_id into v_id from ls.ranker where name = p_name;
    if v_id is null then
        perform ls.refuse('LS012', format('cannot use ranker ''%s'': it is not registered', left(p_name, 400)),
            'select name from ls.ranker_status lists the rankers');
    end if;
    return v_id;
end
$$;
comment on function ls.ranker_id(text) is 'The key of a ranker; an unknown name is refused.';
