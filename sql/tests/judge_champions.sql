-- ls.judge_champion, judge_champions, watch_champion: a champion that the gate put there is judged anew when who would serve without its ranker
-- is another, and goes when it is proven worse; ls.choose_champion refuses what is; and what a first version and one of a sweep have to prove.
-- Two coordinators at it at once do not take away both of two champions that fall back on each other: the other's ranker is locked, or it is left
-- (that takes two sessions; here the order is one after the other).
begin;
select plan(70);
select fixture.base_model();
select ls.register_domain(d) from unnest(array['math', 'home', 'law/tax', 'x', 'y', 'art/one', 'sea/one', 'sky']) d;
select fixture.worker('w'), fixture.worker('v');
update ls.check_policy set share = 0;
create function pg_temp.asked() returns setof text language sql as $$
    select distinct fixture.version_name(version_id) from ls.task where kind = 'evaluate' and ended_at is null order by 1 $$;
create function pg_temp.watched() returns table (ranker text, fallback text, asked text) language sql as $$
    select r.name, (select string_agg(distinct fixture.version_name(f), ' ') from unnest(w.fallback_version_ids) f), fixture.version_name(w.asked_version_id) from ls.champion_watch w join ls.ranker r using (ranker_id) order by 1 $$;
create temporary table lease as select 1::bigint as worker_id, l.* from ls.lease_tasks(1, '{evaluate}', 1, 60) l;

-- A narrower ranker's champion, then a broader one that is better.
select fixture.feature_set('math/algebra', 'test'), fixture.feature_set('math', 'test'), fixture.ranker('math/algebra'), fixture.ranker('math');
select is(fixture.made('math/algebra.listwise', 0.5), 1, 'a champion that the gate put there, as nobody else was');
select is((select looked_at from ls.champion_watch), '-infinity', 'is watched');
select is(ls.judge_champions(), 1, 'housekeeping looks at it');
select results_eq('select * from pg_temp.watched()', $$ values ('math/algebra.listwise', null::text, null::text) $$, 'without it the first sample would be shown');
select is(fixture.champion_number('math/algebra.listwise'), 1, 'which is not better');
select is(ls.judge_champions(), 1, 'looked at again');
select is((select count(*) from ls.promotion_decision), 1::bigint, 'nothing is decided');
select is(fixture.made('math.listwise', 0.6), 1, 'a broader ranker has a champion now');
select is((select count(*) from ls.champion_move where from_version_id is null), 1::bigint, 'it is noted that those beneath it may fall back on it');
select cmp_ok(ls.judge_champions(), '>=', 1, 'housekeeping looks at them');
select is(fixture.champion_number('math/algebra.listwise'), null, 'the narrower champion is worse than the broader one, which was measured on its sets, too, and goes');
select is(fixture.decided('math/algebra.listwise@1'), 'withdrawn: not proven better than ''math.listwise'' version 1, which serves these requests without it (parent domain): -10.0 points on 400 queries, e = less than 0.01, 20 asked for; it is worse, e = 10^14',
    'the decision says why');
