-- Blocked tasks: after other tasks, after a time; ls.request_matrix and what becomes of it.
begin;
select plan(42);
select fixture.base_model();
select fixture.feature_set(d, s) from unnest(array['code', 'math/algebra', 'math/geometry']) d, unnest(array['train', 'test']) s;
select fixture.ranker(d) from unnest(array['code', 'math/algebra', 'math/geometry']) d;
select fixture.worker('a');
create function pg_temp.state(p_task bigint) returns text language sql as $$ select state from ls.task where task_id = p_task $$;

-- After a training, its evaluation included.
select is(ls.request_training('code.listwise'), 1::bigint, 'a training');
select is(ls.request_training('math/algebra.listwise', p_after => '{1}'), 2::bigint, 'another one after it');
select is(pg_temp.state(2), 'blocked', 'is blocked');
select is(ls.request_training('math/algebra.listwise'), 2::bigint, 'asked again it is the same, and goes on waiting');
select results_eq($$ select blocked_on, state from ls.task_queue where task_id = 2 $$, $$ values ('{1}'::bigint[], 'blocked') $$, 'the queue says on what');
select is((select note from ls.task_progress('{2}')), 'waits for 1', 'so does its progress');
select results_eq($$ select task_id from ls.lease_tasks(1, '{train,evaluate,matrix}', 5, 60) $$, $$ values (1::bigint) $$, 'only the first is handed out');
create temporary table lease as select * from ls.attempt where state = 'open';
select is((select counted from lease, ls.complete_training(1, token, sha256('w1'), 'w1', '{}')), true, 'it is trained');
select is(pg_temp.state(2), 'blocked', 'the second waits for the figures of the first, too');
select is((select string_agg(needs_task_id || case when met_at is null then ' open' else ' met' end, ', ' order by needs_task_id) from ls.task_dependency), '1 met, ' || (select max(task_id) from ls.task where kind = 'evaluate') || ' open', 'which are asked for');
select is((select progress from ls.task_progress('{2}')), 0.5::double precision, 'half of what it needs is there');
select is(fixture.evaluate(1, 0.5), true, 'measured');
select is(pg_temp.state(2), 'waiting', 'and the second goes on');

-- What cannot be waited for.
select throws_ok($$ select ls.request_training('code.listwise', p_seed => 2, p_after => '{99}') $$, 'LS015', 'cannot wait for task 99: no task has this id', 'an unknown task');
select throws_ok($$ select ls.request_training('code.listwise', p_seed => 2, p_after => '{null}') $$, 'LS015', null, 'no task at all');
create temporary table row as select ls.request_training('code.listwise', p_seed => 2, p_after => '{1}') as first;
select is((select pg_temp.state(first) from row), 'waiting', 'after what is done it need not wait');
alter table row add second bigint; alter table row add third bigint;
update row set second = ls.request_training('code.listwise', p_seed => 3, p_after => array[first, first, 1]);
update row set third = ls.request_training('code.listwise', p_seed => 4, p_after => array[second]);
select is((select array_agg(needs_task_id order by 1) from row, ls.task_dependency where task_id = second), (select array[1, first] from row), 'named twice is named once');
select is((select pg_temp.state(third) from row), 'blocked', 'a third in a row');
select is((select ls.cancel_task(first, 'no') from row), true, 'the first of three in a row is cancelled');
select results_eq($$ select state, ended_because from row, ls.task where task_id in (second, third) order by task_id $$,
    $$ select 'cancelled', format('task %s, which it needs, was cancelled', n) from row, unnest(array[first, second]) n $$, 'and with it what can never start');
