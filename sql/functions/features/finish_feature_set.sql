-- ls.finish_feature_set(feature_set): the last step of an import. Checks that chunks and queries are
-- complete and contiguous and, up to 256 MiB, that the bytes have the SHA-256 they are named by (for
-- larger sets, which SQL would have to hold whole, the importer's own check while sending stands).
-- From now on the set is ready, and the current one of its base model, domain, split and user.
-- Called by: LedgerStore.importFeatureSet.
create or replace function ls.finish_feature_set(p_feature_set_id bigint)
returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_set ls.feature_set;
    v_found record;
    v_digest bytea;
begin
    select * into v_set from ls.feature_set where feature_set_id = p_feature_set_id for update;
    if not found then
        perform ls.refuse('LS014', format('cannot finish feature set %s: no set has this id', p_feature_set_id));
    end if;
    if v_set.ready_at is not null then
        return;
    end if;
    select count(*) as chunks, max(chunk_index) as last, coalesce(sum(octet_length(bytes)), 0) as byte_count,
        bool_and(octet_length(bytes) = 1048576 or chunk_index = (v_set.byte_count - 1) / 1048576) as full_chunks
    into v_found from ls.feature_chunk where feature_set_id = p_feature_set_id;
    if v_found.byte_count <> v_set.byte_count or v_found.last + 1 is distinct from v_found.chunks or not v_found.full_chunks then
        perform ls.refuse('LS002', format('cannot finish feature set %s…: found %s bytes in %s chunks, expected %s bytes in chunks of 1 MiB',
            ls.short_digest(v_set.digest), v_found.byte_count, v_found.chunks, v_set.byte_count));
    end if;
    if v_set.byte_count <= 256 * 1048576 then
        select sha256(string_agg(bytes, ''::bytea order by chunk_index)) into v_digest
        from ls.feature_chunk where feature_set_id = p_feature_set_id;
        if v_digest <> v_set.digest then
            perform ls.refuse('LS002', format('cannot finish feature set %s…: the stored bytes have SHA-256 %s…',
                ls.short_digest(v_set.digest), ls.short_digest(v_digest)), 'the file changed while it was being imported; import it again');
        end if;
    end if;
    select count(*) as queries, coalesce(sum(candidate_count), 0) as responses, max(query_index) as last,
        bool_and(first_row = expected) as contiguous
    into v_found from (
        select query_index, candidate_count, first_row,
            coalesce(sum(candidate_count) over (order by query_index rows between unbounded preceding and 1 preceding), 0) as expected
        from ls.query where feature_set_id = p_feature_set_id) q;
    if v_found.queries <> v_set.query_count or v_found.responses <> v_set.response_count
        or v_found.last + 1 is distinct from v_found.queries or not v_found.contiguous
    then
        perform ls.refuse('LS002', format('cannot finish feature set %s…: found %s queries with %s responses, expected %s with %s in one piece',
            ls.short_digest(v_set.digest), v_found.queries, v_found.responses, v_set.query_count, v_set.response_count));
    end if;
    update ls.feature_set set ready_at = clock_timestamp() where feature_set_id = p_feature_set_id;
end
$$;
comment on function ls.finish_feature_set(bigint) is
    'Last step of an import: checks the bytes and queries and makes the feature set the current one. Refuses an unknown set '
    '(LS014) and one that is not whole (LS002).';
