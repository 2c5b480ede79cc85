-- ls.refuse_result, count_refusals, release_worker, refused_sessions, leased_ranker_configuration: whose results are refused.
begin;
select plan(46);
select fixture.base_model();
select fixture.feature_set('code', 'train'), fixture.feature_set('code', 'test');
select fixture.ranker('code');
select fixture.worker('a'), fixture.worker('b');
select fixture.version('code.listwise', 'w');
-- The other one was here a moment ago.
insert into ls.worker_presence (worker_id, connection, coordinator, program_version, capacity, task_kinds, connected_at, disconnected_at, seen_at)
select 2, gen_random_uuid(), 'c', '1', 1, '{train,evaluate}', now(), now(), now();
select ls.request_training('code.listwise', p_seed => s) from generate_series(1, 7) s;
create temporary table lease as select row_number() over () as n, 1 as worker_id, l.* from ls.lease_tasks(1, '{train}', 3, 600) l;
create temporary table evaluation as select * from ls.lease_tasks(1, '{evaluate}', 1, 600);
create function pg_temp.token(p_n bigint) returns uuid language sql as 'select token from lease where n = p_n';

select is(ls.leased_ranker_configuration(1, pg_temp.token(1)), '{"kind": "listwise", "hidden_size": 4}', 'what the weights must be of');
select is(ls.leased_ranker_configuration(2, pg_temp.token(1)), null, 'another worker does not hear it');

-- Another worker's lease.
select throws_ok(format('select * from ls.complete_training(2, %L, sha256(%L), %L, %L)', pg_temp.token(1), 'x', 'x', '{}'), 'LS001',
    'cannot take a result: its lease is another worker''s', 'weights under another worker''s lease are refused');
select throws_ok(format('select ls.complete_evaluation(2, %L, %L, %L)', (select token from evaluation), '{}', '{}'), 'LS001', null, 'figures, too');
select throws_ok(format('select ls.fail_attempt(2, %L, %L, %L, false)', pg_temp.token(1), 'x', 'x'), 'LS001', null, 'nobody fails another''s attempt');
select is(ls.fail_attempt(2, gen_random_uuid(), 'x', 'x', false), false, 'a lease that nobody has is only late');

select throws_ok($$ select ls.refuse_result(99, gen_random_uuid(), 'invalidWeights', 'x') $$, 'LS016', null, 'an unknown worker');
select is(ls.refuse_result(1, pg_temp.token(1), 'invalidWeights', 'found a number that is not finite'), false, 'a refusal alone is no quarantine');
select results_eq('select actor, action, subject, reason from ls.audit_entry limit 1',
    $$ select 'worker a', 'result refused', format('task %s, attempt 1', task_id), 'found a number that is not finite' from lease where n = 1 $$, 'the audit log has it');
select results_eq(format('select state, error_code, error_message from ls.attempt where token = %L', pg_temp.token(1)),
    $$ values ('failed', 'invalidWeights', 'found a number that is not finite') $$, 'the attempt has failed');
select is((select t.state from ls.task t join lease l using (task_id) where n = 1), 'waiting', 'others may try');
select is(ls.refuse_result(1, pg_temp.token(1), 'invalidWeights', 'again'), false, 'of an attempt that ended, too');
select is((select attempt_count from ls.task t join lease l using (task_id) where n = 1), 1, 'its task is as it was');
select is((select count(*) from ls.audit_entry where action = 'result refused'), 1::bigint, 'and the log, too');
update ls.task set run_after = now() - interval '1 s' where task_id = (select task_id from lease where n = 1);
update ls.task set priority = -1 where task_id = (select task_id from lease where n = 1);
insert into lease select 4, 1, l.* from ls.lease_tasks(1, '{train}', 1, 600) l;
select is((select task_id from lease where n = 4), (select task_id from lease where n = 1), 'the task comes to it once more');
select is(ls.refuse_result(1, pg_temp.token(4), 'invalidWeights', 'not finite again'), false, 'and is refused once more');
select is((select count(*) from ls.audit_entry where action = 'result refused'), 2::bigint, 'which the log keeps');
select is(ls.refuse_result(2, pg_temp.token(2), 'invalidArgument', 'foreign'), false, 'under another''s lease');
select is((select state from ls.attempt where token = pg_temp.token(2)), 'open', 'whose attempt goes on');
select is((select subject from ls.audit_entry limit 1), 'no task of its own', 'and is not named');
select results_eq('select name, refused, refused_undecided from ls.worker_status', $$ values ('a', 0, 1::bigint), ('b', 1, 0) $$,
    'what may be the data''s fault is undecided, once a task; another''s lease is nobody''s data, and counts');

