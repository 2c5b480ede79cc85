-- ls.safetensors_header(file) -> {"metadata": {key: text}, "tensors": {name: {"dtype", "shape", "start"}}}.
-- What a safetensors file says it holds; start counts from the file's first byte. As strict as
-- SafetensorsFile in Swift: no key twice, no unknown key, no hole, no overlap, nothing left over,
-- every tensor as long as its shape says, wherever it begins. Anything else is refused (LS002).
-- Called by: import_feature_file.
create or replace function ls.safetensors_header(p_file bytea)
returns jsonb
language plpgsql immutable
as $$
declare
    c_widths constant jsonb := '{"F16": 2, "BF16": 2, "F32": 4, "F64": 8, "I8": 1, "I16": 2, "I32": 4, "I64": 8,
        "U8": 1, "U16": 2, "U32": 4, "U64": 8, "BOOL": 1}';
    v_size bigint := octet_length(p_file);
    v_length numeric;
    v_data bigint;
    v_text text;
    v_header json;
    v_key text;
    v_value json;
    v_part record;
    v_kind text;
    v_count bigint;
    v_bytes numeric;
    v_begin numeric;
    v_end numeric;
    v_position numeric;
    v_metadata jsonb := '{}';
    v_tensors jsonb := '{}';
begin
    if v_size < 8 then
        perform ls.refuse_features(format('found %s bytes, expected a safetensors file', v_size));
    end if;
    select sum(get_byte(p_file, i)::numeric * 256::numeric ^ i) into v_length from generate_series(0, 7) i;
    if v_length not between 2 and 100000000 then
        perform ls.refuse_features(format('found a header of %s bytes, expected 2 to 100000000', trim_scale(v_length)));
    end if;
    v_data := 8 + v_length::bigint;
    if v_data > v_size then
        perform ls.refuse_features(format('found %s bytes, the header alone needs %s; it is cut short', v_size, v_data));
    end if;
    if get_byte(p_file, 8) <> 123 then
        perform ls.refuse_features('found no ''{'' at the start of the header');
    end if;
    begin
        v_text := convert_from(substring(p_file from 9 for v_length::integer), 'UTF8');
        v_header := v_text::json;
        -- Every key and string in its plain form, so that what SQL cannot hold is met here.
        perform v_text::jsonb;
    exception when others then
        perform ls.refuse_features(case when sqlstate like '22021' then 'found text that is not UTF-8 in the header'
            else 'found a header that is not JSON' end);
    end;
    select key, count(*) into v_key, v_count from json_each(v_header) group by key having count(*) > 1 order by key limit 1;
    if found then
        perform ls.refuse_features(format('found the key ''%s'' twice in the header', left(v_key, 80)));
    end if;

    v_value := v_header -> '__metadata__';
    if v_value is not null then
        if json_typeof(v_value) <> 'object' then
            perform ls.refuse_features('found ''__metadata__'' that is not an object');
        end if;
        select key, count(*), bool_and(json_typeof(value) = 'string') as texts into v_part
        from json_each(v_value) group by key having count(*) > 1 or not bool_and(json_typeof(value) = 'string') order by key limit 1;
        if found then
            perform ls.refuse_features(case when v_part.texts then format('found the key ''%s'' twice in the header', left(v_part.key, 80))
                else format('found metadata ''%s'' that is not a string', left(v_part.key, 80)) end);
        end if;
        v_metadata := v_value;
    end if;

    for v_key, v_value in select key, value from json_each(v_header) where key <> '__metadata__' loop
        if json_typeof(v_value) <> 'object' then
            perform ls.refuse_features(format('tensor ''%s'': found no description', left(v_key, 80)));
        end if;
        select key, count(*) as times into v_part from json_each(v_value) with ordinality e (key, value, place) group by key
        having count(*) > 1 or key not in ('dtype', 'shape', 'data_offsets') order by min(place) limit 1;
        if found then
            perform ls.refuse_features(case when v_part.times > 1 then format('found the key ''%s'' twice in the header', left(v_part.key, 80))
                else format('tensor ''%s'': found the unknown key ''%s''', left(v_key, 80), left(v_part.key, 80)) end);
        end if;
        if json_typeof(v_value -> 'dtype') <> 'string' then
            perform ls.refuse_features(format('tensor ''%s'': found no dtype', left(v_key, 80)));
        end if;
        v_kind := v_value ->> 'dtype';
        if v_kind is not null and not c_widths ? v_kind then
            perform ls.refuse_features(format('tensor ''%s'': found dtype ''%s'', which is not supported', left(v_key, 80), left(v_kind, 80)));
        end if;
        if v_kind is null or not coalesce(ls.is_list_of_counts(v_value -> 'shape', 0, 8), false)
            or not coalesce(ls.is_list_of_counts(v_value -> 'data_offsets', 2, 2), false)
        then
            perform ls.refuse_features(format('tensor ''%s'': expected dtype, shape and two data_offsets', left(v_key, 80)));
        end if;
        v_bytes := (c_widths ->> v_kind)::numeric;
        for v_part in select value from json_array_elements_text(v_value -> 'shape') loop
            v_bytes := v_bytes * v_part.value::numeric;
        end loop;
        v_begin := (v_value -> 'data_offsets' ->> 0)::numeric;
        v_end := (v_value -> 'data_offsets' ->> 1)::numeric;
        if v_end - v_begin <> v_bytes then
            perform ls.refuse_features(format('tensor ''%s'': found offsets %s to %s, expected %s bytes for its shape',
                left(v_key, 80), v_begin, v_end, v_bytes));
        end if;
        v_tensors := v_tensors || jsonb_build_object(v_key, jsonb_build_object('dtype', v_kind, 'shape', v_value -> 'shape',
            'start', v_data + v_begin, 'end', v_data + v_end));
    end loop;

    v_position := v_data;
    for v_part in
        select key, (value ->> 'start')::numeric as start, (value ->> 'end')::numeric as stop
        from jsonb_each(v_tensors) order by 2, 3, key collate "C"
    loop
        if v_part.start < v_position then
            perform ls.refuse_features(format('tensor ''%s'' overlaps the one before it', left(v_part.key, 80)));
        elsif v_part.start > v_position then
            perform ls.refuse_features(format('found a hole of %s bytes before ''%s''', v_part.start - v_position, left(v_part.key, 80)));
        elsif v_part.stop > v_size then
            perform ls.refuse_features(format('found %s bytes, tensor ''%s'' ends at %s; the file is cut short', v_size, left(v_part.key, 80), v_part.stop));
        end if;
        v_position := v_part.stop;
    end loop;
    if v_position <> v_size then
        perform ls.refuse_features(format('found %s bytes after the last tensor', v_size - v_position));
    end if;
    return jsonb_build_object('metadata', v_metadata, 'tensors', v_tensors);
end
$$;
comment on function ls.safetensors_header(bytea) is 'What a safetensors file says it holds, checked against its size; anything else is refused.';
