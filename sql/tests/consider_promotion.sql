-- ls.consider_promotion, promote, rollback, set_alias: which version is champion, and why.
begin;
select plan(42);
select fixture.base_model();
select fixture.ranker('code');
select fixture.worker('w');
create function pg_temp.champion() returns integer language sql as $$
    select v.number from ls.ranker_alias a join ls.ranker_version v using (version_id) where alias = 'champion' and a.ranker_id = 1 $$;

-- Without a test set.
select fixture.version('code.listwise', 'a');
select is(pg_temp.champion(), null, 'without a test set nothing is champion by itself');
select is((select reason from ls.promotion_status where version = 1), 'not proven: there is no test feature set of domain ''code''', 'the gate says why');
select ls.promote(1, 'there is no test set');
select fixture.version('code.listwise', 'b');
select is(pg_temp.champion(), 1, 'a person may promote one, and it stays champion');

-- A test set appears: the next version brings the champion's measurement with it.
select fixture.feature_set('code', 'test');
select fixture.version('code.listwise', 'c');
select results_eq($$ select version_id from ls.task order by task_id $$, $$ values (1::bigint), (3::bigint) $$, 'champion and candidate are measured');
select is(ls.consider_promotion(3), null, 'no figures, no decision');
select fixture.evaluate(1, 0.40);
select is(pg_temp.champion(), 1, 'the champion''s figures alone decide nothing');
select fixture.evaluate(1, 0.42);
select is(pg_temp.champion(), 3, 'a version that is proven better is promoted');
select is((select reason from ls.alias_moves limit 1), 'better than the champion, version 1: +2.0 points on 400 queries, e = 281, 20 asked for', 'the evidence is the reason');
select is((select moved_by from ls.alias_moves limit 1), 'promotion gate', 'and the gate is who');
select results_eq('select version, champion_then, promoted, policy, incumbent, queries, e, points, round(log_e::numeric, 2), round(log_e_worse::numeric, 2) from ls.promotion_status',
    $$ values (3, 1, true, 'better', 'champion', 400, '281', '+2.0', 5.64, -1.97), (2, 1, false, 'better', 'champion', null, null, null, null, null),
        (1, null, false, 'better', 'first sample', null, null, null, null, null) $$, 'the view shows what each decision rests on, newest first');

select fixture.version('code.listwise', 'd'), fixture.evaluate(1, 0.42);
select is(pg_temp.champion(), 3, 'one that is as good is not');
select is((select promoted || ' ' || reason from ls.promotion_status where version = 4),
    'false not proven better than the champion, version 3: 0.0 points on 400 queries, e = 1, 20 asked for', 'the decision is recorded');
select is(ls.consider_promotion(4), false, 'asked again it says the same');

-- Figures in the other order: candidate first, champion later.
select fixture.feature_set('code', 'test', 'newer');
select fixture.version('code.listwise', 'e');
create temporary table lease as select * from ls.lease_tasks(1, '{evaluate}', 2, 60) order by task_id;
select is((select count(*) from lease), 2::bigint, 'another test set: both are measured on it');
create function pg_temp.hand_in(p_version text, p_accuracy double precision) returns boolean language sql as $$
    select ls.complete_evaluation(1, token, array[sha256('codetestnewer')], array[fixture.report(p_accuracy)]) from lease where weights_name = p_version $$;
select pg_temp.hand_in('code.listwise@5', 0.46);
select is(pg_temp.champion(), 3, 'the candidate''s figures wait');
select pg_temp.hand_in('code.listwise@3', 0.44);
select is(pg_temp.champion(), 5, 'for the champion''s');
select is((select count(*) from ls.promotion_status where version = 5), 1::bigint, 'one decision');

-- An older version has to be better, as any other.
select ls.request_evaluation(4), fixture.evaluate(1, 0.46);
select is(pg_temp.champion(), 5, 'an older version that is as good is not promoted');

