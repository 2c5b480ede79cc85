-- ls.json_without_name(json, name, kept): ls.without_name of every text in a JSON value; keys stay.
-- Called by: forget_user.
create or replace function ls.json_without_name(p_json jsonb, p_name text,
    p_kept jsonb default '{}')
returns jsonb
language sql immutable
as $$
    select case jsonb_typeof(p_json)
        when 'string' then to_jsonb(ls.without_name(p_json #>> '{}', p_name, p_kept))
        when 'array' then (select coalesce(jsonb_agg(ls.json_without_name(e.value, p_name, p_kept) order by e.ordinality), '[]')
            from jsonb_array_elements(p_json) with ordinality e)
        when 'object' then (select coalesce(jsonb_object_agg(e.key, ls.json_without_name(e.value, p_name, p_kept)), '{}')
            from jsonb_each(p_json) e)
        else p_json end;
$$;
comment on function ls.json_without_name(jsonb, text, jsonb) is
    'A JSON value with (forgotten) in place of a name in its texts.';
