-- ls.beyond_magnitude(dtype) -> a pattern that finds, in a row of little-endian numbers of this type written as hexadecimal
-- digits, one that is not finite or beyond ls.magnitude_max().
-- Without its sign a number is the greater the greater its bits are, and what is not finite is the greatest. So: the same
-- digits as the bound's from the top down to one that is greater; the first digit holds the sign.
-- No number of 16 bits with 5 of exponent comes near the bound: there all bits of the exponent say it.
-- Called by: feature_matrix.
create or replace function ls.beyond_magnitude(p_dtype text)
returns text
language plpgsql immutable
as $$
declare
    v_bound text := left(encode(float4send(ls.magnitude_max()), 'hex'), case p_dtype when 'F32' then 8 else 4 end);
    v_length integer := length(v_bound);
    v_digit integer;
    v_equal text[] := '{}';
    v_greater text;
    v_digits text[];
    v_cases text[] := '{}';
begin
    if p_dtype = 'F16' then
        return '^(?:....)*?..[7f][c-f]';
    end if;
    for i in 1..v_length loop
        v_digit := strpos('0123456789abcdef', substr(v_bound, i, 1)) - 1;
        -- With either sign in the first digit.
        v_greater := case when i = 1 then substr('01234567', v_digit + 2) || substr('89abcdef', v_digit + 2)
            else substr('0123456789abcdef', v_digit + 2) end;
        if v_greater <> '' then
            v_digits := array_fill('.'::text, array[v_length]);
            v_digits[1:i] := v_equal || ('[' || v_greater || ']');
            -- Bytes in the order of the file, the smallest first.
            v_cases := v_cases || (select string_agg(v_digits[b] || v_digits[b + 1], '' order by b desc)
                from generate_series(1, v_length, 2) b);
        end if;
        v_equal := v_equal || case when i = 1 then '[' || substr('01234567', v_digit + 1, 1) || substr('89abcdef', v_digit + 1, 1) || ']'
            else substr(v_bound, i, 1) end;
    end loop;
    return format('^(?:%s)*?(?:%s)', repeat('.', v_length), array_to_string(v_cases, '|'));
end
$$;
comment on function ls.beyond_magnitude(text) is 'A pattern that finds a number that is not finite or too large in hexadecimal digits.';
