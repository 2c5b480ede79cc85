-- ls.single_precision(bits) -> the number that 32 bits mean (IEEE 754), for people. Finite ones only.
-- Called by: import_feature_file.
create or replace function ls.single_precision(p_bits bigint)
returns real
language sql immutable
as $$
    select (case when p_bits & 2147483648 = 0 then 1 else -1 end * case when p_bits & 2139095040 = 0
        then (p_bits & 8388607) * 2::double precision ^ (-149)
        else (8388608 + (p_bits & 8388607)) * 2::double precision ^ ((p_bits >> 23 & 255) - 150) end)::real;
$$;
comment on function ls.single_precision(bigint) is 'The number that 32 bits mean, for people.';
