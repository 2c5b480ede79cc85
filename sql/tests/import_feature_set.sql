-- ls.begin_feature_set, finish_feature_set, drop_feature_set, read_blob: only whole, right bytes become ready.
begin;
select plan(25);
select fixture.base_model();
select is(fixture.feature_set('math/algebra', 'train'), 1::bigint, 'a set is imported');
select results_eq($$ select feature_set_id, already_stored from ls.begin_feature_set(sha256('math/algebratrain'), 17, 'tiny', 'math/algebra', 'train',
    null, 'binary', 4, 3, 12) $$, $$ values (1::bigint, true) $$, 'the same bytes again are the same set');
select throws_ok($$ select ls.begin_feature_set(sha256('math/algebratrain'), 17, 'tiny', 'math/geometry', 'train', null, 'binary', 4, 3, 12) $$,
    'LS020', null, 'the same bytes are not two domains');
select throws_ok($$ select ls.begin_feature_set(sha256('x'), 1, 'tiny', 'math/algebra', 'train', null, 'binary', 5, 1, 1) $$,
    'LS004', 'cannot import features of ''tiny'': found hidden size 5, expected 4', 'another width is refused');
select throws_ok($$ select ls.begin_feature_set(sha256('x'), 1, 'tiny', 'poetry', 'train', null, 'binary', 4, 1, 1) $$,
    'LS011', 'cannot use domain ''poetry'': it is not registered', 'an unknown domain is refused');
select throws_ok($$ select ls.begin_feature_set(sha256('x'), 1, 'nano', 'math', 'train', null, 'binary', 4, 1, 1) $$, 'LS010', null, 'an unknown base model is refused');
select throws_ok($$ select ls.begin_feature_set(sha256('x'), 1, 'tiny', 'math', 'dev', null, 'binary', 4, 1, 1) $$, 'LS001', null, 'an unknown split is refused');

select ls.begin_feature_set(sha256('abc'), 3, 'tiny', 'code', 'train', null, 'binary', 4, 2, 4);
select fixture.ranker('code');
create temporary table set_id as select max(feature_set_id) as id from ls.feature_set;
select throws_ok('select ls.finish_feature_set(id) from set_id', 'LS002', 'cannot finish feature set ba7816bf8f01…: found 0 bytes in 0 chunks, expected 3 bytes in chunks of 1 MiB', 'no bytes, not ready');
insert into ls.feature_chunk select id, 0, 'abd' from set_id;
select throws_like('select ls.finish_feature_set(id) from set_id', '%the stored bytes have SHA-256%', 'other bytes than the digest says: not ready');
update ls.feature_chunk set bytes = 'abc' where bytes = 'abd';
select throws_like('select ls.finish_feature_set(id) from set_id', '%found 0 queries with 0 responses, expected 2 with 4%', 'no queries, not ready');
insert into ls.query select id, 0, 'a', null, 0, 2, 1 from set_id union all select id, 1, 'b', null, 1, 2, 1 from set_id;
select throws_ok('select ls.finish_feature_set(id) from set_id', 'LS002', null, 'queries that overlap: not ready');
select throws_ok('select ls.request_training(fixture.ranker(''code''), array[id]) from set_id', 'LS014', null, 'nobody trains on a set that is not ready');
update ls.query set first_row = 2 where query_id = 'b';
select lives_ok('select ls.finish_feature_set(id) from set_id', 'whole and right: ready');
select lives_ok('select ls.finish_feature_set(id) from set_id', 'finished twice: once');

select results_eq($$ select * from ls.read_blob(sha256('abc'), 1, 1) $$, $$ values ('b'::bytea, 3::bigint) $$, 'a piece of it');
select results_eq($$ select * from ls.read_blob(sha256('abc'), 3) $$, $$ values (''::bytea, 3::bigint) $$, 'nothing after the end');
select throws_ok($$ select * from ls.read_blob(sha256('abc'), 4) $$, 'LS001', null, 'beyond the end is refused');
select throws_ok($$ select * from ls.read_blob(sha256('nothing'), 0) $$, 'LS014', null, 'an unknown digest is refused');

select fixture.feature_set('code', 'train', 'newer');
select is((select array_agg(is_current order by feature_set_id) from ls.feature_set_status where domain = 'code'), '{f,t}', 'the newest set is the current one');
select ls.request_training('code.listwise', array[(select id from set_id)]);
select throws_ok('select ls.drop_feature_set(id, ''space'') from set_id', 'LS021', null, 'a set that an open task needs is not dropped');
select ls.cancel_task(max(task_id), 'test') from ls.task;
select lives_ok('select ls.drop_feature_set(id, ''space'') from set_id', 'a set that nobody needs is dropped');
select throws_ok($$ select * from ls.read_blob(sha256('abc'), 0) $$, 'LS014', null, 'and its bytes are gone');
select results_eq($$ select already_stored from ls.begin_feature_set(sha256('abc'), 3, 'tiny', 'code', 'train', null, 'binary', 4, 2, 4) $$,
    $$ values (false) $$, 'its bytes may come again');
select results_eq(
    $$ select * from ls.unregistered('{tiny,nano}', '{math,poetry,math/algebra,poetry}') $$,
    $$ values ('base model', 'nano'), ('domain', 'poetry') $$,
    'what an import would miss, each once');
select is_empty($$ select * from ls.unregistered('{}', null) $$, 'of nothing nothing is missing');
select * from finish();
rollback;
