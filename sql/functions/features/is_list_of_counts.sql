-- ls.is_list_of_counts(json, min, max) -> whether it is a JSON list of min to max whole numbers, none
-- negative and each below 10^18. Null in, false out.
-- Called by: safetensors_header.
create or replace function ls.is_list_of_counts(p_json json, p_min integer, p_max integer)
returns boolean
language plpgsql immutable
as $$
begin
    if p_json is null or json_typeof(p_json) <> 'array' or json_array_length(p_json) not between p_min and p_max then
        return false;
    end if;
    return not exists (select from json_array_elements(p_json) e where e::text !~ '^(0|[1-9][0-9]{0,17})$');
end
$$;
comment on function ls.is_list_of_counts(json, integer, integer) is 'Whether a JSON value is a list of whole numbers, none negative.';
