-- ls.import_feature_file: a safetensors file of two queries with two responses each, and everything that can be wrong
-- with one, each refused in one sentence. FeatureFileTests (Swift) sets the same files before Rankers' reader.
begin;
select plan(130);
select fixture.base_model();
select ls.register_base_model('other', 4, p_layer => 3, p_layer_fraction => 0.6);

-- Header and data of a good file, each with one change: text for text, bytes (hexadecimal) from an offset.
create function pg_temp.file(p_old text default '', p_new text default '', p_at integer default 0, p_bytes text default '')
returns bytea language plpgsql as $$
declare
    v_header text := replace('{"__metadata__":{"format":"features/1","base_model":"tiny","hidden_size":"4","domain":"code","split":"train","label_kind":"binary"},'
        '"offsets":{"dtype":"I64","shape":[3],"data_offsets":[0,24]},"answers":{"dtype":"I32","shape":[4],"data_offsets":[24,40]},'
        '"labels":{"dtype":"F32","shape":[4],"data_offsets":[40,56]},"logprobs":{"dtype":"F32","shape":[4],"data_offsets":[56,72]},'
        '"instruction":{"dtype":"F16","shape":[2,4],"data_offsets":[72,88]},"responses":{"dtype":"F16","shape":[4,4],"data_offsets":[88,120]}}', p_old, p_new);
    v_data bytea := decode(
        '000000000000000002000000000000000400000000000000'  -- offsets 0 2 4
        '0000000001000000ffffffff00000000'                  -- answers 0 1 -1 0
        '0000803f00000000000000000000803f'                  -- labels 1 0 0 1
        '000080bf000080bf000080bf000080bf'                  -- logprobs -1
        || repeat('003c', 24), 'hex');
begin
    v_header := v_header || repeat(' ', (8 - octet_length(v_header) % 8) % 8);
    if p_bytes <> '' then
        v_data := overlay(v_data placing decode(p_bytes, 'hex') from p_at + 1);
    end if;
    return decode(lpad(to_hex(octet_length(v_header) % 256), 2, '0') || lpad(to_hex(octet_length(v_header) / 256), 2, '0') || '000000000000', 'hex')
        || convert_to(v_header, 'UTF8') || v_data;
end
$$;

select is(ls.import_feature_file(pg_temp.file(), p_by => 'ada'), 1::bigint, 'a file is imported');
select is(ls.import_feature_file(pg_temp.file()), 1::bigint, 'the same bytes again are the same set');
select results_eq('select domain, split, query_count, response_count, byte_count::integer, digest, is_current, imported_by from ls.feature_set_status',
    $$ select 'code', 'train', 2, 4::bigint, octet_length(pg_temp.file()), encode(sha256(pg_temp.file()), 'hex'), true, 'ada' $$, 'as its header says');
select results_eq('select query_id, level, first_row, candidate_count, positive_count from ls.query',
    $$ values ('0', null, 0::bigint, 2, 1), ('1', null, 2, 2, 1) $$, 'its queries, numbered');
select is((select bytes from ls.read_blob(sha256(pg_temp.file()), 0)), pg_temp.file(), 'its very bytes');
select isnt(ls.import_feature_file(pg_temp.file('train', 'test'), convert_to(E'{"query_id": "a", "level": 5}\n{"query_id": "b", "level": "hard"}\n', 'UTF8'), 'ben'), 1::bigint,
    'another file is another set');
select results_eq($$ select query_id, level from ls.query where feature_set_id <> 1 $$, $$ values ('a', '5'), ('b', 'hard') $$, 'with the ids beside it');
select is((select user_name from ls.feature_set_status where split = 'test'), 'ben', 'and whose it is');
select isnt(ls.import_feature_file(pg_temp.file('binary', 'score', 40, '0000c0bf')), 1::bigint, 'scores are numbers of any sign');
select is((select string_agg(positive_count::text, ' ' order by query_index) from ls.query where feature_set_id = (select max(feature_set_id) from ls.feature_set)), '0 1', 'positive above 0');
select lives_ok(format('select ls.import_feature_file(pg_temp.file(%L, %L))', o, n), format('%s is fine', n))
from (values ('[4],"data_offsets":[24,40]', '[ 4 ],"data_offsets" : [24 ,40]'), ('tiny"', 'tiny","layer":"3","layer_fraction":"0.6"'), ('tiny"', 'tiny","layer":"last"'),
    ('"hidden_size":"4"', '"hidden_size":"+04"')) c (o, n);

