-- ls.lease_tasks: oldest first, urgent before, held features before, never twice, not before its time.
begin;
select plan(16);
select fixture.base_model();
select fixture.feature_set(d, 'train') from unnest(array['math/algebra', 'math/geometry', 'code']) d;
select fixture.ranker(d) from unnest(array['math/algebra', 'math/geometry', 'code']) d;
select fixture.worker('a'), fixture.worker('b');
select ls.request_training(d || '.listwise') from unnest(array['math/algebra', 'math/geometry', 'code']) d;
select is_empty($$ select * from ls.lease_tasks(1, '{evaluate}', 1, 60) $$, 'only tasks of the kinds asked for');
select results_eq($$ select task_id, attempt, kind, ranker_name from ls.lease_tasks(1, '{train}', 1, 60, array[sha256('codetrain')]) $$,
    $$ values (3::bigint, 1, 'train', 'code.listwise') $$, 'the task whose features the worker holds goes first; attempts start at 1');
select results_eq($$ select task_id from ls.lease_tasks(2, '{train,evaluate}', 1, 60, array[sha256('codetrain')]) $$,
    $$ values (1::bigint) $$, 'otherwise the oldest; what is leased is not handed out twice');
select is((select state from ls.task where task_id = 1), 'leased', 'its state says so');
select ls.request_training('code.listwise', p_seed => 1, p_priority => -1::smallint);
select results_eq($$ select task_id from ls.lease_tasks(2, '{train}', 9, 60, array[sha256('math/geometrytrain')]) $$,
    $$ values (2::bigint), (4::bigint) $$, 'held features come first within the limit, and everything is handed out');
select is_empty($$ select * from ls.lease_tasks(2, '{train}', 9, 60) $$, 'nothing is left');
select is((select max(extract(epoch from leased_until - leased_at)) between 59.9 and 60.1 from ls.attempt), true, 'leased as long as asked');
select ls.request_training('math/algebra.listwise', p_seed => 2, p_priority => 5::smallint), ls.request_training('math/algebra.listwise', p_seed => 3);
select results_eq($$ select configuration ->> 'seed' from ls.lease_tasks(2, '{train}', 1, 60) $$, $$ values ('3') $$, 'smaller priorities go first');
update ls.task set run_after = clock_timestamp() + interval '1 minute' where state = 'waiting';
select is_empty($$ select * from ls.lease_tasks(2, '{train}', 1, 60) $$, 'a task is not leased before its time');
select is((select features from ls.lease_tasks(1, '{train}', 1, 60)), null, 'still not');
update ls.task set run_after = clock_timestamp() where state = 'waiting';
select is((select features from ls.lease_tasks(1, '{train}', 1, 60)),
    jsonb_build_array(jsonb_build_object('digest', encode(sha256('math/algebratrain'), 'hex'), 'byte_count', 17, 'name', 'math/algebra train', 'domain', 'math/algebra')),
    'a lease carries everything the worker needs');
select fixture.feature_set('code', 'test');
select fixture.version('code.listwise', 'w');
select results_eq($$ select weights_digest, weights_byte_count, weights_name, configuration from ls.lease_tasks(1, '{evaluate}', 1, 60) $$,
    $$ values (sha256('w'), 1::bigint, 'code.listwise@1', ls.default_evaluation_configuration()) $$, 'an evaluation comes with the version''s weights');
select throws_ok($$ select * from ls.lease_tasks(99, '{train}', 1, 60) $$, 'LS016', 'cannot serve worker 99: no worker has this id', 'an unknown worker');
select throws_ok($$ select * from ls.lease_tasks(1, '{train}', 1, 0) $$, 'LS001', null, 'a lease lasts a while');
select ls.revoke_worker('a', 'lost device');
select throws_ok($$ select * from ls.lease_tasks(1, '{train}', 1, 60) $$, 'LS031', null, 'a revoked worker gets nothing');
select is((select count(*) from ls.attempt where worker_id = 1 and state = 'open'), 0::bigint, 'and loses what it held');
select * from finish();
rollback;