-- Another worker does the task: it was the first one's fault.
update ls.task set run_after = now() - interval '1 s' where task_id = (select task_id from lease where n = 1);
select is((select counted from ls.lease_tasks(2, '{train}', 1, 600) l, ls.complete_training(2, l.token, sha256('good'), 'good', '{}')), true, 'another does it');
select is((select count(*) from ls.expire_leases()), 0::bigint, 'nothing has run out');
select results_eq('select name, refused, refused_undecided from ls.worker_status', $$ values ('a', 1, 0::bigint), ('b', 1, 0) $$, 'now it counts');
select is(ls.refuse_result(1, pg_temp.token(4), 'invalidWeights', 'late'), false, 'what comes late');
select results_eq('select refused, refused_undecided from ls.worker_status limit 1', $$ values (1, 0::bigint) $$, 'counts no more');

select is(ls.refuse_result(1, null, 'invalidArgument', ''), false, 'without a lease, without a reason');
select is(ls.refuse_result(1, gen_random_uuid(), 'x', 'three') or ls.refuse_result(1, gen_random_uuid(), 'x', 'four'), false, 'the fourth');
select is(ls.refuse_result(1, pg_temp.token(3), 'invalidArgument', 'undecided'), false, 'one that may be the data''s fault is not the fifth');
select is(ls.refuse_result(1, null, 'invalidArgument', 'five'), true, 'the fifth is quarantine');
select results_eq($$ select state, quarantined_because from ls.worker_status where name = 'a' $$,
    $$ values ('quarantined', '5 of its results were refused, the last because: five') $$, 'the status says why');
select is((select action from ls.audit_entry limit 1), 'quarantine worker', 'so does the audit log');
select is((select count(*) from ls.attempt where worker_id = 1 and state = 'open'), 0::bigint, 'it holds no lease');
select is((select count(*) from ls.task where state = 'leased'), 0::bigint, 'its tasks wait for others');
select results_eq($$ select worker_id, message
    from ls.refused_sessions('{1,99}', array[gen_random_uuid(), gen_random_uuid()],
        array[null, null], array[null, null]) order by 1 $$,
    $$ values (1::bigint, 'cannot serve worker ''a'': it is in quarantine: 5 of its results were refused, the last because: five'),
        (99, 'cannot serve worker 99: no worker has this id') $$, 'its session is among the refused');
select throws_ok($$ select * from ls.lease_tasks(1, '{train}', 1, 60) $$, 'LS031',
    'cannot serve worker ''a'': it is in quarantine: 5 of its results were refused, the last because: five', 'it gets nothing');
select is_empty($$ select * from ls.lease_tasks_for_workers('{1}', '{train}', '{1}', '{0}', '{}', 60) $$, 'with others neither');
select throws_ok($$ select ls.authenticate_worker('a') $$, 'LS031', null, 'it cannot connect');
select is((select count(*) from ls.audit_entry where actor = 'worker a' and ls.refuse_result(1, null, 'x', 'six')), 7::bigint, 'more refusals are not kept');
select is((select count(*) from ls.audit_entry where actor = 'worker a'), 7::bigint, 'so that nobody fills the log');

select throws_ok($$ select ls.release_worker('nobody', 'x') $$, 'LS016', null, 'an unknown worker is not released');
select throws_ok($$ select ls.release_worker('a', '') $$, 'LS001', null, 'a release has a reason');
select ls.release_worker('b', 'looked at it'), ls.release_worker('a', 'repaired', 'ada');
select results_eq('select name, state, refused from ls.worker_status', $$ values ('a', 'never connected', 0), ('b', 'away', 1) $$,
    'let back it begins anew; who was not in quarantine is as before');
select results_eq('select actor, action, subject, reason from ls.audit_entry limit 1',
    $$ values ('ada', 'release worker', 'a', 'repaired') $$, 'the audit log knows who let it back');
select is((select count(*) from ls.lease_tasks(1, '{train}', 1, 60)), 1::bigint, 'it works again');
select ls.revoke_worker('b', 'gone');
select is(ls.refuse_result(2, null, 'x', 'y'), true, 'a revoked worker stays outside');
select * from finish();
rollback;
