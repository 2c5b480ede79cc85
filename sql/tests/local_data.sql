-- ls.offer_local_data, lose_home, task_home, task_suits and edge-only rankers: what is at home with a worker is work
-- for that worker alone, and no byte of it is ever asked for here.
begin;
select plan(75);
select fixture.base_model();
select fixture.feature_set('code', 'train'), fixture.feature_set('code', 'test');
select fixture.worker('a'), fixture.worker('b'), fixture.worker('c');
update ls.worker set labels = '{"user": "ada,bob"}' where name in ('a', 'b');
select ls.worker_connected(w, 'test', 'test', 4, '{train,evaluate}') from generate_series(1, 2) w;
create function pg_temp.local(p_name text, p_domain text, p_split text, p_user text default null, p_extra jsonb default '{}')
returns jsonb language sql as $$
    select jsonb_build_object('digest', encode(sha256(convert_to(p_name, 'UTF8')), 'hex'), 'byte_count', 1000, 'base_model', 'tiny', 'domain', p_domain,
        'split', p_split, 'user', p_user, 'label_kind', 'binary', 'hidden_size', 4, 'query_count', 400, 'response_count', 1600) || p_extra;
$$;
create function pg_temp.id(p_name text) returns bigint language sql as
    'select feature_set_id from ls.feature_set where digest = sha256(convert_to(p_name, ''UTF8''))';

-- An offer.
select is_empty($$ select * from ls.offer_local_data(1, jsonb_build_array(pg_temp.local('t', 'math/algebra', 'train', 'ada'),
    pg_temp.local('e', 'math/algebra', 'test', 'ada'), pg_temp.local('n', 'code', 'train'))) $$, 'three sets, none refused');
select results_eq($$ select domain, split, user_name, home, is_current, imported_by from ls.feature_set_status where home is not null order by 1, 2 desc $$,
    $$ values ('code', 'train', null, 'a', true, 'worker a'), ('math/algebra', 'train', 'ada', 'a', true, 'worker a'), ('math/algebra', 'test', 'ada', 'a', true, 'worker a') $$,
    'the status shows whose they are and where');
select is((select count(*) from ls.feature_chunk where feature_set_id = pg_temp.id('t')), 0::bigint, 'no byte of it is here');
select throws_ok($$ select ls.read_blob(sha256('t'), 0) $$, 'LS014', null, 'and none is given out');
select is((select count(*) from ls.audit_entry where action = 'offer feature set' and actor = 'worker a'), 3::bigint, 'the audit log has the offer');
select is_empty($$ select * from ls.offer_local_data(1, jsonb_build_array(pg_temp.local('t', 'math/algebra', 'train', 'ada'),
    pg_temp.local('e', 'math/algebra', 'test', 'ada'), pg_temp.local('n', 'code', 'train'))) $$, 'twice is harmless');
select is((select count(*) from ls.audit_entry where action = 'offer feature set'), 3::bigint, 'and changes nothing');

-- What is refused keeps nothing else out.
select results_eq($$ select message from ls.offer_local_data(2, jsonb_build_array(
        pg_temp.local('b1', 'code', 'train', 'eve'), pg_temp.local('b2', 'nowhere', 'train'), pg_temp.local('b3', 'code', 'train', p_extra => '{"hidden_size": 5}'),
        pg_temp.local('b4', 'code', 'train', p_extra => '{"digest": "x"}'), pg_temp.local('b5', 'code', 'train', p_extra => '{"byte_count": "many"}'),
        pg_temp.local('t', 'math/algebra', 'train', 'ada'), pg_temp.local('t', 'math/algebra', 'test', 'ada'), pg_temp.local('codetrain', 'code', 'train'),
        pg_temp.local('b6', 'code', 'train', 'bob'))) $$,
    $$ values ('cannot take data of user ''eve'' from worker ''b'': its label ''user'' does not name them'),
        ('cannot use domain ''nowhere'': it is not registered'), ('cannot import features of ''tiny'': found hidden size 5, expected 4'),
        ('cannot take a local feature set: expected its SHA-256 as 64 hexadecimal digits'), ('invalid input syntax for type bigint: "many"'),
        (format('cannot take feature set %s… from worker ''b'': it is at home with worker ''a''', ls.short_digest(sha256('t')))),
        (format('cannot take feature set %s… as ''math/algebra'' test: the same bytes are known as another set', ls.short_digest(sha256('t')))) $$,
    'each refusal says why');
