-- What one worker may read and what it can make grow: blobs of its tasks and of rankers placed on it, features of tasks that its
-- owner allows; of offers that come and go a hundred lines a day.
begin;
select plan(22);
select fixture.base_model();
select fixture.feature_set('code', 'train'), fixture.feature_set('math/algebra', 'train'), fixture.feature_set('code', 'train', 'ada', 3, 'ada');
select fixture.ranker('code'), fixture.ranker('math/algebra');
select fixture.worker('a'), fixture.worker('b');
create function pg_temp.reads(p_worker bigint, p_bytes text) returns boolean language plpgsql as $$ begin
    perform ls.check_blob(p_worker, sha256(p_bytes::bytea)); return true;
exception when sqlstate 'LS014' then return false; end $$;
select throws_ok($$ select ls.check_blob(1, sha256('codetrain')) $$, 'LS014', format('cannot read %s…: no feature set or weights of this digest are stored here for worker ''a''',
    ls.short_digest(sha256('codetrain'))), 'without a task a worker reads nothing');
select throws_ok($$ select ls.check_blob(1, sha256('nothing')) $$, 'LS014', format('cannot read %s…: no feature set or weights of this digest are stored here for worker ''a''',
    ls.short_digest(sha256('nothing'))), 'what is not there reads the same');
select throws_ok($$ select ls.check_blob(1, null) $$, 'LS014', null, 'no digest at all');

-- A lease.
select ls.request_training('code.listwise');
create temporary table lease as select * from ls.lease_tasks(1, '{train}', 1, 60);
select ok(pg_temp.reads(1, 'codetrain'), 'what its task needs it reads');
select ok(not pg_temp.reads(2, 'codetrain'), 'another worker does not');
select ok(not pg_temp.reads(1, 'codetrainada') and not pg_temp.reads(1, 'math/algebratrain'), 'nor it what the task does not need');
select ls.complete_training(1, token, sha256('w1'), 'w1', '{}') from lease;
select ok(not pg_temp.reads(1, 'codetrain'), 'nor anything of it afterwards');
select ok(not pg_temp.reads(1, 'w1'), 'not even the weights it made: it had them');
select ls.request_evaluation(1, array[1]::bigint[], '{"candidate_count": 2, "groups_per_query": 2, "seed": 1}');
select ls.lease_tasks(2, '{evaluate}', 1, 60);
select ok(pg_temp.reads(2, 'w1') and pg_temp.reads(2, 'codetrain'), 'who measures a version reads its weights, and what it is measured on');
select ls.request_training('code.listwise', p_seed => 2, p_initial_version_id => 1);
select ls.lease_tasks(1, '{train}', 1, 60);
select ok(pg_temp.reads(1, 'w1'), 'who goes on from a version reads its weights');
select ls.release_leases(1), ls.release_leases(2);
select ok(not pg_temp.reads(1, 'w1') and not pg_temp.reads(2, 'w1'), 'a lease that is over gives nothing');

-- A ranker that is placed.
select ls.place_ranker('code.listwise', 'b', 'near ada');
select ok(pg_temp.reads(2, 'w1') and not pg_temp.reads(1, 'w1'), 'who serves a ranker reads its weights');
select ok(not pg_temp.reads(2, 'codetrain'), 'and not what it learned from');
select ls.unplace_ranker('code.listwise', 'test');
select ok(not pg_temp.reads(2, 'w1'), 'as long as it serves it');

-- What is told ahead.
update ls.task set state = 'leased' where state = 'waiting';
select ls.request_training('code.listwise', p_seed => 3), ls.request_training('math/algebra.listwise', p_seed => 3);
select results_eq($$ select name from ls.upcoming_features('{train}', 9) $$, $$ values ('code train'), ('math/algebra train') $$, 'whoever may do anything hears of anything');
select results_eq($$ select name from ls.upcoming_features('{train}', 9, '{math/*}') $$, $$ values ('math/algebra train') $$, 'whoever does math hears of nothing else');
select results_eq($$ select name from ls.upcoming_features('{train}', 9, null, 9) $$, $$ values ('code train') $$, 'nor whoever takes small ones of larger ones');
select is_empty($$ select name from ls.upcoming_features('{train}', 9, '{math/*}', 9) $$, 'or of both');

-- Offers that come and go.
create function pg_temp.offer(p_count integer) returns bigint language sql as $$
    select count(*) from ls.offer_local_data(2, coalesce((select jsonb_agg(jsonb_build_object('digest', encode(sha256(('local' || i)::bytea), 'hex'), 'byte_count', 9,
        'base_model', 'tiny', 'domain', 'code', 'split', 'train', 'label_kind', 'binary', 'hidden_size', 4, 'query_count', 1, 'response_count', 2))
        from generate_series(1, p_count) i), '[]')) $$;
do $$ begin for i in 1 .. 10 loop perform pg_temp.offer(50), pg_temp.offer(0); end loop; end $$;
select results_eq($$ select action, count(*) from ls.audit_entry where actor = 'worker b' and action like '%feature set' group by action order by action $$,
    $$ values ('lose feature set', 101::bigint), ('offer feature set', 101) $$, 'ten rounds of fifty sets: a hundred lines of each, and one that says so');
select results_eq($$ select action, count from ls.frequent_event where actor = 'worker b' order by action $$,
    $$ values ('lose feature set', 500::bigint), ('offer feature set', 500) $$, 'all of it is counted');
select is((select count(*) from ls.feature_set where home_worker_id = 2), 50::bigint, 'fifty sets are fifty rows');
select is((select count(*) from ls.event_day where actor = 'worker b'), 2::bigint, 'and two of counts');
select * from finish();
rollback;