-- A header of any length: not every writer pads it.
create function pg_temp.moved(p_file bytea, p_by integer) returns bytea language sql as $$
    select set_byte(set_byte(substring(p_file from 1 for 8), 0, (v.length + p_by) % 256), 1, (v.length + p_by) / 256)
        || substring(p_file from 9 for v.length) || convert_to(repeat(' ', p_by), 'UTF8') || substring(p_file from v.length + 9)
    from (select get_byte(p_file, 0) + 256 * get_byte(p_file, 1) as length) v;
$$;
create temporary table moved as select by, ls.import_feature_file(pg_temp.moved(pg_temp.file(), by)) as id from generate_series(1, 7) by;
select results_eq(format('select query_id, first_row, candidate_count, positive_count from ls.query where feature_set_id = %s', id),
    $$ values ('0', 0::bigint, 2, 1), ('1', 2, 2, 1) $$, format('tensors that begin %s bytes further on are read as well', by)) from moved;
select throws_ok(format('select ls.import_feature_file(pg_temp.moved(pg_temp.file(p_at => %s, p_bytes => %L), %s))', at, bytes, by), 'LS002',
    'cannot read the feature file: ' || why, format('and checked: %s, %s bytes further on', why, by))
from generate_series(1, 7, 2) by, (values (80, '007c', 'found a number that is not finite or beyond 1e+15 in row 1 of ''instruction'''),
    (48, '0000807f', 'found a label that is not finite or beyond 1e+15 in row 2'), (8, '00', 'found offsets 0, 0 for query 0, expected them to ascend'),
    (36, 'feffffff', 'found answer -2 in row 3, expected -1 or more')) c (at, bytes, why);

create temporary table faulty (why text, old text, new text, at integer, bytes text);
insert into faulty (why, old, new) values
    ('found no metadata ''format''', '"format":"features/1",', ''),
    ('found format ''features/2'', expected ''features/1''', 'features/1', 'features/2'),
    ('found no metadata ''hidden_size''', ',"hidden_size":"4"', ''),
    ('found hidden_size ''four'', expected 1 to 65536', '"hidden_size":"4"', '"hidden_size":"four"'),
    ('found hidden_size ''70000'', expected 1 to 65536', '"hidden_size":"4"', '"hidden_size":"70000"'),
    ('found hidden_size ''99999999999999999999'', expected 1 to 65536', '"hidden_size":"4"', '"hidden_size":"99999999999999999999"'),
    ('found split ''dev'', expected train or test', '"train"', '"dev"'),
    ('found label_kind ''stars'', expected binary or score', '"binary"', '"stars"'),
    ('found no metadata ''base_model''', '"base_model":"tiny",', ''),
    ('found no metadata ''domain''', '"domain":"code",', ''),
    ('tensor ''__metadata_'': found the unknown key ''format''', '"__metadata__"', '"__metadata_"'),
    ('found metadata ''domain'' that is not a string', '"code"', '7'),
    ('found the key ''domain'' twice in the header', '"domain":"code"', '"domain":"code","domain":"code"'),
    ('found ''__metadata__'' that is not an object', '"__metadata__":{', '"__metadata__":7,"more":{'),
    ('found the key ''offsets'' twice in the header', '"answers"', '"offsets"'),
    ('tensor ''extra'': found no description', '"answers"', '"extra":7,"answers"'),
    ('tensor ''answers'': found the unknown key ''type''', '"answers":{"dtype"', '"answers":{"type":"I32","dtype"'),
    ('found the key ''dtype'' twice in the header', '"answers":{"dtype"', '"answers":{"dtype":"I32","dtype"'),
    ('tensor ''answers'': found dtype ''I128'', which is not supported', '"I32"', '"I128"'),
    ('tensor ''answers'': expected dtype, shape and two data_offsets', '"dtype":"I32",', ''),
    ('tensor ''answers'': found no dtype', '"I32"', 'null'),
    ('tensor ''answers'': expected dtype, shape and two data_offsets', '[24,40]', '[24,40,56]'),
    ('tensor ''answers'': expected dtype, shape and two data_offsets', '[24,40]', '[24.0,40]'),
    ('tensor ''answers'': expected dtype, shape and two data_offsets', '[24,40]', '[-24,40]'),
    ('tensor ''answers'': expected dtype, shape and two data_offsets', '[24,40]', '{"24":40}'),
    ('tensor ''answers'': expected dtype, shape and two data_offsets', '[4],"data_offsets":[24,40]', '[1,1,1,1,1,1,1,1,4],"data_offsets":[24,40]'),
    ('tensor ''answers'': expected dtype, shape and two data_offsets', '[4],"data_offsets":[24,40]', '[99999999999999999999],"data_offsets":[24,40]'),
    ('tensor ''answers'': found offsets 24 to 40, expected 20 bytes for its shape', '[4],"data_offsets":[24,40]', '[5],"data_offsets":[24,40]'),
    ('tensor ''answers'': found offsets 40 to 24, expected 16 bytes for its shape', '[24,40]', '[40,24]'),
    ('tensor ''labels'' overlaps the one before it', '[40,56]', '[32,48]'),
    ('found a hole of 8 bytes before ''labels''', '"shape":[4],"data_offsets":[24,40]', '"shape":[2],"data_offsets":[24,32]'),
    ('found 8 bytes after the last tensor', '[4,4],"data_offsets":[88,120]', '[3,4],"data_offsets":[88,112]'),
    ('found no tensor ''labels''', '"labels"', '"labells"'),
    ('found ''responses'' of I16, expected F16, BF16 or F32', '"responses":{"dtype":"F16"', '"responses":{"dtype":"I16"'),
    ('found ''offsets'' of U64, expected I64', '"I64"', '"U64"'),
    ('found ''labels'' of I32, expected F32', '"labels":{"dtype":"F32"', '"labels":{"dtype":"I32"'),
    ('found ''responses'' of shape [2, 2, 4], expected two dimensions', '[4,4]', '[2,2,4]'),
    ('found ''responses'' of width 8, hidden_size says 4', '[4,4]', '[2,8]'),
    ('found ''offsets'' of shape [3, 1], expected [3]', '"I64","shape":[3]', '"I64","shape":[3,1]'),
    ('found ''labels'' of shape [4, 1], expected [4]', '"labels":{"dtype":"F32","shape":[4]', '"labels":{"dtype":"F32","shape":[4,1]');
