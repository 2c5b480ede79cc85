-- ls.housekeep: what ended a while ago moves to the archive, whole; what may still be needed does not.
begin;
select plan(49);
select fixture.base_model();
select fixture.feature_set('code', s) from unnest(array['train', 'test']) s;
select fixture.ranker('code');
select fixture.worker('a');
create function pg_temp.age(p_by interval) returns void language sql as $$
    update ls.task set ended_at = ended_at - p_by where ended_at is not null $$;
-- One task of each end: 1 trained, 2 its evaluation, 3 cancelled, 4 dead, 5 leased, 6 waiting; then a sweep's.
select ls.request_training('code.listwise');
create temporary table first as select * from ls.lease_tasks(1, '{train}', 1, 60);
select ls.complete_training(1, token, sha256('w1'), 'w1', '{}') from first;
select fixture.evaluate(1, 0.5);
create temporary table c as select ls.request_training('code.listwise', p_seed => 2) as id;
select ls.cancel_task(id, 'no') from c;
create temporary table d as select ls.request_training('code.listwise', p_seed => 3) as id;
select ls.fail_attempt(1, token, 'x', 'broken', false, 'confirmed') from ls.lease_tasks(1, '{train}', 1, 60);
create temporary table l as select ls.request_training('code.listwise', p_seed => 4) as id;
create temporary table lease as select * from ls.lease_tasks(1, '{train}', 1, 60);
create temporary table w as select ls.request_training('code.listwise', p_seed => 5) as id;
create temporary table before as select * from ls.task_progress(array(select task_id from ls.task order by 1));
create temporary table history as select task_id, attempt, worker, state, error_message, result_version_id from ls.attempt_history;
create temporary table counts as select * from ls.status_summary();
create temporary table workers as select name, leases, succeeded, failed from ls.worker_status;

select results_eq('select * from ls.housekeep()', $$ values (0, '{}'::text[]) $$, 'what has just ended stays at hand');
select pg_temp.age('61 minutes');
select throws_ok('select ls.housekeep(0)', 'LS001', null, 'at least one at a time');
select is((select archived from ls.housekeep(1)), 1, 'as many as asked for');
select is((select archived from ls.housekeep()), 2, 'then the others that were done or cancelled an hour ago');
select is((select archived from ls.housekeep()), 0, 'and no more');
select results_eq('select task_id from ls.task order by 1', $$ select id from d union all select id from l union all select id from w order by 1 $$, 'dead, leased and waiting ones stay');
select is((select count(*) from ls.attempt), 2::bigint, 'with their attempts');
select results_eq('select task_id, kind, state, ranker, version, progress, worker, attempt, result_version_id from ls.task_progress(array(select task_id from before order by 1))',
    'select task_id, kind, state, ranker, version, progress, worker, attempt, result_version_id from before order by 1', 'progress is as before');
select results_eq('select * from (select task_id, attempt, worker, state, error_message, result_version_id from ls.attempt_history) h order by 1, 2',
    'select * from history order by 1, 2', 'the history, too');
select results_eq('select * from ls.status_summary()', 'select * from counts', 'and the counts');
select results_eq('select name, leases, succeeded, failed from ls.worker_status', 'select * from workers', 'and the workers''');
select is((select count(*) from ls.version_lineage where task_id = 1 and worker = 'a'), 1::bigint, 'a version still says where it comes from');
select is((select count(*) from ls.evaluation where task_id is not null), 1::bigint, 'as an evaluation does');
select is((select count(*) from pg_inherits where inhparent = 'ls.task_archive'::regclass), 1::bigint, 'in a month of its own');
select is((select obj_description(inhrelid) like 'Tasks that ended in%' from pg_inherits where inhparent = 'ls.task_archive'::regclass), true, 'which is described');

-- Nothing happens to it any more.
select throws_ok('select ls.cancel_task(1, ''x'')', 'LS021', 'cannot cancel task 1: it is done, and in the archive', 'it is not cancelled');
select throws_ok('select ls.redrive(1, ''x'')', 'LS021', 'cannot redrive task 1: it is done, and in the archive', 'nor redriven');
select is((select counted from first, ls.complete_training(1, token, sha256('w1'), 'w1', '{}')), false, 'a result that comes an hour late does not count');
select is((select answer from first, fixture.renew_leases(1, array[token], '{1}', '{x}', 60)), 'lost', 'a lease of then is lost');
select isnt(ls.request_training('code.listwise', p_seed => 9, p_after => '{1}'), null, 'what is done and archived is met');
select is((select state from ls.task order by task_id desc limit 1), 'waiting', 'at once');
select throws_ok(format($$ select ls.request_training('code.listwise', p_seed => 10, p_after => '{%s}') $$, id), 'LS021', null, 'what was cancelled is not waited for') from c;
select ls.cancel_task(task_id, 'x') from ls.task where state = 'waiting';

