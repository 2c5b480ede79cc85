-- ls.forget_user: everything that came from a user goes, everything else stays.
begin;
select plan(38);
select fixture.base_model();
select fixture.worker('a');
select fixture.feature_set('code', s) from unnest(array['train', 'test']) s;
select fixture.feature_set('code', s, 'ada', p_user => 'ada') from unnest(array['train', 'test']) s;
select fixture.feature_set('code', 'train', 'ben', p_user => 'ben');
select fixture.ranker('code');
select fixture.ranker('code', p_user => 'ada'), fixture.ranker('code', p_user => 'ben');
-- The shared ranker: version 1 of shared features, 2 of ada's, 3 from 2; champion 3. Version 4 of shared features again.
select ls.request_training('code.listwise');
select fixture.train(1, 'clean 1');
select fixture.evaluate(1, 0.5);
select ls.request_training('code.listwise', array[3]);
select fixture.train(1, 'of ada 2');
select fixture.evaluate(1, 0.6);
select ls.request_training('code.listwise', array[1], p_initial_version_id => 2);
select fixture.train(1, 'of ada 3');
select fixture.evaluate(1, 0.7);
select ls.set_alias(2, 'challenger', 'try');
select ls.request_training('code.listwise', p_seed => 77);
select fixture.train(1, 'clean 4');
select fixture.evaluate(1, 0.1);
-- Ada's own ranker, with a champion, tags, a note, a sweep; and one lease, one blocked task of somebody else.
select ls.request_training('~ada/code.listwise');
select fixture.train(1, 'ada own');
-- Who would serve her without it is measured first, on her own test set.
select fixture.evaluate(1, 0.7);
select fixture.evaluate(1, 0.9);
select ls.set_tag('~ada/code.listwise', 'a', 'b'), ls.add_note('~ada/code.listwise@1', 'good'), ls.set_tag('code.listwise@2', 'a', 'b');
select ls.request_training('~ben/code.listwise');
select fixture.train(1, 'ben own');
select ls.request_sweep('~ada/code.listwise', '[{"epochs": 2}, {"epochs": 3}]');
create temporary table lease as select * from ls.lease_tasks(1, '{train}', 1, 60);
create temporary table blocked as select ls.request_training('~ben/code.listwise', p_seed => 5, p_after => array[l.task_id]) as task_id from lease l;
select is((select v.number from ls.ranker_alias a join ls.ranker_version v using (version_id) join ls.ranker r on r.ranker_id = a.ranker_id
    where r.name = 'code.listwise' and alias = 'champion'), 3, 'a version that descends from ada''s features serves everybody');
create temporary table ben as select (select count(*) from ls.ranker_version v join ls.ranker r using (ranker_id) where r.user_name = 'ben') as versions,
    (select count(*) from ls.query q join ls.feature_set f using (feature_set_id) where f.user_name is distinct from 'ada') as queries;

select throws_ok($$ select * from ls.forget_user('ada', '') $$, 'LS001', 'cannot forget a user: a name and a reason are needed', 'a reason is needed');
select throws_ok($$ select * from ls.forget_user(null, 'x') $$, 'LS001', null, 'and a name');
select throws_ok($$ select * from ls.forget_user('', 'x', 'me') $$, 'LS001', null, 'also when somebody asks by name');
create temporary table report as select * from ls.forget_user('ada', 'asked on Monday', 'dpo');
select results_eq($$ select * from report $$, $$ values ('feature sets', 2::bigint), ('queries', 800), ('rankers', 1), ('versions', 3), ('weights', 3), ('evaluations', 4), ('tasks', 9), ('decisions', 0), ('mentions', 0) $$,
    'it reports what it deleted');
select is_empty($$ select from ls.feature_set where user_name = 'ada' $$, 'no feature set');
select is_empty($$ select from ls.ranker where user_name = 'ada' $$, 'no ranker');
select is_empty($$ select from ls.ranker_weights where bytes in ('of ada 2', 'of ada 3', 'ada own') $$, 'no weights');
select is((select count(*) from ls.ranker_weights where bytes in ('clean 1', 'clean 4', 'ben own')), 3::bigint, 'others'' weights stay');
select is((select count(*) from ls.feature_chunk), 3::bigint, 'others'' features stay');
select is((select queries from ben), (select count(*) from ls.query), 'and their queries');
select results_eq($$ select number, digest is null, forgotten_at is not null from ls.ranker_version v join ls.ranker r using (ranker_id) where r.name = 'code.listwise' order by 1 $$,
    $$ values (1, false, false), (2, true, true), (3, true, true), (4, false, false) $$, 'of what the shared ranker learned from her only the numbers stay');