select results_eq($$ select ranker, to_version, moved_by, left(reason, 9) from ls.alias_moves limit 1 $$, $$ values ('math/algebra.listwise', null::integer, 'promotion gate', 'withdrawn') $$, 'the gate took it away');
select results_eq($$ select version, champion_then, promoted, withdrawn from ls.promotion_status limit 1 $$, $$ values (1, 1, false, true) $$, 'as the view shows');
select is((select ranker_name from ls.route('tiny', null, 'math/algebra')), 'math.listwise', 'the broader one serves its requests');
select results_eq('select * from pg_temp.watched()', $$ values ('math.listwise', null::text, null::text) $$, 'what is no champion is not watched');
select is_empty('select * from ls.champion_move', 'all whom the moves concern were looked at');
select is(ls.consider_promotion(fixture.version_id('math/algebra.listwise@1')), null, 'the gate does not promote it again by itself');
select is(ls.rollback('math/algebra.listwise', 'look at it'), fixture.version_id('math/algebra.listwise@1'), 'a person brings it back');
select throws_ok($$ select ls.remove_alias('math/algebra.listwise', 'champion', 'once more', 'promotion gate') $$, 'LS021', null, 'one decision takes it away once');
select ls.remove_alias('math/algebra.listwise', 'champion', 'looked at');
select throws_ok($$ select ls.rollback('math.pointwise', 'nothing') $$, 'LS012', null, 'of a ranker that is not there');
select throws_ok($$ select ls.rollback(fixture.ranker('math', 'pointwise'), 'nothing') $$, 'LS021', 'cannot roll back ranker ''math.pointwise'': it has had no champion', 'one that never had a champion has nothing to bring back');
select is(fixture.made('math/algebra.listwise', 0.61), null, 'a newer one has to be better than the broader one');
select is(fixture.made('math/algebra.listwise', 0.7), 3, 'as this one is');
select is(fixture.made('math/algebra.listwise', 0.9), 4, 'or better than that');
select cmp_ok(ls.judge_champions(), '=', 2, 'all are looked at');
select results_eq('select * from pg_temp.watched()', $$ values ('math.listwise', null::text, null::text), ('math/algebra.listwise', 'math.listwise@1', null) $$, 'who would serve instead is known');
select is_empty('select * from ls.broken_rules(true)', 'no rule is broken');

-- What was not measured is asked for, and its arrival decides. A user's own ranker, on her own test set.
select fixture.feature_set('math/algebra', 'test', 'ada', 300, 'ada'), fixture.ranker('math/algebra', p_user => 'ada');
select fixture.version('~ada/math/algebra.listwise', 'hers');
select fixture.measure('~ada/math/algebra.listwise@1', 0.8), fixture.measure('math/algebra.listwise@4', 0.7);
select is(fixture.champion_number('~ada/math/algebra.listwise'), 1, 'her ranker is better for her than the domain''s');
select ls.judge_champions();
select is(fixture.made('math/algebra.listwise', 0.95), 5, 'the domain''s ranker has another champion');
select is((select fixture.version_name(from_version_id) from ls.champion_move), 'math/algebra.listwise@4', 'somebody falls back on it: that is noted');
select ls.judge_champions();
select results_eq($$ select * from pg_temp.watched() where ranker like '~%' $$, $$ values ('~ada/math/algebra.listwise', 'math/algebra.listwise@5', 'math/algebra.listwise@5') $$, 'its figures on her test set are asked for');
select results_eq('select pg_temp.asked()', array['math/algebra.listwise@5'], 'as a task of the gate');
select ls.judge_champions();
select is((select count(*) from ls.task where ended_at is null and requested_by = 'promotion gate'), 1::bigint, 'once');
select ls.cancel_task(task_id, 'not now') from ls.task where ended_at is null;
select ls.judge_champions();
select is_empty('select pg_temp.asked()', 'what is cancelled is not asked for again by itself');
select ls.request_evaluation(fixture.version_id('math/algebra.listwise@5'), array(select feature_set_id from ls.feature_set where user_name = 'ada'));
select fixture.measure('math/algebra.listwise@5', 0.9);
select is(fixture.champion_number('~ada/math/algebra.listwise'), null, 'they decide when they come, whoever had them measured: hers is worse now, and goes');
select is((select ranker_name from ls.route('tiny', 'ada', 'math/algebra')), 'math/algebra.listwise', 'and the domain''s serves her');

-- One that a person put there stays, and one whose policy is that a person decides.
select ls.promote(fixture.version_id('~ada/math/algebra.listwise@1'), 'she likes it', 'ada');
select is_empty($$ select * from pg_temp.watched() where ranker like '~%' $$, 'a person''s is not watched');
select ls.judge_champions();
select is(fixture.champion_number('~ada/math/algebra.listwise'), 1, 'and stays');
select is(ls.judge_champion(ls.ranker_id('~ada/math/algebra.listwise')), false, 'also when it is asked for');
select throws_ok($$ select ls.remove_alias('math/algebra.listwise', 'champion', 'so there', 'promotion gate') $$, 'LS021', format('cannot take version %s away by the gate: found no decision with e of 20 or more that it is worse', fixture.version_id('math/algebra.listwise@5')),
    'the gate takes nothing away without a decision');
