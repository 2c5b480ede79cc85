-- What no other test asks for: the refusals of arguments that are plainly wrong, each with its SQLSTATE. That every
-- refusal of every function is asked for somewhere is what PgTapCoverageTests (Swift) counts.
begin;
select plan(34);
select fixture.base_model();
select fixture.feature_set('code', 'train'), fixture.feature_set('code', 'test');
select fixture.ranker('code');
select fixture.worker('w'), fixture.worker('v');

select throws_ok($$ select ls.default_ranker_configuration('tiny', 'setwise') $$, 'LS001', 'cannot configure a ranker: found kind ''setwise'', expected listwise or pointwise', 'a kind nobody knows');
select throws_ok($$ select ls.default_ranker_configuration('tiny', null) $$, 'LS001', null, 'no kind');
select throws_ok($$ select ls.default_ranker_configuration('nano', 'listwise') $$, 'LS010', 'cannot use base model ''nano'': it is not registered', 'an unknown base model');
select throws_ok($$ select ls.default_training_configuration('setwise') $$, 'LS001', 'cannot configure a training: found kind ''setwise'', expected listwise or pointwise', 'no preset for it');
select * from ls.register_ranker('tiny', 'pointwise', p_domain => 'code');
select results_eq($$ select configuration = ls.default_ranker_configuration('tiny', 'pointwise'), training = ls.default_training_configuration('pointwise')
    from ls.ranker where name = 'code.pointwise' $$, $$ values (true, true) $$, 'a ranker registered without configurations has the presets');
select throws_ok($$ select ls.register_ranker('tiny', 'setwise') $$, 'LS001', 'cannot register a ranker: found kind ''setwise'', expected listwise or pointwise', 'no ranker of it');
select throws_ok($$ select ls.register_ranker('tiny', 'listwise', p_user => '') $$, 'LS001', 'cannot register ranker ''~-d41d8cd9.listwise'': a user name has 1 to 200 characters', 'a user without a name');
select throws_ok($$ select ls.register_ranker('tiny', 'listwise', '[]') $$, 'LS001', 'cannot register ranker ''global.listwise'': both configurations must be JSON objects', 'a list is no configuration');
select throws_ok($$ select ls.register_ranker('tiny', 'listwise', p_training => '7') $$, 'LS001', null, 'nor is a number');

select throws_ok($$ select ls.drop_feature_set(99, 'space') $$, 'LS014', 'cannot drop feature set 99: no set has this id', 'an unknown set is not dropped');
select throws_ok($$ select ls.finish_feature_set(99) $$, 'LS014', 'cannot finish feature set 99: no set has this id', 'nor finished');
select throws_ok($$ select ls.revoke_worker('stranger', 'why') $$, 'LS016', 'cannot revoke worker ''stranger'': no worker has this name', 'a worker nobody knows');
select throws_ok($$ select ls.record_certificate(99, 'a', now(), now() + interval '1 hour') $$, 'LS016', 'cannot serve worker 99: no worker has this id', 'nor certified');
select throws_ok($$ select ls.redeem_join_token('id', 'secret', 'short') $$, 'LS001', 'cannot join: expected the SHA-256 of the worker''s key', 'a key that is no digest');

select fixture.version('code.listwise', 'a');
select throws_ok($$ select ls.request_evaluation(1, p_configuration => '[]') $$, 'LS001', 'cannot evaluate version 1: the configuration must be a JSON object', 'a list is no evaluation');
select ls.register_domain('poetry');
select ls.add_version(fixture.ranker('poetry'), sha256('p'), 'p');
select throws_ok($$ select ls.request_evaluation(2) $$, 'LS014', 'cannot evaluate ranker ''poetry.listwise'': there is no test feature set of domain ''poetry''', 'nothing to measure on');
select throws_ok($$ select ls.request_training('poetry.listwise') $$, 'LS014', 'cannot train ranker ''poetry.listwise'': there is no train feature set of domain ''poetry''', 'nothing to train on');
select ls.register_base_model('wide', 8);
select ls.add_version((select name from ls.register_ranker('wide', 'listwise')), sha256('q'), 'q');
select throws_ok($$ select ls.request_training('code.listwise', p_initial_version_id => 3) $$, 'LS004', 'cannot train ranker ''code.listwise'' from version 3: it is of another base model', 'weights of another width are no start');
select throws_ok($$ select ls.request_training('code.listwise', p_initial_version_id => 99) $$, 'LS013', 'cannot use version 99: no version has this id', 'nor are unknown ones');

