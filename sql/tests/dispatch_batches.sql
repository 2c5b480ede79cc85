-- ls.waiting_tasks, lease_tasks_for_workers, renew_leases_for_workers: what one call does for one worker,
-- one call does for many, upcoming_features: what they may fetch meanwhile; a revoked worker spoils nothing for the others.
begin;
select plan(29);
select fixture.base_model();
select fixture.feature_set(d, 'train') from unnest(array['math/algebra', 'code']) d;
select fixture.ranker(d) from unnest(array['math/algebra', 'code']) d;
select fixture.worker('a'), fixture.worker('b'), fixture.worker('c');
select ls.worker_connected(w, 'test', 'test', 4, '{train,evaluate}') from generate_series(1, 3) w;

select is_empty($$ select * from ls.waiting_tasks('{train,evaluate}', 9) $$, 'nothing waits');
select ls.request_training('code.listwise', p_seed => s) from generate_series(1, 3) s;
select ls.request_training('math/algebra.listwise', p_seed => 4);
select results_eq($$ select kind, task_count from ls.waiting_tasks('{train,evaluate}', 9) $$, $$ values ('train', 4) $$, 'what waits is counted by kind');
select results_eq($$ select task_count from ls.waiting_tasks('{train,evaluate}', 2) $$, $$ values (2) $$, 'as far as asked');
select is((select digests @> array[sha256('codetrain'), sha256('math/algebratrain')] and cardinality(digests) = 2 from ls.waiting_tasks('{train}', 9)),
    true, 'the features it needs are named once each');
select is_empty($$ select * from ls.waiting_tasks('{evaluate}', 9) $$, 'only of the kinds asked for');
select is_empty($$ select * from ls.waiting_tasks('{train}', 0) $$, 'no places, nothing to count');
select throws_ok($$ select * from ls.waiting_tasks('{train}', -1) $$, 'LS001', null, 'a limit is not negative');
select results_eq($$ select name, domain, byte_count from ls.upcoming_features('{train}', 9) $$,
    $$ values ('code train', 'code', 9::bigint), ('math/algebra train', 'math/algebra', 17) $$, 'what the next tasks need, first needed first');
select is((select count(*) from ls.upcoming_features('{train}', 1)), 1::bigint, 'as many as asked');
select is_empty($$ select * from ls.upcoming_features('{evaluate}', 9) $$, 'for tasks of the kinds asked for');
select throws_ok($$ select * from ls.upcoming_features('{train}', -1) $$, 'LS001', null, 'a limit of them is not negative either');
update ls.feature_set set home_worker_id = 1 where digest = sha256('codetrain');
select results_eq('select name from ls.upcoming_features(''{train}'', 9)', $$ values ('math/algebra train') $$, 'what is at home with somebody is fetched by nobody');
update ls.feature_set set home_worker_id = null;
update ls.task set run_after = clock_timestamp() + interval '1 minute' where task_id = 1;
select results_eq($$ select task_count from ls.waiting_tasks('{train}', 9) $$, $$ values (3) $$, 'a task before its time does not count');
update ls.task set run_after = clock_timestamp() - interval '1 s' where task_id = 1;

create temporary table lease as select * from ls.lease_tasks_for_workers(
    '{1,2,3}', '{"train,evaluate",evaluate,train}', '{1,1,2}', '{0,0,1}', array[sha256('math/algebratrain')], 60);
select results_eq('select worker_id, count(*) from lease group by worker_id order by worker_id',
    $$ values (1::bigint, 1::bigint), (3, 2) $$, 'each gets no more than asked for, of its own kinds');
select is((select count(distinct task_id) from lease), 3::bigint, 'and nothing is given twice');
select is((select count(*) from lease where worker_id = 3 and features -> 0 ->> 'name' = 'math/algebra train'), 1::bigint,
    'what a worker holds is its own');
select results_eq('select a.worker_id from ls.attempt a join lease l using (token) order by a.worker_id',
    $$ values (1::bigint), (3), (3) $$, 'the attempts are theirs');
select throws_ok($$ select * from ls.lease_tasks_for_workers('{1,2}', '{train}', '{1,1}', '{0,0}', '{}', 60) $$, 'LS001', null, 'lists of one length');
select throws_ok($$ select * from ls.lease_tasks_for_workers('{1}', '{train}', '{1}', '{2}', array[sha256('x')], 60) $$, 'LS001', null, 'as many digests as said');

update ls.worker_presence set seen_at = clock_timestamp() - interval '1 hour';
select ls.cancel_task((select task_id from lease where worker_id = 3 order by task_id limit 1), 'not needed');
select results_eq($$ select r.worker_id, r.answer from ls.renew_leases_for_workers(
        (select array_agg(worker_id order by worker_id, task_id) from lease), (select array_agg(token order by worker_id, task_id) from lease),
        '{0.5,0,0}', '{half,"",""}', '{1,2}', 600) r order by r.worker_id, r.answer $$,
    $$ values (1::bigint, 'held'), (3, 'cancelled'), (3, 'held') $$, 'each hears of its own leases');
select results_eq($$ select progress, note from ls.attempt where worker_id = 1 $$, $$ values (0.5::float8, 'half') $$, 'progress is kept');
select is((select bool_and(leased_until > clock_timestamp() + interval '9 minutes') from ls.attempt where state = 'open'), true, 'held longer');
select results_eq($$ select worker_id from ls.worker_presence where seen_at > clock_timestamp() - interval '1 minute' order by 1 $$,
    $$ values (1::bigint), (2) $$, 'seen: those named, with leases or without');
select results_eq($$ select r.worker_id, r.answer from ls.renew_leases_for_workers(array[2], (select array_agg(token) from lease where worker_id = 1),
        '{0}', '{""}', '{}', 600) r $$, $$ values (2::bigint, 'lost') $$, 'another worker''s token renews nothing');
select throws_ok($$ select * from ls.renew_leases_for_workers('{1}', '{}', '{}', '{}', '{}', 60) $$, 'LS001', null, 'heartbeats: lists of one length');
select throws_ok($$ select * from ls.renew_leases_for_workers('{}', '{}', '{}', '{}', '{}', 0) $$, 'LS001', null, 'a lease lasts a while');

select ls.revoke_worker('a', 'lost device');
select results_eq($$ select r.worker_id, r.token is null, r.answer from ls.renew_leases_for_workers(
        (select array_agg(worker_id order by worker_id, task_id) from lease where task_id <> 3),
        (select array_agg(token order by worker_id, task_id) from lease where task_id <> 3),
        (select array_agg(0.1::float8) from lease where task_id <> 3), (select array_agg(''::text) from lease where task_id <> 3), '{1,3,99}', 60) r
        where r.answer = 'refused' order by 1 $$,
    $$ values (1::bigint, true, 'refused'), (99, true, 'refused') $$, 'who is revoked or unknown is named');
select is((select count(*) from ls.worker_presence where worker_id = 3 and seen_at > clock_timestamp() - interval '1 minute'), 1::bigint, 'the others go on');
select results_eq($$ select worker_id from ls.lease_tasks_for_workers('{1,2,99}', '{train,train,train}', '{9,9,9}', '{0,0,0}', '{}', 60) $$,
    $$ values (2::bigint), (2) $$, 'and get what a revoked worker no longer can');
select * from finish();
rollback;