insert into faulty (why, old, new, at, bytes) values
    ('found a number that is not finite or beyond 1e+15 in row 1 of ''instruction''', '', '', 80, '007c'),
    ('found a number that is not finite or beyond 1e+15 in row 3 of ''responses''', '', '', 118, '01fe'),
    ('found a number that is not finite or beyond 1e+15 in row 3 of ''responses''', '"responses":{"dtype":"F16"', '"responses":{"dtype":"BF16"', 118, '80ff'),
    ('found offsets that begin at 1, expected 0', '', '', 0, '01'),
    ('found offsets that begin at -1, expected 0', '', '', 0, 'ffffffffffffffff'),
    ('found offsets 0, 0 for query 0, expected them to ascend', '', '', 8, '00'),
    ('found offsets 2, -4 for query 1, expected them to ascend', '', '', 16, 'fcffffffffffffff'),
    ('found offsets that end at 5, ''responses'' has 4 rows', '', '', 16, '05'),
    ('found a label that is not finite or beyond 1e+15 in row 2', '', '', 48, '0000807f'),
    ('found label 0.5 in row 1, label_kind binary allows 0 and 1', '', '', 44, '0000003f'),
    ('found label -1.0 in row 1, label_kind binary allows 0 and 1', '', '', 44, '000080bf'),
    ('found answer -2 in row 3, expected -1 or more', '', '', 36, 'feffffff'),
    ('found a log-probability that is not finite in row 0', '', '', 56, '0000c07f');
select throws_ok(format('select ls.import_feature_file(pg_temp.file(%L, %L, %s, %L))', old, new, coalesce(at, 0), coalesce(bytes, '')), 'LS002',
    'cannot read the feature file: ' || why, why) from faulty;
-- A file of 32-bit features, whose numbers lie elsewhere.
select throws_ok($$ select ls.import_feature_file(pg_temp.file('"responses":{"dtype":"F16","shape":[4,4],"data_offsets":[88,120]}',
    '"responses":{"dtype":"F32","shape":[2,4],"data_offsets":[88,120]}', 116, '0000807f')) $$, 'LS002',
    'cannot read the feature file: found a number that is not finite or beyond 1e+15 in row 1 of ''responses''', 'an infinite number of 32 bits');
select throws_ok(format('select ls.import_feature_file(pg_temp.file(%L, %L, 116, %L))', '"responses":{"dtype":"F16","shape":[4,4],"data_offsets":[88,120]}',
    '"responses":{"dtype":"F32","shape":[2,4],"data_offsets":[88,120]}', bytes), 'LS002', 'cannot read the feature file: ' || why, format('the 32 bits %s', bytes))