select ls.set_promotion_policy('math/algebra.listwise', 'manual');
select ls.promote(fixture.version('math.listwise', 'by hand'), 'try');
select ls.judge_champions();
select fixture.measure('math.listwise@2', 0.96);
select is(fixture.champion_number('math/algebra.listwise'), 5, 'with policy manual the gate takes nothing away') from ls.judge_champions();

-- Two rankers that fall back on each other (best transfer): one goes, and the other then falls back on nobody.
select fixture.feature_set('x', 'test'), fixture.feature_set('y', 'test'), fixture.ranker('x'), fixture.ranker('y');
select is(fixture.made('x.listwise', 0.5), 1, 'one');
select is(fixture.made('y.listwise', 0.5), 1, 'and the other');
select ls.request_evaluation(fixture.version_id('x.listwise@1'), array[(select feature_set_id from ls.current_feature_sets(1, 'y', 'test', null))]);
select ls.request_evaluation(fixture.version_id('y.listwise@1'), array[(select feature_set_id from ls.current_feature_sets(1, 'x', 'test', null))]);
select fixture.measure('x.listwise@1', 0.7), fixture.measure('y.listwise@1', 0.7);
select results_eq($$ select fixture.version_name((ls.incumbent(fixture.version_id(n), true)).version_id) from unnest(array['x.listwise@1', 'y.listwise@1']) n $$, $$ values ('y.listwise@1'), ('x.listwise@1') $$, 'each is better at the other''s');
update ls.champion_watch set looked_at = '-infinity' where ranker_id in (ls.ranker_id('x.listwise'), ls.ranker_id('y.listwise'));
select ls.judge_champions();
select results_eq($$ select fixture.champion_number('x.listwise'), fixture.champion_number('y.listwise') $$, $$ values (null::integer, 1) $$, 'one of them goes');
select ls.judge_champions();
select ls.judge_champions();
select results_eq($$ select fixture.champion_number('x.listwise'), fixture.champion_number('y.listwise') $$, $$ values (null::integer, 1) $$, 'and nothing goes back and forth');
select is((select ranker_name from ls.route('tiny', null, 'x')), 'y.listwise', 'the other serves both');

-- At most so many at a time; who waited longest comes first.
select results_eq('select ls.judge_champions(1), ls.judge_champions(1000)', $$ values (1, 2) $$, 'at most so many are looked at');
select is_empty('select * from ls.broken_rules(true)', 'no rule is broken');

-- Figures were refuted: whoever is proven worse than who serves without the ranker is not chosen.
select fixture.feature_set('art/one', 'train'), fixture.feature_set('art/one', 'test'), fixture.ranker('art/one');
create function pg_temp.trained(p_worker bigint, p_accuracy double precision) returns integer language plpgsql as $$
declare v_version text; begin
    perform ls.request_training('art/one.listwise', p_seed => (select count(*) from ls.ranker_version));
    v_version := fixture.version_name(fixture.train(p_worker, 'art' || (select count(*) from ls.ranker_version)));
    perform fixture.measure(v_version, p_accuracy, p_worker);
    return fixture.champion_number('art/one.listwise');
end $$;
create function pg_temp.refuted(p_version text, p_accuracy double precision) returns integer language plpgsql as $$ begin
    perform ls.open_evaluation_check(evaluation_id, 'dispute', true) from ls.evaluation where version_id = fixture.version_id(p_version);
    perform ls.decide_evaluation_check(evaluation_check_id, 'refuted', 'it is not so', fixture.report(p_accuracy))
        from ls.evaluation_check where version_id = fixture.version_id(p_version) and decided_at is null;
    update ls.worker set quarantined_at = null, quarantined_because = null, quarantined_for = null;
    return fixture.champion_number('art/one.listwise');