-- A dead one may be redriven for a month, and as long as another waits for it.
create temporary table m as select ls.request_training('code.listwise', p_seed => 21) as id;
create temporary table b as select ls.request_training('code.listwise', p_seed => 22, p_after => array[m.id]) as id from m;
select ls.fail_attempt(1, token, 'x', 'broken', false, 'confirmed') from ls.lease_tasks(1, '{train}', 1, 60);
select pg_temp.age('31 days');
select ls.housekeep();
select is((select count(*) from ls.task t join d on d.id = t.task_id), 0::bigint, 'a month after it died it is archived');
select is((select count(*) from ls.task t join m on m.id = t.task_id), 1::bigint, 'not while another task waits for it');
select ls.redrive(id, 'repaired') from m;
select is((select state from ls.task join m on id = task_id), 'waiting', 'so it can be redriven');
select ls.cancel_task(id, 'x') from m;
select pg_temp.age('2 hours');
select ls.housekeep();
select is((select count(*) from ls.task), 1::bigint, 'cancelled, both go');
select is((select count(*) from ls.task_dependency), 0::bigint, 'with what they needed');

-- Tasks of a sweep stay, and those that say a version was asked for outside it.
create temporary table s as select ls.request_sweep('code.listwise', '[{"epochs": 2}, {"epochs": 3}]') as id;
select fixture.train(1, 's1'), fixture.train(1, 's2');
select fixture.evaluate(1, 0.1), fixture.evaluate(1, 0.2);
create temporary table result as select * from ls.sweep_result;
select ls.request_training('code.listwise', p_seed => 99);
select fixture.train(1, 's1');
select pg_temp.age('2 hours');
select is((select archived from ls.housekeep()), 2, 'of a sweep the evaluations go');
select results_eq('select * from ls.sweep_result', 'select * from result', 'its results stay');
select is(ls.is_withheld((select version_id from result where position = 1)), false, 'and that a version was also asked for outside it');
select is(ls.is_withheld(1), false, 'a version whose training is archived is no sweep''s');

-- Years later.
select throws_ok($$ select ls.set_retention('all', '1 day', 'x') $$, 'LS001', null, 'what is kept is known');
select throws_ok($$ select ls.set_retention('done', '1 minute', 'x') $$, 'LS001', 'cannot keep ''done'' for 00:01:00', 'a result may come twice within the hour');
select throws_ok($$ select ls.set_retention('dead', null, 'x') $$, 'LS001', null, 'only the archive is kept for ever');
select throws_ok($$ select ls.set_retention('archive', '1 hour', 'x') $$, 'LS001', null, 'and for a day at least');
select lives_ok($$ select ls.set_retention('done', '3 hours', 'x', 'me'), ls.set_retention('archive', '400 days', 'disk', 'me') $$, 'both can be set');
select results_eq($$ select what, keep from ls.task_retention where what in ('archive', 'done') $$, $$ values ('archive', interval '400 days'), ('done', interval '3 hours') $$, 'and read');
select is((select count(*) from ls.audit_log where action = 'set retention'), 2::bigint, 'the audit log knows');
select ls.ensure_archive_partitions('2021-01-15 12:00Z', '2021-03-01 00:00Z');
select is((select count(*) from pg_inherits where inhparent = 'ls.task_archive'::regclass and inhrelid::regclass::text like '%2021%'), 3::bigint, 'months are made where missing');
select ls.ensure_archive_partitions('2021-01-15 12:00Z', '2021-03-01 00:00Z');
insert into ls.event_day select 'x', 'y', '2021-01-15', 1, now(), now();
select results_eq('select * from ls.housekeep(1, true)', $$ values (0, '{}'::text[]) $$, 'while tasks are left to archive nothing else is done again');
select is((select count(*) from ls.event_day), 1::bigint, 'counts of long ago stay');
select is((select pruned from ls.housekeep()), '{task_archive_2021_01,task_archive_2021_02,task_archive_2021_03}', 'and dropped when they are old');
select is((select count(*) from ls.event_day), 0::bigint, 'and go with the rest');
select is((select count(*) from ls.task_archive), (select sum(tasks)::bigint from ls.task_archive_count), 'the others are whole');
select ls.ensure_archive_partitions('2021-02-15 12:00Z', '2021-02-16 00:00Z');
insert into ls.task_archive select (jsonb_populate_record(t, '{"ended_at": "2021-02-15T12:00:00Z"}')).* from ls.task_archive t limit 1;
create view theirs as select task_id from ls.task_archive_2021_02;
select is((select count(*) from theirs), 1::bigint, 'somebody''s view reads a month');
select lives_ok($$ select ls.housekeep(), ls.housekeep() $$, 'which stops no housekeeping');
select results_eq($$ select count(*), to_regclass('ls.task_archive_2021_02') is not null from theirs $$, $$ values (0::bigint, true) $$, 'it is emptied, the view stays');

-- Forgetting a user reaches the archive.
select fixture.ranker('code', p_user => 'ada');
create temporary table a as select ls.request_training('~ada/code.listwise') as id;
select fixture.train(1, 'ada');
select ls.set_retention('done', '1 hour', 'x');
select pg_temp.age('2 hours');
select ls.housekeep();
select is((select count(*) from ls.task_archive join a on id = task_id), 1::bigint, 'a user''s task is archived');
select ls.forget_user('ada', 'asked');
select is((select count(*) from ls.task_archive join a on id = task_id), 0::bigint, 'and forgotten there');
select * from finish();
rollback;
