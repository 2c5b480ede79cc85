-- ls.request_training, request_evaluation, keep_named: what is asked, from which sets, and only
-- once while open.
begin;
select plan(21);
select fixture.base_model();
select fixture.ranker(d) from unnest(array['math/algebra', 'math', 'code', null]) d;
select throws_ok($$ select ls.request_training('math/algebra.listwise') $$, 'LS014',
    'cannot train ranker ''math/algebra.listwise'': there is no train feature set of domain ''math/algebra''', 'nothing to train on');
select fixture.feature_set(d, s) from unnest(array['math/geometry', 'math/algebra', 'code']) d, unnest(array['train', 'test']) s;
select is(ls.request_training('math/algebra.listwise'), ls.request_training('math/algebra.listwise'), 'asked twice: one task');
select isnt(ls.request_training('math/algebra.listwise', p_seed => 8), ls.request_training('math/algebra.listwise'), 'another seed: another task');
select is((select configuration from ls.task order by task_id desc limit 1), '{"epochs": 1, "seed": 8}', 'the seed is part of the configuration');
create function pg_temp.sets(p_task bigint) returns text language sql as $$
    select string_agg(d.name || ' ' || f.split, ', ' order by ordinal) from ls.task_feature_set
        join ls.feature_set f using (feature_set_id) join ls.domain d using (domain_id) where task_id = p_task $$;
select is(pg_temp.sets(ls.request_training('math.listwise')), 'math/algebra train, math/geometry train', 'a domain trains on everything beneath it');
select is(pg_temp.sets(ls.request_training('global.listwise')), 'code train, math/algebra train, math/geometry train', 'the global ranker on everything');
select is(pg_temp.sets(ls.request_training(fixture.ranker('math', p_user => 'ada'))), 'math/algebra train, math/geometry train',
    'a user without own sets trains on those of nobody');
select fixture.feature_set('math/geometry', 'train', 'ada', p_user => 'ada');
select is((select count(*) from ls.current_feature_sets(1, 'math', 'train', 'ada')), 1::bigint, 'a user with own sets trains on those');
select is((select count(*) from ls.current_feature_sets(1, 'math', 'train', 'bob')), 2::bigint, 'which are nobody else''s');
select throws_ok($$ select ls.request_training('nobody') $$, 'LS012', 'cannot use ranker ''nobody'': it is not registered', 'an unknown ranker');
select throws_ok($$ select ls.request_training('math.listwise', '{99}') $$, 'LS014', null, 'an unknown feature set');
select throws_ok($$ select ls.request_training('math.listwise', '{1,1}') $$, 'LS001', null, 'a set twice');
select ls.register_base_model('other', 4);
select name from ls.register_ranker('other', 'listwise', '{"kind": "listwise", "hidden_size": 4}', '{}', p_name => 'other');
select throws_ok($$ select ls.request_training('other', '{1}') $$, 'LS004', null, 'features of another base model');
select throws_ok($$ select ls.request_evaluation(99) $$, 'LS013', 'cannot use version 99: no version has this id', 'an unknown version');
select throws_ok($$ insert into ls.task (kind, state, ranker_id, configuration, request_key, requested_by) values ('train', 'done', 1, '{}', 'k', 'me') $$,
    'LS021', null, 'a task is born waiting');
select fixture.version('math.listwise', 'w');
select is((select count(*) from ls.task where kind = 'evaluate'), 1::bigint, 'a new version is measured at once');
select is(ls.request_evaluation(1), (select task_id from ls.task where kind = 'evaluate'), 'asked again while open: the same task');
select fixture.evaluate(fixture.worker('e'), 0.5);
select is(ls.request_evaluation(1), null, 'figures that are known are not measured again');
select isnt(ls.request_evaluation(1, p_configuration => '{"candidate_count": 4}'), null, 'another K is another question');
select is((select count(*) from ls.evaluation), 2::bigint, 'one row for each feature set');
-- What is forgotten at this very moment: ForgettingTests, with two sessions.
select throws_ok($$ select ls.keep_named(-1, '{}') $$, 'LS012',
    'cannot use this ranker: its user was forgotten meanwhile', 'a ranker that is gone');
select * from finish();
rollback;
