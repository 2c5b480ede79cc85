-- ls.complete_evaluation: every set of the task, figures that are figures, once.
begin;
select plan(32);
select fixture.base_model();
select fixture.feature_set('code', 'test');
select fixture.ranker('code');
select fixture.worker('a');
select fixture.version('code.listwise', 'w');
create temporary table lease as select * from ls.lease_tasks(1, '{evaluate}', 1, 60);
create function pg_temp.hand_in(p_report jsonb) returns boolean language sql as $$
    select ls.complete_evaluation(1, token, array[sha256('codetest')], array[p_report]) from lease $$;
select throws_ok($$ select ls.complete_evaluation(1, token, '{}', '{}') from lease $$, 'LS001', null, 'every feature set has its report');
select throws_ok($$ select ls.complete_evaluation(1, token, array[sha256('other')], array[fixture.report(0.5)]) from lease $$, 'LS001', null, 'and no other has');
select throws_ok($$ select ls.complete_evaluation(1, token, array[sha256('codetest')], array[]::jsonb[]) from lease $$, 'LS001', null, 'as many reports as digests');
select throws_ok($$ select pg_temp.hand_in(fixture.report(1.01)) $$, 'LS001', 'cannot take an evaluation: found accuracy 1.01, expected 0 to 1', 'more than all is refused');
select throws_ok($$ select pg_temp.hand_in(fixture.report(-0.01)) $$, 'LS001', null, 'less than none is refused');
select throws_ok($$ select pg_temp.hand_in(fixture.report(0.5, '{"accuracy": "NaN"}')) $$, 'LS001', null, 'no number is refused');
select throws_ok($$ select pg_temp.hand_in(fixture.report(0.5, '{"oracle": null}')) $$, 'LS001', 'cannot take an evaluation: found oracle null, expected a number', 'a missing figure is refused');
select throws_ok($$ select pg_temp.hand_in(fixture.report(0.5) - 'standard_error') $$, 'LS001', null, 'an absent figure is refused');
select throws_ok($$ select pg_temp.hand_in(fixture.report(0.5, '{"seed": 2}')) $$, 'LS001', 'cannot take an evaluation: found seed 2, the task asked for 1', 'another seed is refused');
select throws_ok($$ select pg_temp.hand_in(fixture.report(0.5, '{"candidate_count": 8}')) $$, 'LS001', null, 'another K is refused');
select throws_ok($$ select pg_temp.hand_in(fixture.report(0.5, '{"query_count": 2.5}')) $$, 'LS001', null, 'half a query is refused');
select throws_ok($$ select pg_temp.hand_in(fixture.report(0.5, '{"query_count": "3"}')) $$, 'LS001', 'cannot take an evaluation: found query_count "3", expected a whole number', 'words are no count');
select throws_ok($$ select pg_temp.hand_in(fixture.report(0.5, '{"group_count": 0}')) $$, 'LS001', null, 'nothing measured is refused');
select throws_ok($$ select pg_temp.hand_in(fixture.report(0.5, '{"group_count": 4294967296}')) $$, 'LS001', null, 'a count that fits no column is refused');
select throws_ok($$ select pg_temp.hand_in(fixture.report(0.5) - 'group_count') $$, 'LS001', 'cannot take an evaluation: found group_count missing, expected a number', 'an absent count is refused');
select throws_ok($$ select pg_temp.hand_in(fixture.report(0.5, '{"standard_error": 1e-400}')) $$, 'LS001', null, 'nearer to 0 than a number can be is refused');
select throws_ok($$ select pg_temp.hand_in(fixture.report(0.5, jsonb_build_object('query_values', '[1, 1e-60]' || fixture.picks('0.5', 398)))) $$, 'LS001', 'cannot take an evaluation: expected query_values to be 400 numbers that labels can have', 'of each query, too');
select throws_ok($$ select pg_temp.hand_in('[]') $$, 'LS001', null, 'a report is an object');
select throws_ok($$ insert into ls.evaluation (version_id, feature_set_id, configuration, accuracy, standard_error, first_sample, oracle, group_count, query_count,
    candidate_count, groups_per_query, seed, report) values (1, 1, '{}', 'NaN', 0, 0, 0, 1, 1, 1, 1, 1, '{}') $$, '23514', null, 'the table itself takes no NaN');
select is((select count(*) from ls.evaluation), 0::bigint, 'nothing of all this was stored');
select is(pg_temp.hand_in(fixture.report(0.5, '{"majority": 0.6}')), true, 'the figures count');
select is(pg_temp.hand_in(fixture.report(0.9)), true, 'twice: counted');
select results_eq('select accuracy, standard_error, first_sample, majority, highest_log_probability, oracle, group_count, query_count, candidate_count, groups_per_query, seed from ls.evaluation',
    $$ values (0.5::float8, 0.02::float8, 0.38::float8, 0.6::float8, null::float8, 0.96::float8, 8000::bigint, 400, 10, 20, 1::bigint) $$, 'once, in columns');
select results_eq('select state from ls.task', $$ values ('done') $$, 'the task is done');
select is((select accuracy_percent from ls.ranker_status), 50.00, 'the status view shows it');
select throws_ok('update ls.evaluation set accuracy = 1', 'LS021', null, 'evaluations are immutable');
select ls.request_evaluation(1, p_configuration => '{"candidate_count": 4}');
create temporary table late as select * from ls.lease_tasks(1, '{evaluate}', 1, 60);
select fixture.let_expire(task_id) from late;
select is((select ls.complete_evaluation(1, token, array[sha256('codetest')], array[fixture.report(0.5, '{"candidate_count": 4}')]) from late), false, 'late: not counted');
select is((select count(*) from ls.evaluation), 1::bigint, 'and not stored');
-- Several sets, in an order of the worker's own.
select fixture.feature_set('math/algebra', 'test');
select fixture.ranker('math/algebra', p_name => 'both');
select fixture.version('both', 'b');
update ls.task set state = 'cancelled', ended_at = clock_timestamp() where state = 'waiting';
select ls.request_evaluation(v.version_id, (select array_agg(feature_set_id) from ls.feature_set), '{"candidate_count": 10}')
from ls.version_lineage v where v.ranker = 'both';
create temporary table two as select * from ls.lease_tasks(1, '{evaluate}', 1, 60);
select throws_ok($$ select ls.complete_evaluation(1, token, array[sha256('codetest'), sha256('codetest')], array[fixture.report(0.1), fixture.report(0.2)]) from two $$,
    'LS001', null, 'one set twice is not both');
create function pg_temp.both(p_digests bytea[], p_accuracies double precision[]) returns boolean language sql as $$
    select ls.complete_evaluation(1, token, p_digests, (select array_agg(fixture.report(a) order by o) from unnest(p_accuracies) with ordinality x (a, o))) from two $$;
select is(pg_temp.both(array[d, e], array[0.1, 0.2]), true, 'any order will do')
from (select (array_agg(digest order by digest desc))[1] d, (array_agg(digest order by digest))[1] e from ls.feature_set) y;
select results_eq($$ select f.digest = (select digest from ls.feature_set order by digest desc limit 1), e.accuracy from ls.evaluation e join ls.feature_set f using (feature_set_id)
    where e.task_id = (select task_id from two) order by e.accuracy $$, $$ values (true, 0.1::float8), (false, 0.2::float8) $$, 'and each set keeps its own figures');
select is((select count(*) from ls.task where state in ('waiting', 'leased') and task_id = (select task_id from two)), 0::bigint, 'the task is done');
select * from finish();
rollback;
