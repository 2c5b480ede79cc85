-- ls.lease_tasks: oldest first, urgent before, held features before, never twice, not before its time; a version with a combiner to nobody of before.
begin;
select plan(27);
-- Weights with such metadata in the header of their file.
create function pg_temp.weights(p_metadata text) returns bytea language sql as $$
    select set_byte('\x0000000000000000', 0, octet_length(h)) || h from convert_to('{"__metadata__": ' || p_metadata || '}', 'UTF8') h $$;
create function pg_temp.measured_by(p_worker bigint) returns text language sql as $$
    select string_agg(weights_name, ' ') from ls.lease_tasks(p_worker, '{train,evaluate}', 9, 60, array[sha256('math/geometrytest')]) $$;
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

-- A version that serves its score combined with signals: a program of before would measure the bare score.
select is(ls.has_combiner(pg_temp.weights('{"combiner": "{}"}'), '{}'), true, 'weights say that they have a combiner');
select is(ls.has_combiner(pg_temp.weights('{"ranker": "combiner"}'), '{"combiner": {}}'), false, 'others have none, whatever a report says');
select is(ls.has_combiner(pg_temp.weights('{"ranker": "\u0000", "combiner": "{}"}'), '{}'), true, 'what cannot be read may have one');
select is((ls.has_combiner('w', '{}'), ls.has_combiner('more than eight', '{}'), ls.has_combiner(null, '{"combiner": null}'), ls.has_combiner(null, '{"combiner": {}}')),
    (false, false, false, true), 'and of weights at home the report says it');
select fixture.worker('c'), fixture.worker('d');
select ls.worker_connected(2, 'test', 'of before', 4, '{train,evaluate}'), ls.worker_connected(3, 'test', 'of now', 4, '{train,evaluate}', p_combines_signals => true),
    ls.worker_connected(4, 'test', 'of before', 4, '{train,evaluate}');
select results_eq('select name, combines_signals from ls.worker_status where worker_id in (2, 3) order by 1', $$ values ('b', false), ('c', true) $$, 'people see who combines');
select fixture.feature_set('math/geometry', 'test');
select ls.add_version('math/geometry.listwise', sha256(w), w) from pg_temp.weights('{"combiner": "{}"}') w;
select fixture.version('math/geometry.listwise', 'bare');
select is(pg_temp.measured_by(2), 'math/geometry.listwise@2 code.listwise@1', 'a worker of before measures what has no combiner, and leaves what has');
select is(pg_temp.measured_by(2), null, 'also when nothing else waits');
select is((select array_agg(p.worker_id) from ls.task t, ls.able_workers(t.task_id, 0) p where t.state = 'waiting' and t.kind = 'evaluate'), '{3}'::bigint[],
    'so it is none that others could wait for');
select is(pg_temp.measured_by(3), 'math/geometry.listwise@1', 'a newer one measures it');
-- The same at home, where nobody else can.
select fixture.feature_set('math/algebra', 'test');
update ls.ranker set home_worker_id = 2 where name = 'math/algebra.listwise';
select ls.insert_version(1, sha256('kept'), null, '{"combiner": {"queries": 40}}', null, null, null, 2, 'test', 7);
select ls.request_evaluation(fixture.version_id('math/algebra.listwise@1'), array[f.feature_set_id])
from ls.feature_set f where f.digest = sha256('math/algebratest');
update ls.task set home_worker_id = 2 where state = 'waiting';
select is(pg_temp.measured_by(2), null, 'nor does a worker of before measure what it trained when it was newer');
select ls.worker_connected(2, 'test', 'of now', 4, '{train,evaluate}', p_combines_signals => true);
select is(pg_temp.measured_by(2), 'math/algebra.listwise@1', 'once it is newer again, it does');
select * from finish();
rollback;
