-- Calls every function that a role may call with arguments that are wrong, one at a time beside good ones, and notes
-- the SQLSTATE of each call in pg_temp.outcome: null, out of bounds, empty, of another shape, and JSON with a field
-- that is missing or of another kind. What a call did is undone before the next. A new argument is met by its type;
-- its name, or function and name, say here what is a good one. Read by: WrongArgumentTests (Swift).
begin;
select fixture.base_model();
select fixture.feature_set(d, s) from unnest(array['code', 'math/algebra', 'math/geometry']) d, unnest(array['train', 'test']) s;
select fixture.ranker('code'), fixture.ranker('math/algebra');
select fixture.worker('w'), fixture.worker('v');
update ls.worker set labels = '{"user": "ada"}';
select ls.request_training('code.listwise', p_seed => s) from generate_series(1, 4) s;
create temporary table training as select * from ls.lease_tasks(1, '{train}', 2, 600);
select ls.fail_attempt(1, token, 'internal', 'broken', false, 'confirmed') from training where task_id = 2;
delete from training where task_id = 2;
select fixture.feature_set('code', 'train', 'newer');
select fixture.version('code.listwise', 'a'), fixture.version('math/algebra.listwise', 'b');
select ls.promote(1, 'good'), ls.promote(2, 'good');
select ls.promote(fixture.version('code.listwise', 'c'), 'better');
create temporary table evaluating as select * from ls.lease_tasks(2, '{evaluate}', 1, 600);
select ls.set_certificate_authority(E'-----BEGIN CERTIFICATE-----\n', sha256('ca'));
select ls.record_certificate(1, '0a', now() - interval '1 hour', now() + interval '1 day', sha256('ca'), sha256('w'));
create temporary table joining as select (regexp_match(t, '::(.*)\.'))[1] as id, (regexp_match(t, '\.(.*)$'))[1] as secret
    from ls.create_join_token(null, '1 hour') t;
select ls.create_api_key('key');
create temporary table session as select * from ls.worker_connected(1, 'c1', '1', 2, '{train}', p_keeping => null);