-- Weights for a task that asks for figures, and an attempt in other hands.
create temporary table lease as select * from ls.lease_tasks(1, '{evaluate}', 1, 60);
select throws_ok($$ select ls.complete_training(1, token, sha256('x'), 'x', '{}') from lease $$, 'LS001', 'cannot take weights for task 1: it is an evaluate task', 'weights are no figures');
select throws_ok($$ update ls.attempt set worker_id = 2 $$, 'LS021', 'cannot hand attempt 1 of task 1 to somebody else: a new attempt is needed', 'an attempt stays with its worker');
select throws_ok($$ update ls.attempt set token = gen_random_uuid() $$, 'LS021', null, 'under its token');
select throws_ok($$ insert into ls.task (kind, state, ranker_id, configuration, request_key, requested_by) values ('train', 'leased', 1, '{}', 'k', 'me') $$,
    'LS021', 'cannot create a task as leased: a new task is waiting or blocked', 'a task begins waiting');

-- What used to reach a constraint of a table.
select throws_ok($$ select ls.register_base_model('half', 4, p_layer_fraction => 1.5) $$, 'LS001', 'cannot register base model ''half'': found layer fraction 1.5, expected 0 to 1', 'a fraction is at most 1');
select throws_ok($$ select ls.register_base_model('half', 4, p_layer_fraction => 'NaN') $$, 'LS001', 'cannot register base model ''half'': found layer fraction NaN, expected 0 to 1', 'and a number');
select throws_ok($$ select ls.begin_feature_set(sha256('n'), null, 'tiny', 'code', null, null, null, 4, null, null) $$, 'LS001',
    'cannot import a feature set of ''code'': found split ''null'', label kind ''null'', null queries, null responses, null bytes', 'a feature set of nothing');
select throws_ok($$ select ls.request_sweep('code.listwise', p_name => '') $$, 'LS001', 'cannot sweep ranker ''code.listwise'': a sweep''s name has 1 to 200 characters', 'a sweep without a name');
select throws_ok($$ select ls.set_alias(1, 'challenger', 'why', p_is_rollback => null) $$, 'LS001', 'cannot move alias ''challenger'': found null, expected whether it is a rollback', 'an alias moves forward or back');
select throws_ok($$ select ls.worker_connected(1, null, null, null, null) $$, 'LS001',
    'cannot serve worker 1: found coordinator null, version null, capacity null and kinds of tasks null, expected all four', 'a worker says what it can do');
select throws_ok($$ select ls.worker_connected(1, 'c', '1', 1, '{train}', p_instance => repeat('x', 65)) $$, 'LS001',
    'cannot serve worker 1: found a process of 65 bytes at a place of 0, expected at most 64 each', 'briefly which process it is');
select throws_ok($$ select ls.worker_connected(1, 'c', '1', 1, '{train}', p_place => repeat('x', 65)) $$, 'LS001', null, 'and where');
select throws_ok($$ select ls.record_certificate(1, 'aa', '2026-01-02Z', '2026-01-01Z') $$, 'LS001', null, 'a certificate ends after it begins');
select throws_ok($$ select ls.record_certificate(1, null, null, null) $$, 'LS001',
    'cannot record a certificate of worker 1: found serial null from null to null, expected a serial and an end after the beginning', 'and has a serial');
select results_eq($$ select task_id from ls.task_progress('{{99},{1}}') $$, $$ values (1::bigint) $$, 'ids in a table are ids');
select * from finish();
rollback;
