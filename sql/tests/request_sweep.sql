-- ls.request_sweep, end_sweeps, resume_sweep, views sweep_result and sweep_status: asked once, whatever happens to
-- a configuration the sweep ends, and only the best version meets the promotion gate, where it pays for having been chosen.
begin;
select plan(56);
select fixture.base_model();
select fixture.ranker('code');
select fixture.worker('w');
create function pg_temp.champion() returns integer language sql as $$
    select v.number from ls.ranker_alias a join ls.ranker_version v using (version_id) where alias = 'champion' and a.ranker_id = 1 $$;
create function pg_temp.states(p_sweep bigint) returns text language sql as $$
    select string_agg(state, ', ' order by position) from ls.sweep_result where sweep_id = p_sweep $$;
-- Trains (and measures) the oldest waiting tasks.
create function pg_temp.work(p_weights text, p_accuracy double precision) returns void language sql as $$
    select fixture.train(1, p_weights), fixture.evaluate(1, p_accuracy) $$;

-- What is refused.
select throws_ok($$ select ls.request_sweep('code.listwise') $$, 'LS014', 'cannot sweep ranker ''code.listwise'': there is no train feature set of domain ''code''', 'nothing to train on');
select fixture.feature_set('code', 'train');
select throws_ok($$ select ls.request_sweep('code.listwise') $$, 'LS014', 'cannot sweep ranker ''code.listwise'': there is no test feature set of domain ''code''', 'nothing to compare on');
select fixture.feature_set('code', 'test');
select throws_ok($$ select ls.request_sweep('nobody') $$, 'LS012', null, 'an unknown ranker');
select throws_ok($$ select ls.request_sweep('code.listwise', '{}') $$, 'LS001', 'cannot sweep ranker ''code.listwise'': found no JSON list, expected a list of 1 to 500 training configurations', 'no list');
select throws_ok($$ select ls.request_sweep('code.listwise', '[]') $$, 'LS001', null, 'an empty list');
select throws_ok($$ select ls.request_sweep('code.listwise', (select jsonb_agg(jsonb_build_object('seed', i)) from generate_series(1, 501) i)) $$, 'LS001',
    'cannot sweep ranker ''code.listwise'': found 501 configurations, expected a list of 1 to 500 training configurations', 'too many');
select throws_ok($$ select ls.request_sweep('code.listwise', '[{"epochs": 2}, 7]') $$, 'LS001', 'cannot sweep ranker ''code.listwise'': entry 2 is no JSON object', 'a bad entry, by its position');
select throws_ok($$ select ls.request_sweep('code.listwise', '[{"epochs": 2}, {"epochs": 3}, {"epochs": 2, "seed": 7}]') $$, 'LS001',
    'cannot sweep ranker ''code.listwise'': entry 3 asks for the same as entry 1', 'an entry twice');
select throws_ok($$ select ls.request_sweep('code.listwise', '[{}]', p_feature_set_ids => '{99}') $$, 'LS014', null, 'an unknown feature set');
select is((select count(*) from ls.task), 0::bigint, 'nothing of all this left a task');

-- Asked once.
create function pg_temp.ask() returns bigint language sql as $$
    select ls.request_sweep('code.listwise', '[{"epochs": 1}, {"epochs": 2}, {"epochs": 3}]', 'epochs', p_by => 'ada') $$;
select is(pg_temp.ask(), 1::bigint, 'a sweep');
select is(pg_temp.ask(), 1::bigint, 'asked twice: one sweep');
select results_eq('select sweep_position, kind, ranker, requested_by from ls.task_queue order by task_id',
    $$ values (1, 'train', 'code.listwise', 'ada'), (2, 'train', 'code.listwise', 'ada'), (3, 'train', 'code.listwise', 'ada') $$, 'one training a configuration, in the queue');
select results_eq('select configuration from ls.sweep_result', $$ values ('{"seed": 7, "epochs": 1}'::jsonb), ('{"seed": 7, "epochs": 2}'), ('{"seed": 7, "epochs": 3}') $$,
    'an entry''s keys replace the ranker''s own');
select isnt(ls.request_training('code.listwise'), 1::bigint, 'the same training outside the sweep is another task');
select ls.cancel_task(4, 'not now');
select throws_ok($$ select ls.drop_feature_set(2, 'space') $$, 'LS021', 'cannot drop feature set 2: sweep 1 needs it', 'its test set stays');

-- Versions stay candidates until the last is measured.
select pg_temp.work('a', 0.5);
select is(pg_temp.champion(), null, 'the first version is no champion');
select is(pg_temp.states(1), 'measured, waiting, waiting', 'its figures are there');
create temporary table lease as select * from ls.lease_tasks(1, '{train}', 1, 60);
select is(pg_temp.states(1), 'measured, training, waiting', 'the second is at work');
select ls.fail_attempt(1, token, 'invalidArgument', 'the loss was no longer finite', false, 'confirmed') from lease;
select results_eq('select state, error from ls.sweep_result where position = 2', $$ values ('failed', 'attempt 1 of 5: the loss was no longer finite') $$, 'a failed configuration says why');
select fixture.train(1, 'c');
select is(pg_temp.states(1), 'measured, failed, measuring', 'trained, not yet measured');
select results_eq('select state, configurations, measured, measuring, failed, best_version, is_decided from ls.sweep_status',
    $$ values ('open', 3::bigint, 1::bigint, 1::bigint, 1::bigint, null::integer, false) $$, 'the sweep is open');
select fixture.evaluate(1, 0.7);
select results_eq('select state, measured, failed, best_position, best_version, best_accuracy, round(spread::numeric, 2), is_decided, is_champion from ls.sweep_status',
    $$ values ('ended', 2::bigint, 1::bigint, 3, 2, 0.7::float8, 0.20, true, true) $$, 'the last figure ends it');