-- Good arguments: of a function, else by name, else by type alone.
create temporary table good (function text, name text, type text, given text);
insert into good (function, name, type, given) values
    (null, null, 'bigint', '1'), (null, null, 'integer', '1'), (null, null, 'smallint', '1'), (null, null, 'text', $$'x'$$),
    (null, null, 'boolean', 'false'), (null, null, 'double precision', '1'), (null, null, 'jsonb', $$'{}'$$),
    (null, null, 'bytea', $$sha256('x')$$), (null, null, 'uuid', 'gen_random_uuid()'), (null, null, 'interval', $$'1 hour'$$),
    (null, null, 'timestamp with time zone', 'clock_timestamp()'), (null, null, 'bigint[]', $$'{1}'$$),
    (null, null, 'integer[]', $$'{1}'$$), (null, null, 'text[]', $$'{x}'$$), (null, null, 'bytea[]', $$array[sha256('x')]$$),
    (null, null, 'uuid[]', 'array[gen_random_uuid()]'), (null, null, 'double precision[]', $$'{0.5}'$$),
    (null, null, 'jsonb[]', $$array['{}'::jsonb]$$),
    (null, 'p_address', 'text', $$'host:8443'$$), (null, 'p_after', 'bigint[]', $$'{}'$$), (null, 'p_after', 'text', 'null'),
    (null, 'p_alias', 'text', $$'champion'$$), (null, 'p_base_model', 'text', $$'tiny'$$), (null, 'p_base_models', 'text[]', $$'{tiny}'$$),
    (null, 'p_certificate_pem', 'text', $$E'-----BEGIN CERTIFICATE-----\n'$$), (null, 'p_code', 'text', $$'internal'$$),
    (null, 'p_configurations', 'jsonb', $$'[{"epochs": 2}]'$$), (null, 'p_connection', 'uuid', '(select connection from session)'),
    (null, 'p_connections', 'uuid[]', 'array(select connection from session)'), (null, 'p_digest', 'bytea', $$sha256('codetrain')$$),
    (null, 'p_digests', 'bytea[]', $$array[sha256('codetest')]$$), (null, 'p_domain', 'text', $$'code'$$),
    (null, 'p_domains', 'text[]', $$'{code}'$$), (null, 'p_held_counts', 'integer[]', $$'{0}'$$),
    (null, 'p_held_digests', 'bytea[]', $$'{}'$$), (null, 'p_hidden_size', 'integer', '4'), (null, 'p_home', 'text', 'null'),
    (null, 'p_id', 'text', '(select id from joining)'), (null, 'p_instance', 'text', $$'process'$$),
    (null, 'p_judgement', 'text', $$'confirmed'$$), (null, 'p_kind', 'text', $$'listwise'$$), (null, 'p_kinds', 'text[]', $$'{train}'$$),
    (null, 'p_label_kind', 'text', $$'binary'$$), (null, 'p_layer_fraction', 'double precision', '0.5'),
    (null, 'p_name', 'text', $$'new'$$), (null, 'p_permissions', 'text[]', $$'{features}'$$), (null, 'p_known_digest', 'bytea', 'null'), (null, 'p_pattern', 'text', $$'code'$$), (null, 'p_priority', 'smallint', '0'),
    (null, 'p_public_key_sha256', 'bytea', $$sha256('w')$$), (null, 'p_ranker', 'text', $$'code.listwise'$$),
    (null, 'p_reference', 'text', $$'code.listwise@1'$$), (null, 'p_reports', 'jsonb[]', 'array[fixture.report(0.5)]'),
    (null, 'p_secret', 'text', '(select secret from joining)'), (null, 'p_serial', 'text', $$'0a'$$),
    (null, 'p_serials', 'text[]', $$'{0a}'$$), (null, 'p_split', 'text', $$'train'$$), (null, 'p_target', 'text', $$'code.listwise@1'$$),
    (null, 'p_task_ids', 'bigint[]', $$'{3}'$$), (null, 'p_task_kinds', 'text[]', $$'{train}'$$),
    (null, 'p_token', 'uuid', '(select token from training)'), (null, 'p_tokens', 'uuid[]', 'array(select token from training)'),
    (null, 'p_user', 'text', 'null'), (null, 'p_users', 'text[]', $$'{ada}'$$), (null, 'p_verdict', 'text', $$'failed'$$),
    (null, 'p_what', 'text', $$'decision'$$), (null, 'p_worker', 'text', $$'w'$$), (null, 'p_worker_name', 'text', $$'w'$$),
    (null, 'p_features', 'bytea[]', $$array['\x0102'::bytea]$$),
    (null, 'p_sets', 'jsonb', $$jsonb_build_array(jsonb_build_object('digest', encode(sha256('home'), 'hex'), 'byte_count', 9,
        'base_model', 'tiny', 'domain', 'code', 'split', 'train', 'user', 'ada', 'label_kind', 'binary', 'hidden_size', 4,
        'query_count', 1, 'response_count', 4, 'layer', 1, 'layer_fraction', 0.5))$$),
    (null, 'p_decisions', 'jsonb', $$jsonb_build_array(jsonb_build_object('request_id', 'r', 'role', 'serve', 'model', 'tiny',
        'user', 'ada', 'domain', 'code', 'version_id', 1, 'reason', 'domain', 'rule', 'x', 'is_fallback', false, 'api_key_id', 'k',
        'worker_id', 1, 'arithmetic', 'float32', 'hidden_size', 4, 'dtype', 'F32', 'scores', '[0.25, -0.1]'::jsonb, 'age_seconds', 1))$$),
    (null, 'p_found', 'jsonb', 'fixture.report(0.5)'), (null, 'p_labels', 'jsonb', $$'{"user": "ada"}'$$),
    ('set_canary', 'p_file', 'bytea', $$decode('7000000000000000', 'hex') || '{"__metadata__":{"format":"canary/1","hidden_size":"4"},"rows":{"dtype":"F16","shape":[4],"data_offsets":[0,8]}}' || decode('003c003c003c003c', 'hex')$$),
    ('add_route_rule', 'p_action', 'text', $$'pin'$$), ('add_version', 'p_digest', 'bytea', $$sha256('new')$$),
    ('add_version', 'p_weights', 'bytea', $$'new'$$), ('authenticate_worker', 'p_name', 'text', $$'w'$$),
    ('begin_feature_set', 'p_digest', 'bytea', $$sha256('new')$$), ('complete_evaluation', 'p_token', 'uuid', '(select token from evaluating)'),
    ('complete_evaluation', 'p_worker_id', 'bigint', '2'), ('complete_evaluations', 'p_tokens', 'uuid[]', 'array(select token from evaluating)'),
    ('complete_evaluations', 'p_worker_ids', 'bigint[]', $$'{2}'$$), ('complete_training', 'p_digest', 'bytea', $$sha256('new')$$),
    ('complete_training', 'p_weights', 'bytea', $$'new'$$), ('complete_training', 'p_byte_count', 'bigint', 'null'),
    ('consider_promotion', 'p_configuration', 'jsonb', 'null'), ('create_join_token', 'p_worker_name', 'text', 'null'),
    ('drop_feature_set', 'p_feature_set_id', 'bigint', '7'), ('read_weights', 'p_digest', 'bytea', $$sha256('a')$$),
    ('recover_worker', 'p_name', 'text', $$'w'$$), ('redrive', 'p_task_id', 'bigint', '2'),
    ('register_ranker', 'p_name', 'text', 'null'), ('release_worker', 'p_name', 'text', $$'w'$$), ('revoke_worker', 'p_name', 'text', $$'w'$$),
    ('revoke_api_key', 'p_name', 'text', $$'key'$$), ('rotate_certificate_authority', 'p_from_sha256', 'bytea', $$sha256('ca')$$),
    ('rotate_certificate_authority', 'p_certificate_pem', 'text', $$E'-----BEGIN CERTIFICATE-----\nnew'$$),
    ('set_certificate_authority', 'p_public_key_sha256', 'bytea', $$sha256('ca')$$), ('set_promotion_policy', 'p_policy', 'text', $$'manual'$$),
    ('set_promotion_policy', 'p_margin', 'double precision', '0.02'), ('set_task_limits', 'p_kind', 'text', $$'train'$$),
    ('read_decision', 'p_key', 'text', 'null'), ('read_blob', 'p_offset', 'bigint', '0'), ('read_weights', 'p_offset', 'bigint', '0'),
    ('request_scaling_curve', 'p_counts', 'integer[]', $$'{2,3}'$$), ('forget_user', 'p_user', 'text', $$'ada'$$),
    ('register_ranker', 'p_configuration', 'jsonb', 'null'), ('register_ranker', 'p_domain', 'text', $$'math/geometry'$$), ('register_ranker', 'p_training', 'jsonb', 'null'),
    ('record_certificate', 'p_not_after', 'timestamp with time zone', $$clock_timestamp() + interval '1 day'$$),
    ('record_certificate', 'p_serial', 'text', $$'0b'$$), ('read_decision', 'p_request', 'text', $$'r'$$), ('record_certificate', 'p_issuer_sha256', 'bytea', $$sha256('ca')$$),
    ('complete_evaluation', 'p_digests', 'bytea[]', $$array[sha256('codetest')]$$);
