-- ls.import_feature_file(file, queries, user, by) -> feature set id.
-- What `lscoord features import` does, by SQL alone: reads the file's header, checks widths, row counts,
-- offsets, labels, sizes of numbers and contract as Rankers' reader does (LS002, LS004), and stores the very
-- bytes. file is a safetensors file of format features/1; queries is the JSONL beside it, or null;
-- user is whose data it is; null: the user that the file's metadata names, if any. The file itself names its
-- base model and domain, which must be registered (LS010, LS011). The same bytes again: the same id.
-- For files of up to 256 MiB (LS040): the whole file is held in memory. From psql, for a file of yours:
--   \lo_import train.safetensors
--   select ls.import_feature_file(lo_get(:LASTOID));
--   \lo_unlink :LASTOID
-- Called by: an admin.
create or replace function ls.import_feature_file(p_file bytea, p_queries bytea default null, p_user text default null,
    p_by text default null)
returns bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp
-- A plan of its own for these arguments would hold copies of the whole file.
set plan_cache_mode = force_generic_plan
as $$
declare
    -- One flat copy: pieces of a value that comes compressed from a table would each unpack all of it.
    v_file bytea := p_file || ''::bytea;
    v_header jsonb;
    v_words jsonb;
    v_word text;
    v_hidden_size integer;
    v_queries bigint;
    v_responses bigint;
    v_offsets bigint[];
    v_labels bigint;
    -- The bits of the greatest label there may be, without the sign's.
    v_label_max bigint := ('x' || encode(float4send(ls.magnitude_max()), 'hex'))::bit(32)::bigint;
    v_start bigint;
    v_bad record;
    v_digest bytea;
    v_set record;
