-- ls.complete_training: all or nothing, once, only by the holder of the lease.
begin;
select plan(25);
select fixture.base_model();
select fixture.feature_set('code', 'train'), fixture.feature_set('code', 'test');
select fixture.ranker('code');
select fixture.worker('a'), fixture.worker('b');
select ls.request_training('code.listwise', p_by => 'ada');
create temporary table lease as select * from ls.lease_tasks(1, '{train}', 1, 60);
grant all on lease to public;
select throws_ok($$ select ls.complete_training(1, token, sha256('x'), 'y', '{}') from lease $$, 'LS003', null, 'bytes that are not what the digest says');
select throws_ok($$ select ls.complete_training(1, token, 'x', 'y', '{}') from lease $$, 'LS003', null, 'a digest that is none');
select throws_ok($$ select ls.complete_training(1, token, sha256('x'), null, '{}') from lease $$, 'LS003', null, 'no bytes');
select is((select state from ls.task where task_id = 1), 'leased', 'a refused result leaves the lease alone');
select throws_ok($$ select ls.complete_evaluation(1, token, '{}', '{}') from lease $$, 'LS001', null, 'figures are no weights');
select throws_ok($$ select c.* from lease, ls.complete_training(2, token, sha256('x'), 'x', '{}') c $$, 'LS001', null, 'not by another worker');
select results_eq($$ select * from ls.complete_training(1, gen_random_uuid(), sha256('x'), 'x', '{}') $$, $$ values (null::bigint, false) $$, 'not with an unknown token');
select results_eq($$ select c.* from lease, ls.complete_training(1, token, sha256('x'), 'x', '{"steps": 3}') c $$, $$ values (1::bigint, true) $$, 'the result counts');
select results_eq($$ select c.* from lease, ls.complete_training(1, token, sha256('x'), 'x', '{"steps": 3}') c $$, $$ values (1::bigint, true) $$, 'twice: the same version, counted');
select results_eq($$ select c.* from lease, ls.complete_training(1, token, sha256('z'), 'z', '{}') c $$, $$ values (1::bigint, true) $$, 'even with other bytes nothing more happens');
select is((select count(*) from ls.ranker_version), 1::bigint, 'one version');
select results_eq('select state, attempt_count from ls.task where task_id = 1', $$ values ('done', 1) $$, 'the task is done');
select results_eq('select state, version_id from ls.attempt', $$ values ('succeeded', 1::bigint) $$, 'the attempt succeeded');
select results_eq('select version, task_id, attempt, worker, trained_on, report, added_by from ls.version_lineage',
    $$ select 'code.listwise@1', 1::bigint, 1, 'a', array['code train ' || ls.short_digest(sha256('codetrain'))], '{"steps": 3}'::jsonb, 'ada' $$, 'with its lineage');
select results_eq($$ select kind, state, version_id from ls.task where task_id = 2 $$, $$ values ('evaluate', 'waiting', 1::bigint) $$, 'and is to be measured');
select is(ls.fail_attempt(1, (select token from lease), 'x', 'y', true), false, 'what has succeeded does not fail');
select throws_ok('update ls.ranker_version set number = 2', 'LS021', null, 'versions are immutable');
select throws_ok($$ update ls.ranker_weights set bytes = 'q' $$, 'LS021', null, 'weights are immutable');
select throws_ok('update ls.attempt set progress = 0', 'LS021', null, 'ended attempts are immutable');

-- A late result of a lost lease.
select ls.request_training('code.listwise', p_seed => 1);
create temporary table late as select * from ls.lease_tasks(1, '{train}', 1, 60);
select fixture.let_expire(task_id) from late;
select results_eq($$ select c.* from late, ls.complete_training(1, token, sha256('late'), 'late', '{}') c $$, $$ values (null::bigint, false) $$, 'late, before the sweep: not counted');
select ls.expire_leases();
select results_eq($$ select c.* from late, ls.complete_training(1, token, sha256('late'), 'late', '{}') c $$, $$ values (null::bigint, false) $$, 'late, after it: not counted');
create temporary table again as select * from ls.lease_tasks(2, '{train}', 1, 60);
select results_eq($$ select c.* from late, ls.complete_training(1, token, sha256('late'), 'late', '{}') c $$, $$ values (null::bigint, false) $$, 'late, while another works: not counted');
-- Deterministic retraining: the bytes are a version already.
select results_eq($$ select c.* from again, ls.complete_training(2, token, sha256('x'), 'x', '{}') c $$, $$ values (1::bigint, true) $$, 'the same bytes are the same version');
select is((select state from ls.task t, again where t.task_id = again.task_id), 'done', 'and the task is done all the same');
select is((select count(*) from ls.ranker_version), 1::bigint, 'still one version');
select * from finish();
rollback;