create function pg_temp.good(p_function text, p_name text, p_type text) returns text language sql as $$
    select g.given from good g where g.type = p_type and coalesce(g.name, p_name) = p_name and coalesce(g.function, p_function) = p_function
    order by g.function is null, g.name is null limit 1
$$;

do $$
begin
    execute format('select ls.record_decisions(%s, %s)', pg_temp.good('record_decisions', 'p_decisions', 'jsonb'),
        pg_temp.good('record_decisions', 'p_features', 'bytea[]'));
end
$$;

-- Wrong ones, of a type.
create temporary table wrong (type text, given text);
insert into wrong values
    ('bigint', '-1'), ('bigint', '0'), ('bigint', '9223372036854775807'), ('integer', '-1'), ('integer', '0'), ('integer', '2147483647'),
    ('integer', '-2147483648'), ('smallint', '-32768'), ('smallint', '32767'),
    ('text', $$''$$), ('text', $$repeat('x', 100000)$$), ('text', $$E'a\u0001'$$), ('text', $$'('$$), ('text', $$'%s'$$), ('text', $$'1.5'$$),
    ('double precision', $$'NaN'$$), ('double precision', '-1'), ('double precision', '0'), ('double precision', $$'Infinity'$$),
    ('double precision', '1e300'), ('double precision', '1e-300'),
    ('jsonb', $$'null'$$), ('jsonb', $$'7'$$), ('jsonb', $$'[]'$$), ('jsonb', $$'{}'$$), ('jsonb', $$'[7]'$$), ('jsonb', $$'[null]'$$),
    ('jsonb', $$'[{}]'$$), ('jsonb', $$'"x"'$$), ('bytea', $$''$$), ('interval', $$'-1 day'$$), ('interval', $$'1000000 years'$$),
    ('interval', $$'0'$$), ('timestamp with time zone', $$'infinity'$$), ('timestamp with time zone', $$'-infinity'$$),
    ('bigint[]', $$'{}'$$), ('bigint[]', $$'{NULL}'$$), ('bigint[]', $$'{1,1}'$$), ('bigint[]', $$'{{1},{2}}'$$), ('bigint[]', $$'[5:5]={1}'$$),
    ('integer[]', $$'{}'$$), ('integer[]', $$'{NULL}'$$), ('integer[]', $$'{-1}'$$), ('integer[]', $$'{2147483647}'$$), ('integer[]', $$'{{1},{2}}'$$),
    ('text[]', $$'{}'$$), ('text[]', $$'{NULL}'$$), ('text[]', $$array['']$$), ('text[]', $$array[repeat('x', 100000)]$$), ('text[]', $$'{{x},{y}}'$$),
    ('bytea[]', $$'{}'$$), ('bytea[]', $$'{NULL}'$$), ('bytea[]', $$array[''::bytea]$$), ('uuid[]', $$'{}'$$), ('uuid[]', $$'{NULL}'$$),
    ('double precision[]', $$'{}'$$), ('double precision[]', $$'{NULL}'$$), ('double precision[]', $$'{NaN}'$$),
    ('double precision[]', $$'{Infinity}'$$), ('jsonb[]', $$'{}'$$), ('jsonb[]', $$'{NULL}'$$), ('jsonb[]', $$array['7'::jsonb]$$);