select results_eq($$ select home, user_name from ls.feature_set_status where home = 'b' $$, $$ values ('b', 'bob') $$, 'the last one is taken');
select is((select home_worker_id from ls.feature_set where digest = sha256('codetrain')), null, 'bytes that are here stay here');
select throws_ok($$ select ls.offer_local_data(1, '{}') $$, 'LS001', null, 'an offer is a list');
select throws_ok($$ select ls.offer_local_data(99, '[]') $$, 'LS016', null, 'of a worker that is known');
select throws_ok($$ select ls.drop_feature_set(pg_temp.id('t'), 'x') $$, 'LS021', format('cannot drop feature set %s: it is at home with worker ''a''', pg_temp.id('t')), 'nobody drops it from here');

-- Work on it is for its worker.
select fixture.ranker('math/algebra', p_user => 'ada'), fixture.ranker('code');
create temporary table task as select ls.request_training((select name from ls.ranker where user_name = 'ada')) as id;
select results_eq('select home, feature_sets from ls.task_queue', $$ values ('a', 'math/algebra train') $$, 'a user''s own ranker learns from the user''s sets at home');
select is((select note from ls.task_progress()), 'waits for worker a, its home', 'and says whom it waits for');
select is_empty($$ select * from ls.lease_tasks(2, '{train}', 9, 60) $$, 'another worker does not get it');
select results_eq($$ select kind, task_count, home_worker_id from ls.waiting_tasks('{train}', 9, '{1,2}') $$, $$ values ('train', 1, 1::bigint) $$, 'it is counted for its home alone');
select is_empty($$ select * from ls.waiting_tasks('{train}', 9, '{2}') $$, 'and for nobody else');
create temporary table lease as select * from ls.lease_tasks(1, '{train}', 9, 60);
select is((select count(*) from lease), 1::bigint, 'its home gets it');
select is((select weights_stay from lease), false, 'the weights of an ordinary ranker are handed in');
select is((select counted from lease l, ls.complete_training(1, l.token, sha256('w'), 'w', '{}')), true, 'its result counts');
select results_eq($$ select home, kind from ls.task_queue where state = 'waiting' $$, $$ values ('a', 'evaluate') $$, 'it is measured at home, too');
select is(fixture.evaluate(1, 0.6), true, 'the figures count');
select is((select accuracy_percent from ls.ranker_status where user_name = 'ada'), 60.00, 'and are those of its own test set');
select is((select reason from ls.route('tiny', 'ada', 'math/algebra')), 'user+domain', 'it serves');
select ls.request_training('code.listwise');
select results_eq($$ select home from ls.task_queue where kind = 'train' $$, $$ values (null::text) $$, 'what is of nobody and at home is not taken unasked');
select ls.request_training('code.listwise', array[pg_temp.id('n')]);
select is((select home from ls.task_queue where kind = 'train' order by task_id desc limit 1), 'a', 'but when it is named');
select throws_ok($$ select ls.request_training('code.listwise', array[pg_temp.id('n'), pg_temp.id('b6')]) $$, 'LS001',
    'cannot make one task of what is at home with workers ''a'' and ''b'': one worker does the whole', 'two homes do not meet in a task');

-- Removed, back again, another home.
select is_empty($$ select * from ls.offer_local_data(1, jsonb_build_array(pg_temp.local('t', 'math/algebra', 'train', 'ada'),
    pg_temp.local('e', 'math/algebra', 'test', 'ada'))) $$, 'a file is removed');
select results_eq($$ select state, ended_because from ls.task where home_worker_id = 1 and kind = 'train' order by task_id desc limit 1 $$,
    $$ values ('cancelled', 'worker ''a'' no longer has it') $$, 'what needed it is cancelled, and says why');
select throws_ok($$ select ls.request_training('code.listwise', array[pg_temp.id('n')]) $$, 'LS014', null, 'nothing more is asked of it');
select is_empty($$ select * from ls.offer_local_data(1, jsonb_build_array(pg_temp.local('t', 'math/algebra', 'train', 'ada'),
    pg_temp.local('e', 'math/algebra', 'test', 'ada'), pg_temp.local('n', 'code', 'train'))) $$, 'it is there again');
