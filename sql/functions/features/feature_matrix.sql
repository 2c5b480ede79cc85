-- ls.feature_matrix(file, header, name, hidden_size) -> the rows of a matrix of features, each number finite and of size
-- ls.magnitude_max() or less. Read as hexadecimal digits, a row is searched for others in one pass, wherever it begins.
-- Called by: import_feature_file.
create or replace function ls.feature_matrix(p_file bytea, p_header jsonb, p_name text, p_hidden_size integer)
returns bigint
language plpgsql immutable
as $$
declare
    v_start bigint := ls.feature_tensor(p_header, p_name, '{F16,BF16,F32}', array[null, p_hidden_size]);
    v_rows bigint := (p_header -> 'tensors' -> p_name -> 'shape' ->> 0)::bigint;
    v_dtype text := p_header -> 'tensors' -> p_name ->> 'dtype';
    v_row_bytes integer := p_hidden_size * case v_dtype when 'F32' then 4 else 2 end;
    v_beyond text := ls.beyond_magnitude(v_dtype);
    v_row bigint;
begin
    select r into v_row from generate_series(0, v_rows - 1) r
    where encode(substring(p_file from (v_start + r * v_row_bytes + 1)::integer for v_row_bytes), 'hex') ~ v_beyond
    limit 1;
    if v_row is not null then
        perform ls.refuse_features(format('found a number that is not finite or beyond %s in row %s of ''%s''',
            ls.magnitude_max(), v_row, p_name));
    end if;
    return v_rows;
end
$$;
comment on function ls.feature_matrix(bytea, jsonb, text, integer) is 'Checks a matrix of features, and counts its rows.';