select throws_ok(format($$ select ls.request_training('code.listwise', p_seed => 2, p_after => '{%s}') $$, first), 'LS021', format('cannot wait for task %s: it is cancelled', first), 'which is refused from the start') from row;
update ls.task_kind set attempt_count_max = 1 where kind = 'train';
select isnt(ls.request_training('code.listwise', p_seed => 5, p_priority => -1::smallint), null, 'another');
select is((select ls.fail_attempt(1, token, 'x', 'broken', true) from ls.lease_tasks(1, '{train}', 1, 60)), true, 'it fails for good');
create temporary table dead as select task_id from ls.task where state = 'dead';
select throws_ok(format($$ select ls.request_training('code.listwise', p_seed => 2, p_after => '{%s}') $$, task_id), 'LS021', null, 'a dead task is not waited for') from dead;
update ls.task_kind set attempt_count_max = 5 where kind = 'train';

-- Not before a time.
select ls.cancel_task(task_id, 'away') from ls.task where state = 'waiting';
select ls.request_training('code.listwise', p_seed => 6, p_run_after => clock_timestamp() + interval '1 hour');
select is_empty($$ select * from ls.lease_tasks(1, '{train}', 5, 60) $$, 'a task that is to run later is not handed out');
select is((select starts_in > interval '59 minutes' from ls.task_queue), true, 'the queue says when');
select ls.cancel_task(task_id, 'away') from ls.task where state = 'waiting';

-- A matrix after its trainings.
select throws_ok($$ select ls.request_matrix('tiny', 'nowhere/*') $$, 'LS011', null, 'no domain matches');
select throws_ok($$ select ls.request_matrix('tiny', 'math/*', p_kind => 'odd') $$, 'LS001', null, 'no such kind');
create temporary table t as select ls.request_training(r) as id from unnest(array['math/algebra.listwise', 'math/geometry.listwise']) r;
create temporary table m as select ls.request_matrix('tiny', 'math/*') as id;
select is((select ls.request_matrix('tiny', 'math/*') from m), (select id from m), 'asked twice it is one matrix');
select is((select array_agg(needs_task_id order by 1) from m, ls.task_dependency where task_id = id), (select array_agg(id order by 1) from t), 'it needs both trainings');
select is((select ranker || ' ' || kind from m, ls.task_queue where task_id = id), 'math/* matrix', 'the queue shows it by its pattern');
select fixture.train(1, 'a1'), fixture.train(1, 'g1');
select is((select pg_temp.state(id) from m), 'blocked', 'trained: blocked until they are measured');
select fixture.evaluate(1, 0.5), fixture.evaluate(1, 0.6);
select is((select count(*) from m, ls.task_dependency where task_id = id and met_at is null), 2::bigint, 'now champions, each is to be measured on the other''s domain');
select fixture.evaluate(1, 0.3), fixture.evaluate(1, 0.2);
select is((select pg_temp.state(id) from m), 'done', 'all figures are there: done');
select is((select count(*) from ls.transfer_matrix where source_domain like 'math/%' and target_domain like 'math/%'), 4::bigint, 'two by two');
select is((select pg_temp.state(ls.request_matrix('tiny', 'math/*'))), 'done', 'asked again there is nothing to do');
select is((select pg_temp.state(ls.request_matrix('tiny', 'code', p_after => '{}'))), 'done', 'nor with nothing to come after');
-- It cannot be asked for when its time comes.
select ls.register_domain('void');
select fixture.feature_set('void', 'train'), fixture.ranker('void');
create temporary table v as select ls.request_training('void.listwise') as training, ls.request_matrix('tiny', 'void') as id;
select fixture.train(1, 'v1');
select results_eq($$ select pg_temp.state(training), pg_temp.state(id) from v $$, $$ values ('done', 'dead') $$, 'a matrix that fails does not undo the training');
select matches((select ended_because from v, ls.task where task_id = id), '^cannot ask for a transfer matrix: no test feature set', 'and says why');
select fixture.feature_set('void', 'test'), ls.promote(max(version_id), 'there was no test set') from ls.ranker_version;
select ls.redrive(id, 'imported') from v;
select is((select pg_temp.state(id) from v), 'blocked', 'redriven it looks again');
select is((select count(*) from v, ls.task_dependency where task_id = id and met_at is null), 1::bigint, 'and waits for the figures');
select fixture.evaluate(1, 0.1);
select is((select pg_temp.state(id) from v), 'done', 'which come');
select * from finish();
rollback;