select isnt((select ready_at from ls.feature_set where feature_set_id = pg_temp.id('n')), null, 'and can be used again');
select ls.request_training('code.listwise', array[pg_temp.id('n')], 9);
select ls.worker_disconnected(1, (select connection from ls.worker_presence where worker_id = 1));
select results_eq($$ select message from ls.offer_local_data(2, jsonb_build_array(pg_temp.local('n', 'code', 'train'), pg_temp.local('b6', 'code', 'train', 'bob'))) $$,
    array[format('cannot take feature set %s… from worker ''b'': it is at home with worker ''a''', ls.short_digest(sha256('n')))], 'who names the digest of what is at home with one that is away does not get it');
select is((select home from ls.task_queue where kind = 'train' order by task_id desc limit 1), 'a', 'nor what waits there');
select ls.offer_local_data(1, jsonb_build_array(pg_temp.local('t', 'math/algebra', 'train', 'ada'), pg_temp.local('e', 'math/algebra', 'test', 'ada')));
select is_empty($$ select * from ls.offer_local_data(2, jsonb_build_array(pg_temp.local('n', 'code', 'train'), pg_temp.local('b6', 'code', 'train', 'bob'))) $$, 'what its home no longer has another may have');
select is((select w.name from ls.feature_set f join ls.worker w on w.worker_id = f.home_worker_id where f.digest = sha256('n')), 'b', 'and is its home then');
select results_eq($$ select already_stored from ls.begin_feature_set(sha256('n'), 1000, 'tiny', 'code', 'train', null, 'binary', 4, 2, 8) $$, $$ values (false) $$, 'an import brings the bytes here');
select is((select home_worker_id from ls.feature_set where digest = sha256('n')), null, 'from then on they are here');

-- What an owner allows.
update ls.task set state = 'cancelled', ended_at = now(), ended_because = 'test' where state = 'waiting';
select ls.worker_connected(2, 'test', 'test', 4, '{train,evaluate}', '{math/*}', 100);
select ls.request_training('code.listwise');
select is_empty($$ select * from ls.lease_tasks(2, '{train}', 9, 60) $$, 'a task of another domain is not offered');
select is_empty($$ select * from ls.lease_tasks(2, '{train}', 9, 60, array[sha256('codetrain')]) $$, 'whatever it holds');
select ls.worker_connected(2, 'test', 'test', 4, '{train,evaluate}', '{code}', 8);
select is_empty($$ select * from ls.lease_tasks(2, '{train}', 9, 60) $$, 'nor a larger one');
select ls.worker_connected(2, 'test', 'test', 4, '{train,evaluate}', '{math/*,code}', 9);
select is((select count(*) from ls.lease_tasks(2, '{train}', 9, 60)), 1::bigint, 'one that fits is');
select results_eq($$ select domains, task_byte_count_max from ls.worker_status where name = 'b' $$, $$ values ('{math/*,code}'::text[], 9::bigint) $$, 'the status shows what it allows');

-- Edge-only rankers.
select throws_ok($$ select ls.register_ranker('tiny', 'listwise', p_domain => 'code', p_name => 'x', p_home => 'nobody') $$, 'LS016', null, 'a home is a worker');
select lives_ok($$ select ls.register_ranker('tiny', 'listwise', '{"kind": "listwise", "hidden_size": 4}', '{}', 'bob', 'code', 'mine', 'c') $$, 'a ranker whose weights stay with worker c');
select throws_ok($$ select ls.register_ranker('tiny', 'listwise', '{"kind": "listwise", "hidden_size": 4}', '{}', 'bob', 'code', 'mine') $$, 'LS020',
    'cannot register ranker ''mine'': a ranker of this name exists with other home', 'its home does not move');