select is_empty($$ select from ls.ranker_version where forgotten_at is not null and (report <> '{}' or parent_version_id is not null or task_id is not null) $$, 'and nothing else');
select results_eq($$ select alias, version_id from ls.ranker_alias a join ls.ranker r using (ranker_id) where r.name = 'code.listwise' $$,
    $$ values ('champion', 1::bigint) $$, 'its champion is the last one that did not learn from her; the challenger is gone');
select results_eq($$ select from_version, to_version, is_rollback, reason from ls.alias_moves where ranker = 'code.listwise' and alias = 'champion' limit 1 $$,
    $$ values (3, 1, true, 'a user was forgotten') $$, 'history says so');
select is((select digest from ls.route('tiny', 'ada', 'code')), sha256('clean 1'), 'her requests are served as everybody''s');
select throws_ok($$ select * from ls.resolve('code.listwise@2') $$, 'LS013', 'cannot use version 2: it learned from a user who was forgotten', 'a forgotten version serves nobody');
select throws_ok($$ select ls.promote(3, 'back') $$, 'LS013', null, 'and is not promoted');
select throws_ok($$ select ls.request_evaluation(2) $$, 'LS013', null, 'nor measured');
select throws_ok($$ select ls.rollback('code.listwise', 'x') $$, 'LS021', null, 'there is no champion before the first');
select throws_ok($$ select * from ls.read_blob(sha256('codetrainada'), 0) $$, 'LS014', null, 'her features cannot be read');
select is((select count(*) from ls.version_lineage where forgotten_at is not null), 2::bigint, 'lineage shows the gaps');
select is((select answer from lease, fixture.renew_leases(1, array[token], '{0}', '{x}', 60)), 'lost', 'work under way is lost');
select is((select counted from lease, ls.complete_training(1, token, sha256('late'), 'late', '{}')), false, 'and its late result does not count');
select is((select state from blocked join ls.task using (task_id)), 'cancelled', 'what waited for it is cancelled');
select is_empty($$ select from ls.tag $$, 'her tags go, and those of versions that learned from her');
select is_empty($$ select from ls.note $$, 'and the notes');
select is_empty($$ select from ls.sweep $$, 'and the sweep');
select is_empty($$ select from ls.audit_log where subject like '%ada%' $$, 'the audit log does not name her');
select is((select subject || ' ' || actor || ' ' || reason from ls.audit_log where action = 'forget user'),
    'user ' || ls.short_digest(sha256('ada')) || ' dpo asked on Monday', 'it knows that somebody was forgotten, why and by whom');
select throws_ok($$ update ls.audit_log set reason = 'x' $$, 'LS021', null, 'and is closed again');
select throws_ok($$ update ls.ranker_version set report = '{"a": 1}' $$, 'LS021', null, 'as are versions');
select is((select versions from ben), (select count(*) from ls.ranker_version v join ls.ranker r using (ranker_id) where r.user_name = 'ben'), 'ben keeps his versions');
select is((select sum(count) from ls.forget_user('ada', 'again')), 0::numeric, 'again: nothing left');
select is((select sum(count) from ls.forget_user('nobody', 'x')), 0::numeric, 'a user nobody has heard of: nothing');
select ls.request_training('code.listwise', p_seed => 99);
select fixture.train(1, 'clean 5');
select is((select max(number) from ls.ranker_version v join ls.ranker r using (ranker_id) where r.name = 'code.listwise'), 5, 'numbers go on');
select is(fixture.evaluate(1, 0.95) and fixture.evaluate(1, 0.95), true, 'ben''s and the new one are measured');
select is((select number from ls.ranker_alias a join ls.ranker_version v using (version_id) where a.ranker_id = 1), 5, 'and the gate goes on');
select * from finish();
rollback;
