-- ls.feature_notes(jsonl, queries) -> one row a query: its id and level, from the JSONL file beside a feature
-- file. Without one (null) the queries are numbered from 0. A line that is no object with a
-- query_id, and another number of lines than of queries, is refused (LS002).
-- Called by: import_feature_file.
create or replace function ls.feature_notes(p_jsonl bytea, p_queries bigint)
returns table (query_index integer, query_id text, level text)
language plpgsql immutable
as $$
declare
    v_lines text[];
    v_note jsonb;
begin
    if p_jsonl is null then
        return query select i, i::text, null::text from generate_series(0, p_queries::integer - 1) i;
        return;
    end if;
    begin
        select coalesce(array_agg(line order by o), '{}') into v_lines
        from unnest(string_to_array(convert_from(p_jsonl, 'UTF8'), E'\n')) with ordinality l (line, o) where line <> '';
    exception when character_not_in_repertoire then
        perform ls.refuse('LS002', 'cannot import the feature file: found text that is not UTF-8 in the lines of its queries');
    end;
    if cardinality(v_lines) <> p_queries then
        perform ls.refuse('LS002', format('cannot import the feature file: its queries have %s lines, expected %s, one a query',
            cardinality(v_lines), p_queries));
    end if;
    for i in 1 .. cardinality(v_lines) loop
        begin
            v_note := v_lines[i]::jsonb;
        exception when others then  -- whatever JSON may not be, down to a nesting too deep to read
            v_note := null;
        end;
        if jsonb_typeof(v_note) is distinct from 'object' or jsonb_typeof(v_note -> 'query_id') is distinct from 'string' then
            perform ls.refuse('LS002', format('cannot import the feature file: line %s of its queries is not a JSON object with query_id', i));
        end if;
        query_index := i - 1;
        query_id := v_note ->> 'query_id';
        level := case jsonb_typeof(v_note -> 'level') when 'number' then trim_scale((v_note ->> 'level')::numeric)::text
            else v_note ->> 'level' end;
        return next;
    end loop;
end
$$;
comment on function ls.feature_notes(bytea, bigint) is 'The ids and levels of a feature file''s queries, from the JSONL beside it.';
