-- ls.feature_tensor(header, name, dtypes, shape) -> the first byte of a tensor that is of one of the types and
-- of this shape (null: any length there). Missing or otherwise: refused (LS002).
-- Called by: feature_matrix, feature_offsets, import_feature_file.
create or replace function ls.feature_tensor(p_header jsonb, p_name text, p_dtypes text[], p_shape bigint[])
returns bigint
language plpgsql immutable
as $$
declare
    v_tensor jsonb := p_header -> 'tensors' -> p_name;
    v_shape bigint[];
begin
    if v_tensor is null then
        perform ls.refuse_features(format('found no tensor ''%s''', p_name));
    end if;
    if v_tensor ->> 'dtype' <> all (p_dtypes) then
        perform ls.refuse_features(format('found ''%s'' of %s, expected %s', p_name, v_tensor ->> 'dtype',
            regexp_replace(array_to_string(p_dtypes, ', '), ', ([^,]*)$', ' or \1')));
    end if;
    select coalesce(array_agg(s::bigint order by o), '{}') into v_shape
    from jsonb_array_elements_text(v_tensor -> 'shape') with ordinality e (s, o);
    if cardinality(p_shape) = 2 and cardinality(v_shape) <> 2 then
        perform ls.refuse_features(format('found ''%s'' of shape [%s], expected two dimensions', p_name, array_to_string(v_shape, ', ')));
    elsif cardinality(p_shape) = 2 and v_shape[2] <> p_shape[2] then
        perform ls.refuse_features(format('found ''%s'' of width %s, hidden_size says %s', p_name, v_shape[2], p_shape[2]));
    elsif cardinality(p_shape) = 1 and v_shape <> p_shape then
        perform ls.refuse_features(format('found ''%s'' of shape [%s], expected [%s]', p_name, array_to_string(v_shape, ', '), p_shape[1]));
    end if;
    return (v_tensor ->> 'start')::bigint;
end
$$;
comment on function ls.feature_tensor(jsonb, text, text[], bigint[]) is 'Where a tensor of a feature file begins, its type and shape checked.';
