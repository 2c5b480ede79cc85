-- ls.feature_offsets(file, header, queries, responses) -> the offsets of a feature file: query q owns the rows
-- from offsets[q] to before offsets[q + 1]. They begin at 0, ascend and end where the responses do.
-- Called by: import_feature_file.
create or replace function ls.feature_offsets(p_file bytea, p_header jsonb, p_queries bigint, p_responses bigint)
returns bigint[]
language plpgsql immutable
as $$
declare
    v_start bigint := ls.feature_tensor(p_header, 'offsets', '{I64}', array[p_queries + 1]);
    v_offsets bigint[];
    v_bad record;
begin
    if p_queries = 0 then
        perform ls.refuse_features('found no query');
    end if;
    select array_agg(ls.little_endian(p_file, v_start + 8 * q, 8) order by q) into v_offsets from generate_series(0, p_queries) q;
    if v_offsets[1] <> 0 then
        perform ls.refuse_features(format('found offsets that begin at %s, expected 0', v_offsets[1]));
    end if;
    select q, v_offsets[q + 1] as first, v_offsets[q + 2] as next into v_bad
    from generate_series(0, p_queries::integer - 1) q where v_offsets[q + 1] >= v_offsets[q + 2] order by q limit 1;
    if found then
        perform ls.refuse_features(format('found offsets %s, %s for query %s, expected them to ascend', v_bad.first, v_bad.next, v_bad.q));
    end if;
    if v_offsets[p_queries + 1] <> p_responses then
        perform ls.refuse_features(format('found offsets that end at %s, ''responses'' has %s rows', v_offsets[p_queries + 1], p_responses));
    end if;
    return v_offsets;
end
$$;
comment on function ls.feature_offsets(bytea, jsonb, bigint, bigint) is 'Which responses belong to which query of a feature file, checked.';
