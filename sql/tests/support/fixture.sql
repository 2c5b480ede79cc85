-- What the tests start from: schema fixture, short ways to a base model, feature sets, rankers, workers.
-- Loaded into each test database after pgTAP; no part of the product.
create schema fixture;

create function fixture.base_model() returns void language sql as $$
    select ls.register_base_model('tiny', 4);
    select ls.register_domain(d) from unnest(array['math/algebra', 'math/geometry', 'code']) d;
$$;

-- A feature set of p_queries queries of four responses; p_salt makes other bytes. So many queries prove a difference of two points.
create function fixture.feature_set(p_domain text, p_split text, p_salt text default '', p_queries integer default 400,
    p_user text default null, p_label_kind text default 'binary') returns bigint language plpgsql as $$
declare
    v_bytes bytea := convert_to(p_domain || p_split || p_salt, 'UTF8');
    v_id bigint;
begin
    select feature_set_id into v_id from ls.begin_feature_set(sha256(v_bytes), octet_length(v_bytes), 'tiny', p_domain, p_split,
        p_user, p_label_kind, 4, p_queries, 4 * p_queries);
    insert into ls.feature_chunk values (v_id, 0, v_bytes);
    insert into ls.query select v_id, i, 'q' || i, null, 4 * i, 4, 1 from generate_series(0, p_queries - 1) i;
    perform ls.finish_feature_set(v_id);
    return v_id;
end
$$;

create function fixture.ranker(p_domain text, p_kind text default 'listwise', p_user text default null, p_name text default null)
returns text language sql as $$
    select name from ls.register_ranker('tiny', p_kind, jsonb_build_object('kind', p_kind, 'hidden_size', 4),
        '{"epochs": 1, "seed": 7}', p_user, p_domain, p_name);
$$;

create function fixture.worker(p_name text) returns bigint language sql as $$
    insert into ls.worker (name, public_key_sha256) values (p_name, sha256(convert_to(p_name, 'UTF8'))) returning worker_id;
$$;

-- In each query a method picks what it does in all. Figures that are no numbers say nothing of single queries.
create function fixture.picks(p_figure jsonb, p_queries integer) returns jsonb language sql as $$
    select case when jsonb_typeof(p_figure) = 'number' then to_jsonb(array_fill(p_figure, array[p_queries])) else 'null' end;
$$;
create function fixture.report(p_accuracy double precision, p_extra jsonb default '{}', p_queries integer default 400) returns jsonb language sql as $$
    select r || jsonb_build_object('query_values', fixture.picks(r -> 'accuracy', p_queries), 'label_range', '{0,1}'::integer[],
        'method_query_values', (select jsonb_object_agg(m, fixture.picks(r -> m, p_queries))
            from unnest('{first_sample,majority,highest_log_probability,oracle}'::text[]) m)) || p_extra
    from (select ls.default_evaluation_configuration() || jsonb_build_object('accuracy', p_accuracy, 'standard_error', 0.02,
        'first_sample', 0.38, 'majority', null, 'highest_log_probability', null, 'oracle', 0.96,
        'group_count', 20 * p_queries, 'query_count', p_queries) || p_extra as r) x;
$$;

-- The heartbeat of one worker, as a coordinator hands it on.
create function fixture.renew_leases(p_worker bigint, p_tokens uuid[], p_progress double precision[], p_notes text[],
    p_lease_seconds double precision) returns table (token uuid, answer text) language sql as $$
    select r.token, r.answer from ls.renew_leases_for_workers(array_fill(p_worker, array[cardinality(p_tokens)]),
        p_tokens, p_progress, p_notes, array[p_worker], p_lease_seconds) r;
$$;

-- Leases the oldest waiting task of the kind and completes it.
create function fixture.train(p_worker bigint, p_weights text) returns bigint language sql as $$
    select version_id from ls.lease_tasks(p_worker, '{train}', 1, 60) l,
        ls.complete_training(p_worker, l.token, sha256(convert_to(p_weights, 'UTF8')), convert_to(p_weights, 'UTF8'), '{}');
