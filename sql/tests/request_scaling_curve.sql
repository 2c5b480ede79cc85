-- ls.request_scaling_curve, view scaling_curve: one evaluation a K, none twice, and nobody is promoted by them.
begin;
select plan(21);
select fixture.base_model();
select fixture.worker('w');
select fixture.ranker(d) from unnest(array['code', 'math']) d;
-- Measures the oldest waiting task with the K it asks for.
create function pg_temp.measure(p_accuracy double precision) returns boolean language sql as $$
    select ls.complete_evaluation(1, l.token, (select array_agg(decode(f ->> 'digest', 'hex')) from jsonb_array_elements(l.features) f),
        array(select fixture.report(p_accuracy, l.configuration || '{"smaller_pool_count": 2}') from jsonb_array_elements(l.features) f))
    from ls.lease_tasks(1, '{evaluate}', 1, 60) l $$;
select throws_ok($$ select * from ls.request_scaling_curve('code.listwise') $$, 'LS013', null, 'no version, no curve');
select fixture.champion('code.listwise', 'a');
select throws_ok($$ select * from ls.request_scaling_curve('code.listwise') $$, 'LS014', 'cannot ask for a scaling curve of ''code.listwise'': there is no test feature set of domain ''code''', 'no test set, no curve');
select fixture.feature_set('code', 'test'), fixture.feature_set('math/algebra', 'test'), fixture.feature_set('math/geometry', 'test');
select throws_ok($$ select * from ls.request_scaling_curve('code.listwise', '{0}') $$, 'LS001', 'cannot ask for a scaling curve: found K 0, expected 1 to 32 different numbers from 1 to 1024', 'K of none');
select throws_ok($$ select * from ls.request_scaling_curve('code.listwise', '{4,4}') $$, 'LS001', null, 'a K twice');
select throws_ok($$ select * from ls.request_scaling_curve('code.listwise', '{}') $$, 'LS001', null, 'no K at all');
select throws_ok($$ select * from ls.request_scaling_curve('code.listwise', '{1,null}') $$, 'LS001', null, 'no number');
select throws_ok($$ select * from ls.request_scaling_curve('code.listwise', '{1}', 'music/*') $$, 'LS014', null, 'a pattern that matches nothing');
create temporary table asked as select * from ls.request_scaling_curve('code.listwise');
select results_eq('select candidate_count from asked', array[1, 2, 4, 8, 16, 32], 'one evaluation a K');
select results_eq('select task_id from asked', $$ select task_id from ls.request_scaling_curve('code.listwise') $$, 'asked again while open: the same tasks');
-- A candidate's curve: better at every K, and still not promoted by it.
select fixture.version('code.listwise', 'b');
select ls.cancel_task(task_id, 'not this time') from ls.task where configuration = ls.default_evaluation_configuration();
select pg_temp.measure(0.3 + 0.01 * i) from generate_series(1, 6) i;
select count(*) from ls.request_scaling_curve('code.listwise@2');
select pg_temp.measure(0.9) from generate_series(1, 6) i;
select is((select count(*) from ls.promotion_decision where version_id = 2), 0::bigint, 'the gate is not asked');
select is((select version from ls.scaling_curve where is_champion group by version), 1, 'the champion is the same');
select is_empty($$ select * from ls.request_scaling_curve('code.listwise') $$, 'complete: nothing to wait for');
select results_eq($$ select k, round(accuracy::numeric, 2), standard_error, first_sample, oracle, query_count, smaller_pools::integer from ls.scaling_curve where version = 1 $$,
    $$ values (1, 0.31, 0.02::float8, 0.38::float8, 0.96::float8, 400, 2), (2, 0.32, 0.02, 0.38, 0.96, 400, 2), (4, 0.33, 0.02, 0.38, 0.96, 400, 2),
        (8, 0.34, 0.02, 0.38, 0.96, 400, 2), (16, 0.35, 0.02, 0.38, 0.96, 400, 2), (32, 0.36, 0.02, 0.38, 0.96, 400, 2) $$, 'the curve, K by K');
-- The gate's own K is one of a longer list: then it decides, as any evaluation with it does.
select count(*) from ls.request_scaling_curve('code.listwise', '{10}');
select count(*) from ls.request_scaling_curve('code.listwise@2', '{10}');
select pg_temp.measure(0.5), pg_temp.measure(0.6);
select is((select version from ls.scaling_curve where is_champion group by version), 2, 'at its own K the gate compares');
-- One that was compared already: its curve does not ask the gate again.
select fixture.version('code.listwise', 'c');
select pg_temp.measure(0.4);
select count(*) from ls.request_scaling_curve('code.listwise@3', '{1,2}');
select pg_temp.measure(0.9), pg_temp.measure(0.9);
select results_eq('select promoted from ls.promotion_decision where version_id = 3', array[false], 'one comparison, one decision');
-- The matrices stay as they were.
select is((select count(distinct k) from ls.scaling_curve where is_champion), 7::bigint, 'seven points');
-- A broader ranker, domain by domain.
select fixture.version('math.listwise', 'm');
select pg_temp.measure(0.5);
select is((select count(*) from ls.request_scaling_curve('math.listwise', '{1,2}')), 2::bigint, 'all test sets of a K in one task');
select pg_temp.measure(0.4), pg_temp.measure(0.45);
select results_eq($$ select domain, k from ls.scaling_curve where ranker = 'math.listwise' and k < 10 $$,
    $$ values ('math/algebra', 1), ('math/algebra', 2), ('math/geometry', 1), ('math/geometry', 2) $$, 'a row for each domain');
select is((select count(*) from ls.request_scaling_curve('math.listwise', '{1}', 'code')), 1::bigint, 'or on another domain');
select is((select array_agg(distinct configuration) from ls.math_transfer_matrix), array[ls.default_evaluation_configuration()], 'a curve is no matrix');
select fixture.feature_set('math/algebra', 'test', 'newer');
select is((select count(*) from ls.scaling_curve where ranker = 'math.listwise' and domain = 'math/algebra'), 0::bigint, 'figures of an older test set are no longer shown');
select * from finish();
rollback;