select throws_ok($$ select fixture.version('mine', 'w') $$, 'LS001', 'cannot add a version of ranker ''mine'': its weights are made by worker ''c'' and stay there', 'nobody brings weights in');
select ls.request_training('mine', array[(select feature_set_id from ls.feature_set where digest = sha256('codetrain'))]);
truncate lease;
insert into lease select * from ls.lease_tasks(3, '{train}', 9, 60);
select is((select weights_stay from lease), true, 'its home is told that the weights stay');
select throws_ok($$ select * from lease l, ls.complete_training(3, l.token, sha256('m'), 'm', '{}') $$, 'LS001', null, 'weights that come are refused');
select throws_ok($$ select * from lease l, ls.complete_training(3, l.token, sha256('m'), null, '{}') $$, 'LS001', null, 'so is a digest without a size');
select is((select counted from lease l, ls.complete_training(3, l.token, sha256('m'), null, '{"loss": 1}', 77)), true, 'digest and size are the version');
select results_eq($$ select byte_count, home, lost_at from ls.version_lineage where ranker = 'mine' $$, $$ values (77::bigint, 'c', null::timestamptz) $$, 'the lineage says where it is');
select throws_ok($$ select ls.read_blob(sha256('m'), 0) $$, 'LS014', null, 'there is nothing to read here');
select throws_ok($$ select ls.read_weights(sha256('m')) $$, 'LS014', null, 'nor whole');
select ls.request_evaluation((select max(version_id) from ls.ranker_version), array[(select feature_set_id from ls.feature_set where digest = sha256('codetest'))]);
select is(fixture.evaluate(3, 0.7), true, 'its home measures it');
select results_eq($$ select champion, accuracy_percent from ls.ranker_status where name = 'mine' $$, $$ values (1, 70.00) $$, 'and the gate makes it champion');
select is((select worker from ls.route('tiny', 'bob', 'code')), 'c', 'a request of its user is for its home');
select is((select ls.broken_rules(true) limit 1), null, 'no rule is broken by weights that are elsewhere');

insert into ls.feature_set (base_model_id, domain_id, split, digest, byte_count, label_kind, query_count, response_count, imported_by, home_worker_id)
select 1, 1, 'train', sha256(convert_to('many' || i, 'UTF8')), 1, 'binary', 1, 1, 'x', 3 from generate_series(1, 10000) i;
select results_eq($$ select message from ls.offer_local_data(3, jsonb_build_array(pg_temp.local('one more', 'code', 'train')), array[sha256('m')]) $$,
    $$ values (format('cannot take feature set %s… from worker ''c'': found 10000 sets of it already', ls.short_digest(sha256('one more')))) $$, 'nobody fills the table with names');
delete from ls.feature_set where imported_by = 'x';

-- Lost and found.
select ls.offer_local_data(3, '[]', array[sha256('m')]);
select is((select lost_because from ls.ranker_status where name = 'mine'), null, 'a worker that says it has them');
select ls.offer_local_data(3, '[]');
select is((select lost_because from ls.ranker_status where name = 'mine'), 'worker ''c'' no longer has it', 'one that does not: the ranker is lost');
select is((select action || ' ' || subject from ls.audit_entry limit 1), 'lose weights mine@1', 'the audit log has it');
select results_eq('select name, home, lost_because from ls.lost_ranker', $$ values ('mine', 'c', 'worker ''c'' no longer has it') $$, 'and the list of the lost');
select ls.offer_local_data(3, '[]', array[sha256('m')]);
select is((select lost_because from ls.ranker_status where name = 'mine'), null, 'found again');
select is_empty('select * from ls.lost_ranker', 'and on the list no more');
select ls.request_training('mine', array[(select feature_set_id from ls.feature_set where digest = sha256('codetrain'))], 5);
select ls.revoke_worker('c', 'stolen');
select is((select lost_because from ls.ranker_status where name = 'mine'), 'worker ''c'' was revoked', 'with its worker the ranker goes');
select is((select count(*) from ls.task_queue where home = 'c'), 0::bigint, 'and all that only it could do');
select throws_ok($$ select ls.request_training('mine', array[(select feature_set_id from ls.feature_set where digest = sha256('codetrain'))], 6) $$, 'LS021', null, 'nothing more is asked of it');

-- Labels.
select ls.set_certificate_authority('-----BEGIN CERTIFICATE-----', sha256('ca'));
create temporary table token as select ls.create_join_token('d', p_labels => '{"user": "ada", "rack": "b 2"}') as text;
select is((select reason from ls.audit_entry limit 1), 'for worker d, rack=b 2, user=ada', 'the audit log has the labels of an invitation');
select worker_name from token, ls.redeem_join_token(split_part(split_part(text, '::', 2), '.', 1), split_part(text, '.', 2), sha256('d'));
select is((select labels from ls.worker_status where name = 'd'), '{"user": "ada", "rack": "b 2"}', 'they become the worker''s');
select throws_ok(format('select ls.create_join_token(p_labels => %L)', l), 'LS001', null, 'labels are words and texts: ' || l)
from unnest(array['[]', '{"User": "a"}', '{"user": 1}', '{"user": ""}']) l;
select * from finish();
rollback;