from (values ('a95f6358', 'found offsets that end at 4, ''responses'' has 2 rows'), ('a95f63d8', 'found offsets that end at 4, ''responses'' has 2 rows'),
    ('aa5f6358', 'found a number that is not finite or beyond 1e+15 in row 1 of ''responses'''),
    ('aa5f63d8', 'found a number that is not finite or beyond 1e+15 in row 1 of ''responses''')) c (bytes, why);
select throws_ok(format('select ls.import_feature_file(pg_temp.file(%L, %L, 118, %L))', '"responses":{"dtype":"F16"', '"responses":{"dtype":"BF16"', '6458'), 'LS002',
    'cannot read the feature file: found a number that is not finite or beyond 1e+15 in row 3 of ''responses''', 'and of bfloat16 the next above it');
select lives_ok(format('select ls.import_feature_file(pg_temp.file(%L, %L, 118, %L))', '"responses":{"dtype":"F16"', '"responses":{"dtype":"BF16"', '6358'), 'and not the last below');
select lives_ok($$ select ls.import_feature_file(pg_temp.file('binary', 'score', 48, 'a95f63d8')) $$, 'a label at the bound is taken');
select throws_ok($$ select ls.import_feature_file(pg_temp.file('binary', 'score', 48, 'aa5f6358')) $$, 'LS002',
    'cannot read the feature file: found a label that is not finite or beyond 1e+15 in row 2', 'a label beyond it is not');
select throws_ok($$ select ls.import_feature_file(pg_temp.file('binary', 'score', 48, '5fbcd5dd')) $$, 'LS002',
    'cannot read the feature file: found a label that is not finite or beyond 1e+15 in row 2', 'nor one of -1.9e18');
select throws_ok($$ select ls.import_feature_file(pg_temp.file('"offsets":{"dtype":"I64","shape":[3],"data_offsets":[0,24]},"answers":{"dtype":"I32","shape":[4],"data_offsets":[24,40]}',
    '"offsets":{"dtype":"I64","shape":[1],"data_offsets":[0,8]},"rest":{"dtype":"U8","shape":[32],"data_offsets":[8,40]},"none":{"dtype":"F16","shape":[0,4],"data_offsets":[40,40]}')) $$, 'LS002',
    'cannot read the feature file: found ''offsets'' of shape [1], expected [3]', 'offsets for fewer queries');
select throws_ok($$ select ls.import_feature_file(set_byte('\x0000000000000000', 0, octet_length(h)) || convert_to(h, 'UTF8') || '\x0000000000000000') from (values (
    '{"__metadata__":{"format":"features/1","base_model":"tiny","hidden_size":"4","domain":"code","split":"train","label_kind":"score"},'
    '"instruction":{"dtype":"F16","shape":[0,4],"data_offsets":[0,0]}}')) c (h) $$, 'LS002', 'cannot read the feature file: found 8 bytes after the last tensor', 'bytes of nobody');
select throws_ok($$ select ls.import_feature_file('\xb001000000000000' || convert_to(rpad(
    '{"__metadata__":{"format":"features/1","base_model":"tiny","hidden_size":"4","domain":"code","split":"train","label_kind":"score"},'
    '"instruction":{"dtype":"F16","shape":[0,4],"data_offsets":[0,0]},"responses":{"dtype":"F16","shape":[0,4],"data_offsets":[0,0]},'
    '"offsets":{"dtype":"I64","shape":[1],"data_offsets":[0,8]},"labels":{"dtype":"F32","shape":[0],"data_offsets":[8,8]}}', 432), 'UTF8') || '\x0000000000000000') $$,
    'LS002', 'cannot read the feature file: found no query', 'a file of no query');