$$;
create function fixture.evaluate(p_worker bigint, p_accuracy double precision) returns boolean language sql as $$
    select ls.complete_evaluation(p_worker, l.token,
        (select array_agg(decode(f ->> 'digest', 'hex')) from jsonb_array_elements(l.features) f),
        (select array_agg(fixture.report(p_accuracy, '{}', (select min(s.query_count) from ls.feature_set s where s.digest = decode(f ->> 'digest', 'hex'))))
            from jsonb_array_elements(l.features) f))
    from ls.lease_tasks(p_worker, '{evaluate}', 1, 60) l;
$$;
-- A version with the given accuracy on its own test sets, straight through the gate.
create function fixture.version(p_ranker text, p_weights text) returns bigint language sql as $$
    select ls.add_version(p_ranker, sha256(convert_to(p_weights, 'UTF8')), convert_to(p_weights, 'UTF8'));
$$;
-- As a person makes one champion of which nothing was measured.
create function fixture.champion(p_ranker text, p_weights text) returns bigint language sql as $$
    with v as materialized (select fixture.version(p_ranker, p_weights) as id)
    select id from v where ls.promote(id, 'there is no test set');
$$;
-- The lease of an open attempt ran out an hour ago.
create function fixture.let_expire(p_task bigint) returns void language sql as $$
    update ls.attempt set leased_until = clock_timestamp() - interval '1 hour' where task_id = p_task and state = 'open';
$$;

-- A version by what people write, ranker@number, and back; the number of a ranker's champion; what the gate said last of a version.
create function fixture.version_id(p_version text) returns bigint language sql as $$
    select version_id from ls.ranker_version v join ls.ranker r using (ranker_id) where r.name || '@' || v.number = p_version $$;
create function fixture.version_name(p_version_id bigint) returns text language sql as $$
    select r.name || '@' || v.number from ls.ranker_version v join ls.ranker r using (ranker_id) where v.version_id = p_version_id $$;
create function fixture.champion_number(p_ranker text) returns integer language sql as $$
    select v.number from ls.ranker r join ls.ranker_alias a using (ranker_id) join ls.ranker_version v using (ranker_id, version_id)
    where r.name = p_ranker and a.alias = 'champion' $$;
create function fixture.decided(p_version text) returns text language sql as $$
    select case when promoted then 'promoted: ' else '' end || reason from ls.promotion_decision
    where version_id = fixture.version_id(p_version) order by promotion_decision_id desc limit 1 $$;

-- All that a version is to be measured on, by a worker that is at all that there is to measure (in temporary table lease of the test), and
-- a new version so measured: the number of its ranker's champion then.
create function fixture.measure(p_version text, p_accuracy double precision, p_worker bigint default 1, p_extra jsonb default '{}')
returns bigint language plpgsql as $$ begin
    insert into lease select p_worker, l.* from ls.lease_tasks(p_worker, '{evaluate}', 100, 600) l;
    return (select count(ls.complete_evaluation(p_worker, l.token, m.digests, m.reports)) from lease l join ls.attempt t using (token)
        cross join lateral (select array_agg(s.digest order by o) as digests, array_agg(fixture.report(p_accuracy, p_extra, s.query_count) order by o) as reports
            from jsonb_array_elements(l.features) with ordinality x (f, o) join ls.feature_set s on s.digest = decode(f ->> 'digest', 'hex')) m
    where l.weights_name = p_version and l.worker_id = p_worker and t.state = 'open');
end $$;
create function fixture.made(p_ranker text, p_accuracy double precision) returns integer language plpgsql as $$ begin
    perform fixture.measure(fixture.version_name(fixture.version(p_ranker, 'made' || (select count(*) from ls.ranker_version))), p_accuracy);
    return fixture.champion_number(p_ranker);
end $$;