-- Figures of another configuration are not compared.
select fixture.version('code.listwise', 'f');
select ls.cancel_task(max(task_id), 'by hand') from ls.task;
select ls.request_evaluation(6, p_configuration => '{"candidate_count": 4, "groups_per_query": 20, "seed": 1}');
select ls.complete_evaluation(1, token, array[sha256('codetestnewer')], array[fixture.report(0.9, '{"candidate_count": 4}')]) from ls.lease_tasks(1, '{evaluate}', 1, 60);
select is(pg_temp.champion(), 5, 'nobody is promoted by another K');
select is_empty($$ select from ls.task where state in ('waiting', 'leased') $$, 'and the champion is not asked for it');
create function pg_temp.consider() returns boolean language sql as $$
    select ls.consider_promotion(6, '{"candidate_count": 4, "groups_per_query": 20, "seed": 1}') $$;
select is(pg_temp.consider(), null, 'unless a person asks: then the champion''s figures are missing');
select is((select version_id || ' ' || (configuration ->> 'candidate_count') from ls.task where state = 'waiting'), '5 4', 'the champion is asked for the same K');
select is_empty('select from ls.promotion_wait', 'and nobody waits for it');
select ls.complete_evaluation(1, token, array[sha256('codetestnewer')], array[fixture.report(0.8, '{"candidate_count": 4}')]) from ls.lease_tasks(1, '{evaluate}', 1, 60);
select is(pg_temp.champion(), 5, 'their arrival decides nothing by itself');
select pg_temp.consider();
select is(pg_temp.champion(), 6, 'asked again, they are compared');

-- By hand.
select throws_ok($$ select ls.promote(1, '') $$, 'LS001', 'cannot move alias ''champion'': a reason is needed', 'a promotion by hand has a reason');
select is(ls.promote(4, 'a demonstration', 'ada'), true, 'any version may be promoted by hand');
select is(ls.promote(4, 'again', 'ada'), false, 'once');
select is(ls.rollback('code.listwise', 'the demonstration is over', 'ada'), 6::bigint, 'rollback: the champion before');
select is(ls.rollback('code.listwise', 'further back'), 5::bigint, 'and the one before that');
select is(ls.consider_promotion(6, '{"candidate_count": 4, "groups_per_query": 20, "seed": 1}'), null, 'what was rolled back is not promoted by the gate again');
select ls.rollback('code.listwise', 'further back'), ls.rollback('code.listwise', 'to the first');
select is(pg_temp.champion(), 1, 'back to the first');
select throws_ok($$ select ls.rollback('code.listwise', 'nothing left') $$, 'LS021', 'cannot roll back ranker ''code.listwise'': it has had no champion before this one', 'before it there is nothing');
select is(ls.set_alias(2, 'challenger', 'to be watched'), true, 'other aliases are pointers like it');
select ls.set_alias(3, 'challenger', 'try');
select is(ls.rollback('code.listwise', 'try again', 'ada', 'challenger'), 2::bigint, 'any alias can be rolled back');
select throws_ok($$ select ls.set_alias(2, 'A b', 'x') $$, 'LS001', null, 'an alias is a word');
select throws_ok($$ select ls.set_alias(99, 'champion', 'x') $$, 'LS013', null, 'an unknown version');
select throws_ok($$ insert into ls.ranker_alias values ((select ranker_id from ls.register_ranker('tiny', 'pointwise', '{"kind": "pointwise", "hidden_size": 4}', '{}')), 'champion', 1) $$,
    '23503', null, 'an alias points at its own ranker''s versions');
select throws_ok('delete from ls.alias_history', 'LS021', null, 'history is not deleted');
-- Figures that would read the same are written out.
select is(ls.percentage(0.7, 0.7), '70.00%', 'the same is written as the same');
select is(ls.percentage(0.70001, 0.7) || ' ' || ls.percentage(0.7, 0.70001)
    || ' ' || ls.percentage(0.30000000000000004, 0.3) || ' ' || ls.percentage(0.701, 0.7),
    '70.001% 70% 30.000000000000004% 70.10%', 'what differs reads differently');
select is(ls.percentage(12.5), '1250.00%', 'of scores a figure may be any number');
select * from finish();
rollback;
