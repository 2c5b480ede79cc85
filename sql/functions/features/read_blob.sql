-- ls.read_blob(digest, offset, byte_count_max) -> bytes, size of the whole.
-- A piece of a feature set or of a version's weights, at most 1 MiB; it may be shorter than asked
-- (it ends where a stored chunk ends), and is empty only at the end. Ask again from where it ended.
-- Called by: LedgerStore.readBlob.
create or replace function ls.read_blob(p_digest bytea, p_offset bigint, p_byte_count_max integer default 1048576)
returns table (bytes bytea, byte_count bigint)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    v_count integer := least(greatest(p_byte_count_max, 1), 1048576);
    v_id bigint;
    v_size bigint;
begin
    select f.feature_set_id, f.byte_count into v_id, v_size from ls.feature_set f
    where f.digest = p_digest and f.ready_at is not null and f.home_worker_id is null;
    if v_id is null then
        select w.byte_count into v_size from ls.ranker_weights w where w.digest = p_digest and w.bytes is not null;
    end if;
    if v_size is null then
        perform ls.refuse('LS014', format('cannot read %s…: no feature set or weights of this digest are stored',
            coalesce(ls.short_digest(p_digest), 'null')));
    end if;
    if p_offset is null or p_offset < 0 or p_offset > v_size then
        perform ls.refuse('LS001', format('cannot read %s… from byte %s: it has %s bytes', ls.short_digest(p_digest), p_offset, v_size));
    end if;
    if p_offset = v_size then
        return query select ''::bytea, v_size;
    elsif v_id is null then
        return query select substring(w.bytes from p_offset::integer + 1 for v_count), v_size
            from ls.ranker_weights w where w.digest = p_digest;
    else
        return query select substring(c.bytes from (p_offset % 1048576)::integer + 1 for v_count), v_size
            from ls.feature_chunk c
            where c.feature_set_id = v_id and c.chunk_index = p_offset / 1048576;
    end if;
end
$$;
comment on function ls.read_blob(bytea, bigint, integer) is
    'A piece of at most 1 MiB of a feature set or of weights, by digest, and the size of the whole; empty at the end. '
    'Refuses an unknown digest (LS014) and an offset beyond the end (LS001).';
