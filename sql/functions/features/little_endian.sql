-- ls.little_endian(bytes, offset, width) -> the whole number of 4 or 8 bytes that begins at offset.
-- Signed with 8 bytes, not negative with 4. Spelled out, so that it is inlined where it is called.
-- Called by: feature_offsets, import_feature_file.
create or replace function ls.little_endian(p_bytes bytea, p_offset bigint, p_width integer)
returns bigint
language sql immutable
as $$
    select get_byte(p_bytes, p_offset::integer)::bigint | (get_byte(p_bytes, p_offset::integer + 1)::bigint << 8)
        | (get_byte(p_bytes, p_offset::integer + 2)::bigint << 16) | (get_byte(p_bytes, p_offset::integer + 3)::bigint << 24)
        | case p_width when 8 then (get_byte(p_bytes, p_offset::integer + 4)::bigint << 32) | (get_byte(p_bytes, p_offset::integer + 5)::bigint << 40)
            | (get_byte(p_bytes, p_offset::integer + 6)::bigint << 48) | (get_byte(p_bytes, p_offset::integer + 7)::bigint << 56) else 0 end;
$$;
comment on function ls.little_endian(bytea, bigint, integer) is 'A whole number as files hold it: its smallest byte first.';