begin
    if v_file is null then
        perform ls.refuse('LS001', 'cannot import a feature file: found null, expected its bytes');
    end if;
    if octet_length(v_file) > 268435456 then
        perform ls.refuse('LS040', format('cannot import a feature file of %s bytes in SQL: expected at most 268435456', octet_length(v_file)),
            'lscoord features import takes files of any size');
    end if;
    v_header := ls.safetensors_header(v_file);
    v_words := v_header -> 'metadata';
    foreach v_word in array array['format', 'hidden_size', 'split', 'label_kind', 'base_model', 'domain'] loop
        if not v_words ? v_word then
            perform ls.refuse_features(format('found no metadata ''%s''', v_word));
        end if;
        if v_word = 'format' and v_words ->> 'format' <> 'features/1' then
            perform ls.refuse_features(format('found format ''%s'', expected ''features/1''', left(v_words ->> 'format', 80)));
        end if;
        if v_word = 'hidden_size' and (v_words ->> 'hidden_size' !~ '^\+?[0-9]{1,9}$' or (v_words ->> 'hidden_size')::integer not between 1 and 65536) then
            perform ls.refuse_features(format('found hidden_size ''%s'', expected 1 to 65536', left(v_words ->> 'hidden_size', 80)));
        end if;
        if v_word = 'split' and v_words ->> 'split' not in ('train', 'test') then
            perform ls.refuse_features(format('found split ''%s'', expected train or test', left(v_words ->> 'split', 80)));
        end if;
        if v_word = 'label_kind' and v_words ->> 'label_kind' not in ('binary', 'score') then
            perform ls.refuse_features(format('found label_kind ''%s'', expected binary or score', left(v_words ->> 'label_kind', 80)));
        end if;
    end loop;
    if v_words ->> 'user' !~ '^[^[:cntrl:]]{1,200}$' then
        perform ls.refuse_features(format('found user ''%s'', expected 1 to 200 characters without control characters', left(v_words ->> 'user', 80)));
    end if;
    if p_user <> v_words ->> 'user' then
        perform ls.refuse('LS001', format('cannot import the feature file as data of user ''%s'': it says that it is data of user ''%s''',
            left(p_user, 200), v_words ->> 'user'));
    end if;
    v_hidden_size := (v_words ->> 'hidden_size')::integer;
    v_queries := ls.feature_matrix(v_file, v_header, 'instruction', v_hidden_size);
    v_responses := ls.feature_matrix(v_file, v_header, 'responses', v_hidden_size);
    v_offsets := ls.feature_offsets(v_file, v_header, v_queries, v_responses);

    v_labels := ls.feature_tensor(v_header, 'labels', '{F32}', array[v_responses]);
    select r, ls.little_endian(v_file, v_labels + 4 * r, 4) as bits into v_bad from generate_series(0, v_responses - 1) r
    where ls.little_endian(v_file, v_labels + 4 * r, 4) & 2147483647 > v_label_max or (v_words ->> 'label_kind' = 'binary'
        and ls.little_endian(v_file, v_labels + 4 * r, 4) not in (0, 2147483648, 1065353216))
    order by r limit 1;
    if found then
        perform ls.refuse_features(case when v_bad.bits & 2147483647 > v_label_max
            then format('found a label that is not finite or beyond %s in row %s', ls.magnitude_max(), v_bad.r)
            else format('found label %s in row %s, label_kind binary allows 0 and 1',
                regexp_replace(ls.single_precision(v_bad.bits)::text, '^(-?[0-9]+)$', '\1.0'), v_bad.r) end);
    end if;
    if v_header -> 'tensors' ? 'answers' then
        v_start := ls.feature_tensor(v_header, 'answers', '{I32}', array[v_responses]);
        select r, ls.little_endian(v_file, v_start + 4 * r, 4) - 4294967296 as answer into v_bad from generate_series(0, v_responses - 1) r
        where ls.little_endian(v_file, v_start + 4 * r, 4) between 2147483648 and 4294967294 order by r limit 1;
        if found then
            perform ls.refuse_features(format('found answer %s in row %s, expected -1 or more', v_bad.answer, v_bad.r));
        end if;
    end if;
    if v_header -> 'tensors' ? 'logprobs' then
        v_start := ls.feature_tensor(v_header, 'logprobs', '{F32}', array[v_responses]);
        select r into v_bad from generate_series(0, v_responses - 1) r
        where ls.little_endian(v_file, v_start + 4 * r, 4) & 2139095040 = 2139095040 order by r limit 1;
        if found then
            perform ls.refuse_features(format('found a log-probability that is not finite in row %s', v_bad.r));
        end if;
    end if;

    perform from ls.feature_notes(p_queries, v_queries);
    v_digest := sha256(v_file);
    select * into strict v_set from ls.begin_feature_set(v_digest, octet_length(v_file), v_words ->> 'base_model', v_words ->> 'domain',
        v_words ->> 'split', coalesce(p_user, v_words ->> 'user'), v_words ->> 'label_kind', v_hidden_size, v_queries::integer, v_responses,
        case when v_words ->> 'layer' ~ '^[+-]?[0-9]{1,9}$' then (v_words ->> 'layer')::integer end,
        case when v_words ->> 'layer_fraction' ~ '^[+-]?([0-9]{1,40}[.]?[0-9]{0,40}|[.][0-9]{1,40})([eE][+-]?[0-9]{1,2})?$'
            then (v_words ->> 'layer_fraction')::double precision end, p_by);
    if not v_set.already_stored then
        insert into ls.feature_chunk (feature_set_id, chunk_index, bytes)
        select v_set.feature_set_id, i, substring(v_file from i * 1048576 + 1 for 1048576)
        from generate_series(0, (octet_length(v_file) - 1) / 1048576) i;
        insert into ls.query (feature_set_id, query_index, query_id, level, first_row, candidate_count, positive_count)
        select v_set.feature_set_id, n.query_index, n.query_id, n.level, v_offsets[n.query_index + 1],
            v_offsets[n.query_index + 2] - v_offsets[n.query_index + 1],
            (select count(*) from generate_series(v_offsets[n.query_index + 1], v_offsets[n.query_index + 2] - 1) r
                where ls.little_endian(v_file, v_labels + 4 * r, 4) between 1 and 2147483647)
        from ls.feature_notes(p_queries, v_queries) n;
        perform ls.finish_feature_set(v_set.feature_set_id);
    end if;
    return v_set.feature_set_id;
end
$$;
comment on function ls.import_feature_file(bytea, bytea, text, text) is
    'Imports a feature file, given as its bytes, with the JSONL of its queries if there is one, and returns the feature '
    'set''s id; importing the same bytes again returns the same id. Refuses a file that is not whole, with numbers that are not finite or too large, of another contract '
    '(LS002, LS004), of an unknown base model or domain, or larger than 256 MiB (LS040).';