end $$;
select is(pg_temp.trained(1, 0.2), null, 'an honest one that is worse than the first sample is not champion');
select is(pg_temp.trained(2, 0.9), 2, 'a lie is');
select is(pg_temp.refuted('art/one.listwise@2', 0.3), null, 'found out, it goes, and neither is chosen: both are worse than the first sample');
select matches((select reason from ls.alias_moves where ranker = 'art/one.listwise' limit 1), 'all versions with figures are proven worse than who serves without the ranker$', 'which is why');
select is(pg_temp.trained(1, 0.45), 3, 'one that is better');
select is(pg_temp.trained(2, 0.9), 4, 'and a lie');
select is(pg_temp.refuted('art/one.listwise@4', 0.3), 3, 'found out, the one that is better is champion again');
select results_eq($$ select ranker from pg_temp.watched() where ranker = 'art/one.listwise' $$, array['art/one.listwise'], 'and is watched, as the gate''s are');

-- A first version has to be better, whatever the policy; a margin is for what serves already.
select fixture.feature_set('sea/one', 'test'), fixture.ranker('sea/one'), ls.set_promotion_policy('sea/one.listwise', 'not_worse', 0.05);
select is(fixture.made('sea/one.listwise', 0.37), null, 'a first version that is a point worse, within the margin, is not promoted');
select is(fixture.decided('sea/one.listwise@1'), 'not proven better than the first sample: -1.0 points on 400 queries, e = 0.28, 20 asked for', 'it has to be better');
select is(fixture.made('sea/one.listwise', 0.45), 2, 'as this one is');
select is(fixture.made('sea/one.listwise', 0.44), 3, 'the next has to be not worse');

-- What a sweep made pays for all it is one of, also when a person asks for it.
select fixture.feature_set('sky', 'train'), fixture.feature_set('sky', 'test'), fixture.ranker('sky');
select ls.request_sweep('sky.listwise', '[{"epochs": 1}, {"epochs": 2}, {"epochs": 3}]');
select fixture.train(1, 's1'), fixture.train(1, 's2'), fixture.train(1, 's3');
select fixture.measure('sky.listwise@1', 0.395), fixture.measure('sky.listwise@2', 0.394), fixture.measure('sky.listwise@3', 0.37);
select is(fixture.decided('sky.listwise@1'), 'not proven better than the first sample: +1.5 points on 400 queries, e = 17.7 (divided by the 3 of which the sweep chose it), 20 asked for', 'the chosen one');
select is(ls.consider_promotion(fixture.version_id('sky.listwise@2')), false, 'one that was not chosen');
select is(fixture.decided('sky.listwise@2'), 'not proven better than the first sample: +1.4 points on 400 queries, e = 12.8 (divided by the 3 of its sweep), 20 asked for', 'pays as much');

-- A user is forgotten from whom a champion learned: the one before is watched when the gate had promoted it.
select ls.request_training('sky.listwise', p_seed => 5), fixture.train(1, 's5');
select fixture.measure('sky.listwise@4', 0.6);
select ls.request_training('sky.listwise', array[fixture.feature_set('sky', 'train', 'eve', 3, 'eve')]), fixture.train(1, 's6');
select fixture.measure('sky.listwise@5', 0.7);
select is(fixture.champion_number('sky.listwise'), 5, 'one that learned from her');
select isnt_empty($$ select * from ls.forget_user('eve', 'asked') $$, 'is forgotten with her');
select is(fixture.champion_number('sky.listwise'), 4, 'the one before is back');
select results_eq($$ select ranker from pg_temp.watched() where ranker = 'sky.listwise' $$, array['sky.listwise'], 'and watched, as the gate had promoted it');
select is_empty('select * from ls.broken_rules(true)', 'no rule is broken');
select * from finish();
rollback;