-- A document without one of its fields, or with another value in its place; of an array its first element counts.
create function pg_temp.mutations(p_document jsonb) returns setof jsonb language sql as $$
    select case when is_array then jsonb_build_array(changed) else changed end
    from (select jsonb_typeof(p_document) = 'array' as is_array,
            case jsonb_typeof(p_document) when 'array' then p_document -> 0 else p_document end as element) d,
        lateral jsonb_object_keys(case jsonb_typeof(element) when 'object' then element else '{}' end) key,
        lateral (select element - key union all
            select jsonb_set(element, array[key], value) from unnest(array['null', '7', '-1', '1.5', '1e300', '""', '"x"', '[]', '{}', '[null]', '["x"]',
                '[1e300]', 'true', to_jsonb(repeat('x', 100000))::text]::jsonb[]) value) c (changed)
$$;

create temporary table outcome (id bigint generated always as identity, function text, argument text, statement text, state text, message text);
-- The call's SQLSTATE; 00000 when it did what it was asked.
create function pg_temp.note(p_function text, p_argument text, p_list text) returns void language plpgsql as $$
declare
    v_statement text := format('select * from ls.%I(%s)', p_function, p_list);
    v_state text;
    v_message text;
begin
    begin
        execute v_statement;
        raise exception using errcode = 'ZZ000', message = 'undo';
    exception when others then
        get stacked diagnostics v_state = returned_sqlstate, v_message = message_text;
    end;
    insert into outcome (function, argument, statement, state, message) values (p_function, p_argument, left(v_statement, 500), case v_state when 'ZZ000' then '00000' else v_state end, left(v_message, 300));
end
$$;

do $$
declare
    f record;
    v_good text[];
    v_count integer;
    v_document jsonb;
    v_changed jsonb;
    v_given text;
begin
    for f in
        select p.proname::text as name, coalesce(p.proargnames[1:p.pronargs], '{}') as names,
            array(select format_type(t, null) from unnest(p.proargtypes::oid[]) t) as types
        from pg_proc p
        where p.pronamespace = 'ls'::regnamespace and p.prokind = 'f' and p.prorettype <> 'trigger'::regtype
            and (has_function_privilege('ls_service', p.oid, 'execute') or has_function_privilege('ls_admin', p.oid, 'execute'))
        order by 1
    loop
        v_count := cardinality(f.names);
        v_good := array(select format('(%s)::%s', pg_temp.good(f.name, a.name, a.type), a.type)
            from unnest(f.names, f.types) with ordinality a (name, type, place) order by a.place);
        perform pg_temp.note(f.name, 'all good', array_to_string(v_good, ', '));
        perform pg_temp.note(f.name, 'all null', array_to_string(array(select 'null::' || t from unnest(f.types) t), ', '));
        for i in 1 .. v_count loop
            for j in i .. v_count loop  -- one null, and two
                perform pg_temp.note(f.name, concat_ws(' and ', f.names[i], nullif(f.names[j], f.names[i])), array_to_string(array(
                    select case when k in (i, j) then 'null::' || f.types[k] else v_good[k] end from generate_series(1, v_count) k), ', '));
            end loop;
            for v_given in select w.given from wrong w where w.type = f.types[i] loop
                perform pg_temp.note(f.name, f.names[i], array_to_string(
                    v_good[:i - 1] || format('(%s)::%s', v_given, f.types[i]) || v_good[i + 1:], ', '));
            end loop;
            if f.types[i] in ('jsonb', 'jsonb[]') then
                execute format('select to_jsonb(%s)', v_good[i]) into v_document;
                for v_changed in select * from pg_temp.mutations(v_document) loop
                    v_given := case f.types[i] when 'jsonb' then format('%L::jsonb', v_changed) else format('array[%L::jsonb]', v_changed -> 0) end;
                    perform pg_temp.note(f.name, f.names[i], array_to_string(v_good[:i - 1] || v_given || v_good[i + 1:], ', '));
                end loop;
            end if;
        end loop;
    end loop;
end
$$;
