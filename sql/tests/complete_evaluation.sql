-- ls.complete_evaluation: every set of the task, figures that are figures, once.
begin;
select plan(22);
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
select throws_ok($$ select pg_temp.hand_in('[]') $$, 'LS001', null, 'a report is an object');
select throws_ok($$ insert into ls.evaluation (version_id, feature_set_id, configuration, accuracy, standard_error, first_sample, oracle, group_count, query_count,
    candidate_count, groups_per_query, seed, report) values (1, 1, '{}', 'NaN', 0, 0, 0, 1, 1, 1, 1, 1, '{}') $$, '23514', null, 'the table itself takes no NaN');
select is((select count(*) from ls.evaluation), 0::bigint, 'nothing of all this was stored');
select is(pg_temp.hand_in(fixture.report(0.5, '{"majority": 0.6}')), true, 'the figures count');
select is(pg_temp.hand_in(fixture.report(0.9)), true, 'twice: counted');
select results_eq('select accuracy, standard_error, first_sample, majority, highest_log_probability, oracle, group_count, query_count, candidate_count, groups_per_query, seed from ls.evaluation',
    $$ values (0.5::float8, 0.02::float8, 0.38::float8, 0.6::float8, null::float8, 0.84::float8, 60::bigint, 3, 10, 20, 1::bigint) $$, 'once, in columns');
select results_eq('select state from ls.task', $$ values ('done') $$, 'the task is done');
select is((select accuracy_percent from ls.ranker_status), 50.00, 'the status view shows it');
select throws_ok('update ls.evaluation set accuracy = 1', 'LS021', null, 'evaluations are immutable');
select ls.request_evaluation(1, p_configuration => '{"candidate_count": 4}');
create temporary table late as select * from ls.lease_tasks(1, '{evaluate}', 1, 60);
select fixture.let_expire(task_id) from late;
select is((select ls.complete_evaluation(1, token, array[sha256('codetest')], array[fixture.report(0.5, '{"candidate_count": 4}')]) from late), false, 'late: not counted');
select is((select count(*) from ls.evaluation), 1::bigint, 'and not stored');
select * from finish();
rollback;
