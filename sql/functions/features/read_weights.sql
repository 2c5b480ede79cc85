-- ls.read_weights(digest) -> the weights of a version, whole; in one question, because a request waits for them.
-- Called by: LedgerStore.readWeights.
create or replace function ls.read_weights(p_digest bytea)
returns bytea
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_bytes bytea;
begin
    select w.bytes into v_bytes from ls.ranker_weights w where w.digest = p_digest;
    if v_bytes is null then
        perform ls.refuse('LS014', format('cannot read %s…: no weights of this digest are stored',
            coalesce(ls.short_digest(p_digest), 'null')));
    end if;
    return v_bytes;
end
$$;
comment on function ls.read_weights(bytea) is
    'The weights of a version by digest, a safetensors file. Refuses an unknown digest, and weights that only a worker has (LS014).';