select is((select decision from ls.sweep_status), 'promoted: better than the first sample: +32.0 points on 400 queries, e = 10^42 (divided by the 3 of which the sweep chose it), 20 asked for', 'and the best meets the gate');
select is((select count(*) from ls.alias_history), 1::bigint, 'the champion moved once');
select results_eq('select position, is_best, version, round(accuracy::numeric, 2), standard_error from ls.sweep_result where state = ''measured''',
    $$ values (1, false, 1, 0.50, 0.02::float8), (3, true, 2, 0.70, 0.02) $$, 'figures with their errors');
select is((select selected_on from ls.sweep_status), 'code test ' || ls.short_digest(sha256('codetest')), 'it says what it selected on');
select lives_ok($$ select ls.request_evaluation(1), ls.consider_promotion(1) $$, 'a loser may be considered by hand');
select is(pg_temp.champion(), 2, 'and loses');
select is(pg_temp.ask(), 1::bigint, 'asked after its end: the same sweep');
select is((select state from ls.sweep_status), 'ended', 'which stays ended: what is dead waits for redrive');
select is_empty('select * from ls.task_queue', 'and asks for nothing');

-- The failed one is redriven: the sweep is open again, and chooses again.
select ls.redrive(2, 'another data type');
select is((select state from ls.sweep_status), 'open', 'redriven: open again');
select is(ls.is_withheld(1), true, 'losers wait as before');
select pg_temp.work('b', 0.8);
select results_eq('select state, best_position, decision from ls.sweep_status', $$ values ('ended', 2,
    'promoted: better than the champion, version 2: +10.0 points on 400 queries, e = 10^13 (divided by the 3 of which the sweep chose it), 20 asked for') $$, 'a better one is chosen');
select is(pg_temp.champion(), 3, 'and promoted');

-- Cancelled, and asked again.
create function pg_temp.ask_again() returns bigint language sql as $$ select ls.request_sweep('code.listwise', '[{"epochs": 4}, {"epochs": 5}]') $$;
select is(pg_temp.ask_again(), 2::bigint, 'another sweep');
select pg_temp.work('d', 0.6);
select ls.cancel_task(max(task_id), 'enough') from ls.task where state = 'waiting';
select results_eq('select state, best_position, decision from ls.sweep_status where sweep_id = 2', $$ values ('ended', 1,
    'not proven better than the champion, version 3: -20.0 points on 400 queries, e = less than 0.01 (divided by the 2 of which the sweep chose it), 20 asked for; '
    'it is worse, e = 10^28') $$, 'a cancellation ends it, too');
select is(pg_temp.ask_again(), 2::bigint, 'asked again');
select is(pg_temp.states(2), 'measured, waiting', 'what was cancelled waits again');
select is((select state from ls.sweep_status where sweep_id = 2), 'open', 'and the sweep is open');
-- Its evaluation is cancelled: asked again, it is measured.
select fixture.train(1, 'e');
select ls.cancel_task(max(task_id), 'no figures') from ls.task where state = 'waiting';
select results_eq('select pg_temp.states(2), error from ls.sweep_result where sweep_id = 2 and position = 2', $$ values ('measured, not measured', 'no figures') $$, 'an evaluation that was cancelled');
select pg_temp.ask_again();
select is(pg_temp.states(2), 'measured, measuring', 'is asked for again');
select fixture.evaluate(1, 0.8);
select is((select best_version from ls.sweep_status where sweep_id = 2), 5, 'and counts');
select is(pg_temp.champion(), 3, 'as good as the champion is not enough');

-- A worker that dies half-way, for the last time: the sweep ends all the same.
select ls.request_sweep('code.listwise', '[{"epochs": 6}]');
update ls.task set attempt_count_max = 1 where state = 'waiting';
create temporary table late as select * from ls.lease_tasks(1, '{train}', 1, 60);
select fixture.let_expire(task_id) from late;
select ls.expire_leases();
select results_eq('select state, failed, best_version, is_decided from ls.sweep_status where sweep_id = 3', $$ values ('ended', 1::bigint, null::integer, true) $$, 'without any version there is no best');
select is((select count(*) from ls.promotion_decision where version_id is null), 0::bigint, 'and no decision');

-- The same bytes as a version that was trained outside a sweep: no longer withheld.
select is(ls.is_withheld(1), true, 'a loser of a sweep is withheld');
select ls.request_training('code.listwise'), fixture.train(1, 'a');
select is(ls.is_withheld(1), false, 'trained by itself, it is a version like any other');
select is((select promoted from ls.promotion_status where version = 1 limit 1), false, 'and met the gate');
select is(ls.is_withheld(3), false, 'the best of a sweep is not withheld');

-- The paper's grid.
select is((select jsonb_array_length(ls.paper_grid(k)) from unnest(array['listwise']) k), 40, 'forty configurations');
select is((select count(distinct c) from jsonb_array_elements(ls.paper_grid('pointwise')) c), 40::bigint, 'all different');
create temporary table paper as select ls.request_sweep('code.listwise') as id, ls.request_sweep('code.listwise', p_seed => 9) as other;
select results_eq('select sweep, configurations, waiting from ls.sweep_status, paper where sweep_id = id', $$ values ('paper', 40::bigint, 40::bigint) $$,
    'is what is asked when nobody says otherwise');
select is((select jsonb_agg(configuration order by position) from ls.sweep_result, paper where sweep_id = id), ls.paper_grid('listwise'),
    'and takes nothing from the ranker''s own');
select is((select count(distinct configuration ->> 'seed') || ' ' || min(configuration ->> 'seed') from ls.sweep_result, paper where sweep_id = other), '1 9',
    'another seed is another sweep');
select * from finish();
rollback;