-- The container itself.
select throws_ok('select ls.import_feature_file(null)', 'LS001', 'cannot import a feature file: found null, expected its bytes', 'no file at all');
select throws_ok($$ select ls.import_feature_file('') $$, 'LS002', 'cannot read the feature file: found 0 bytes, expected a safetensors file', 'an empty one');
select throws_ok($$ select ls.import_feature_file('\x0100000000000000') $$, 'LS002', 'cannot read the feature file: found a header of 1 bytes, expected 2 to 100000000', 'a header of nothing');
select throws_ok($$ select ls.import_feature_file('\xffffffffffffffff') $$, 'LS002', 'cannot read the feature file: found a header of 18446744073709551615 bytes, expected 2 to 100000000', 'a header of too much');
select throws_ok($$ select ls.import_feature_file('\x4000000000000000'::bytea || '{}') $$, 'LS002', 'cannot read the feature file: found 10 bytes, the header alone needs 72; it is cut short', 'a header cut short');
select throws_ok($$ select ls.import_feature_file(substring(pg_temp.file() for octet_length(pg_temp.file()) - 1)) $$, 'LS002', null, 'data cut short');
select throws_ok($$ select ls.import_feature_file('\x0400000000000000'::bytea || '[{}]') $$, 'LS002', 'cannot read the feature file: found no ''{'' at the start of the header', 'a header that is no object');
select throws_ok($$ select ls.import_feature_file('\x0400000000000000'::bytea || '{"a}') $$, 'LS002', 'cannot read the feature file: found a header that is not JSON', 'a header that is no JSON');
select throws_ok($$ select ls.import_feature_file('\x0500000000000000'::bytea || '{"' || '\xff'::bytea || '":'::bytea) $$, 'LS002', 'cannot read the feature file: found text that is not UTF-8 in the header', 'nor text');
select throws_ok($$ select ls.import_feature_file(pg_temp.file('"code"', '"co\u0000de"')) $$, 'LS002', 'cannot read the feature file: found a header that is not JSON', 'a character that no text holds');
select throws_ok($$ select ls.import_feature_file('\xa086010000000000' || convert_to('{"a":' || repeat('[', 99995), 'UTF8')) $$, 'LS002', 'cannot read the feature file: found a header that is not JSON', 'a header nested too deeply');
select throws_ok($$ select ls.import_feature_file('\x1200000000000000' || convert_to('{"__metadata__":{}', 'UTF8')) $$, 'LS002', null, 'a header without an end');
select throws_ok($$ select ls.import_feature_file(pg_temp.file('"offsets":{"dtype":"I64","shape":[3],"data_offsets":[0,24]}', '"offsets":{"dtype":"I64","shape":[3],"data_offsets":[0,24]} ,"x":{"dtype":"F16","shape":[0],"data_offsets":[121,121]}')) $$,
    'LS002', null, 'a tensor at an odd byte');

-- The lines of the queries.
select throws_ok(format('select ls.import_feature_file(pg_temp.file(), %L)', lines), 'LS002', 'cannot import the feature file: ' || why, why) from (values
    ('\x7b7d0aff'::bytea, 'found text that is not UTF-8 in the lines of its queries'),
    (convert_to('{"query_id": "a"}', 'UTF8'), 'its queries have 1 lines, expected 2, one a query'),
    (convert_to(E'{"query_id": "a"}\n{"id": "b"}', 'UTF8'), 'line 2 of its queries is not a JSON object with query_id'),
    (convert_to(E'{"query_id": 7}\n{}', 'UTF8'), 'line 1 of its queries is not a JSON object with query_id'),
    (convert_to(E'no\nJSON', 'UTF8'), 'line 1 of its queries is not a JSON object with query_id')) c (lines, why);

-- The contract and the registry.
select throws_ok(format('select ls.import_feature_file(pg_temp.file(%L, %L))', old, new), state, message, message) from (values
    ('"tiny"', '"nano"', 'LS010', 'cannot use base model ''nano'': it is not registered'),
    ('"code"', '"poetry"', 'LS011', 'cannot use domain ''poetry'': it is not registered'),
    ('"tiny"', '"other","layer":"4"', 'LS004', 'cannot import features of ''other'': found layer 4, expected 3'),
    ('"tiny"', '"other","layer_fraction":"0.75"', 'LS004', 'cannot import features of ''other'': found layer fraction 0.75, expected 0.6')) c (old, new, state, message);
-- A file may say whose data it is.
select lives_ok($$ select ls.import_feature_file(pg_temp.file('"code"', '"code","user":"eve"')) $$, 'a file that names a user is imported');
select is((select user_name from ls.feature_set where digest = sha256(pg_temp.file('"code"', '"code","user":"eve"'))), 'eve', 'as that user''s');
select throws_ok($$ select ls.import_feature_file(pg_temp.file('"code"', '"code","user":"eve"'), p_user => 'ada') $$, 'LS001',
    'cannot import the feature file as data of user ''ada'': it says that it is data of user ''eve''', 'and nobody else''s');
select throws_ok($$ select ls.import_feature_file(pg_temp.file('"code"', '"code","user":""')) $$, 'LS002',
    'cannot read the feature file: found user '''', expected 1 to 200 characters without control characters', 'if it can be one');
select throws_ok($$ select ls.import_feature_file(decode(repeat('00', 268435457), 'hex')) $$, 'LS040', 'cannot import a feature file of 268435457 bytes in SQL: expected at most 268435456', 'a file too large for SQL');
select * from finish();
rollback;
