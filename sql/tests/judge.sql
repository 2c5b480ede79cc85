-- ls.incumbent, judge, consider_promotion, ask_for_evidence, settle_promotions, guard_champion, set_promotion_policy: what a version has
-- to prove, against whom, and what becomes of it where figures are missing.
-- Two rankers whose promotions wait for each other do not block: nobody waits for another ranker's lock here (skip locked in
-- settle_promotions and request_incumbent). That takes two sessions; the test in Swift that calls all functions at once has them.
begin;
select plan(127);
select fixture.base_model();
select ls.register_domain(d) from unnest(array['math', 'music', 'music/old', 'law', 'law/tax', 'home', 'art', 'art/one', 'art/two']) d;
select fixture.worker('w'), fixture.worker('v');
update ls.check_policy set share = 0;
create function pg_temp.incumbent(p_version text) returns text language sql as $$
    select concat_ws(': ', i.reason, fixture.version_name(i.version_id)) from ls.incumbent(fixture.version_id(p_version)) i $$;
create function pg_temp.missing(p_version text) returns text language sql as $$
    select concat_ws('; asks for ', j.missing, fixture.version_name(j.asks_for)) from ls.judge(fixture.version_id(p_version)) j $$;
create function pg_temp.asked() returns setof text language sql as $$
    select distinct fixture.version_name(version_id) from ls.task where kind = 'evaluate' and ended_at is null order by 1 $$;
create temporary table lease as select 1::bigint as worker_id, l.* from ls.lease_tasks(1, '{evaluate}', 1, 60) l;
-- A worker is at all that there is to measure, and hands in the oldest task of a version.
create function pg_temp.measure(p_version text, p_accuracy double precision, p_extra jsonb default '{}', p_worker bigint default 1) returns boolean language plpgsql as $$ begin
    insert into lease select p_worker, l.* from ls.lease_tasks(p_worker, '{evaluate}', 100, 600) l;
    return (select ls.complete_evaluation(p_worker, l.token, (select array_agg(decode(f ->> 'digest', 'hex') order by o) from jsonb_array_elements(l.features) with ordinality x (f, o)),
            (select array_agg(fixture.report(p_accuracy, p_extra, (select s.query_count from ls.feature_set s where s.digest = decode(f ->> 'digest', 'hex'))) order by o)
                from jsonb_array_elements(l.features) with ordinality x (f, o)))
        from lease l join ls.attempt a using (task_id) where a.state = 'open' and l.weights_name = p_version and l.worker_id = p_worker order by l.task_id limit 1);
end $$;
-- A coordinator finds the same in all that is to be measured again of a version.
create function pg_temp.confirm(p_version text, p_accuracy double precision, p_extra jsonb default '{}') returns bigint language sql as $$
    select count(ls.decide_evaluation_check(c.evaluation_check_id, 'confirmed', 'the same', fixture.report(p_accuracy, p_extra, f.query_count)))
    from ls.evaluation_check c join ls.feature_set f using (feature_set_id) where c.version_id = fixture.version_id(p_version) and c.decided_at is null $$;
create view pg_temp.open_check as select version, reason, holds from ls.evaluation_check_status where decided_at is null;
create function pg_temp.waiting() returns setof text language sql as $$
    select fixture.version_name(version_id) || ' for ' || fixture.version_name(incumbent_version_id) from ls.promotion_wait order by 1 $$;
-- As workers of before report.
create function pg_temp.old() returns jsonb language sql as $$ select '{"query_values": null, "method_query_values": null, "label_range": null}'::jsonb $$;

-- Who would serve without it.
select fixture.ranker('math'), fixture.ranker('math/algebra'), fixture.ranker('math/algebra', 'pointwise'), fixture.ranker('math/algebra', p_user => 'ada'), fixture.ranker(null);
select fixture.version('math/algebra.listwise', 'a1'), fixture.version('math/algebra.listwise', 'a2'), fixture.version('~ada/math/algebra.listwise', 'u1');
select is(pg_temp.incumbent('math/algebra.listwise@1'), 'first sample', 'of a first version: nobody, the candidates keep their order');
select fixture.champion('global.listwise', 'g1');
select is(pg_temp.incumbent('math/algebra.listwise@1'), 'global: global.listwise@1', 'or the ranker of nothing in particular');
select fixture.champion('math.listwise', 'm1');
select is(pg_temp.incumbent('math/algebra.listwise@1'), 'parent domain: math.listwise@1', 'or the broader domain''s champion');
select is(pg_temp.incumbent('~ada/math/algebra.listwise@1'), 'parent domain: math.listwise@1', 'of a user''s own it is the same');
select fixture.champion('math/algebra.pointwise', 'p1');
select is(pg_temp.incumbent('math/algebra.listwise@1'), 'domain: math/algebra.pointwise@1', 'or the champion of another kind');
select is(pg_temp.incumbent('~ada/math/algebra.listwise@1'), 'domain: math/algebra.pointwise@1', 'a user''s own falls back to the domain');
select ls.promote(fixture.version_id('math/algebra.listwise@1'), 'there is no test set');
select is(pg_temp.incumbent('math/algebra.listwise@2'), 'champion: math/algebra.listwise@1', 'of a later version: the champion');
select is(pg_temp.incumbent('math/algebra.listwise@1'), 'domain: math/algebra.pointwise@1', 'of the champion itself: the chain without its ranker');
select ls.add_route_rule('bird', 'canary', 'global.listwise', 0.5), ls.add_route_rule('own', 'pin', 'math/algebra.listwise@2', p_priority => 1),
    ls.add_route_rule('pinned', 'pin', 'math.listwise', p_priority => 2);
select is(pg_temp.incumbent('math/algebra.listwise@1'), 'rule: math.listwise@1', 'a rule that takes every request comes before the chain, but for one to its own ranker');
select ls.remove_route_rule(n, 'enough') from unnest(array['bird', 'own', 'pinned']) n;
select ls.remove_alias('global.listwise', 'champion', 'gone');
select throws_ok('select * from ls.incumbent(99)', 'LS013', null, 'an unknown version has none');
select throws_ok('select * from ls.judge(99)', 'LS013', null, 'nor evidence');

-- Nothing to compare on.
select is(pg_temp.missing('math/algebra.listwise@2'), 'there is no test feature set of domain ''math/algebra''', 'no test set');
select is(ls.consider_promotion(fixture.version_id('math/algebra.listwise@2')), false, 'it is not promoted');
select results_eq($$ select policy, incumbent, fixture.version_name(incumbent_version_id), feature_set_ids, query_counts, version_values, tried_count, log_e from ls.promotion_decision order by promotion_decision_id desc limit 1 $$,
    $$ values ('better', 'champion', 'math/algebra.listwise@1', '{}'::bigint[], '{}'::integer[], null::real[], 1, null::float8) $$, 'the decision says against whom, and that there is no evidence');
select fixture.feature_set('code', 'test', 'huge', 10001), fixture.ranker('code');
select fixture.version('code.listwise', 'c1');
select is(pg_temp.missing('code.listwise@1'), 'the test set of ''code'' has 10001 queries, the gate compares at most 10000', 'more queries than a report holds');
select fixture.feature_set('code', 'test', 'small', 29);
select is(pg_temp.missing('code.listwise@1'), 'the version has not been measured on the test set of ''code''; asks for code.listwise@1', 'not measured');
select is(ls.consider_promotion(fixture.version_id('code.listwise@1')), null, 'there is no decision yet');
select ls.request_evaluation(fixture.version_id('code.listwise@1'));
select ls.cancel_task(min(task_id), 'of the huge one') from ls.task where version_id = fixture.version_id('code.listwise@1');
select pg_temp.measure('code.listwise@1', 0.9);
select is(fixture.decided('code.listwise@1'), 'not proven: its test sets have 29 queries, the gate needs 30 or more', 'few queries prove nothing');
select is(fixture.champion_number('code.listwise'), null, 'whatever the figures');
select fixture.feature_set('code', 'test', 'enough', 30);
select ls.request_evaluation(fixture.version_id('code.listwise@1'));
select pg_temp.measure('code.listwise@1', 0.9);
select is(fixture.decided('code.listwise@1'), 'promoted: better than the first sample: +52.0 points on 30 queries, e = 20835, 20 asked for', 'thirty may');
select results_eq($$ select j.query_count, j.query_counts, j.widths, cardinality(version_values), cardinality(incumbent_values), round(mean_difference::numeric, 6), standard_error, threshold = ln(20::float8), missing, asks_for
    from ls.judge(fixture.version_id('code.listwise@1')) j $$, $$ values (30, '{30}'::integer[], '{1}'::float8[], 30, 30, 0.52, 0::float8, true, null::text, null::bigint) $$, 'what it rests on');

-- The incumbent was not measured: it is asked for, and its arrival decides.
select fixture.feature_set('math/algebra', 'test');
select ls.remove_alias('math/algebra.' || k, 'champion', 'gone') from unnest(array['listwise', 'pointwise']) k;
select isnt(fixture.version('math/algebra.listwise', 'a3'), null, 'a version whose incumbent is another ranker''s');
select results_eq('select pg_temp.asked()', array['math.listwise@1', 'math/algebra.listwise@3'], 'both are measured');
select ls.cancel_task(task_id, 'not wanted') from ls.task where version_id = fixture.version_id('math.listwise@1');
select pg_temp.measure('math/algebra.listwise@3', 0.5);
select is(pg_temp.missing('math/algebra.listwise@3'), 'the incumbent has not been measured on the test set of ''math/algebra''; asks for math.listwise@1', 'the incumbent was not');
select results_eq('select pg_temp.asked()', array['math.listwise@1'], 'it is asked for again, when it is needed');
select results_eq('select requested_by from ls.task where ended_at is null', array['promotion gate'], 'by the gate');
select results_eq('select pg_temp.waiting()', array['math/algebra.listwise@3 for math.listwise@1'], 'for which the decision waits');
select is(ls.consider_promotion(fixture.version_id('math/algebra.listwise@3')), null, 'asked twice');
select results_eq($$ select (select count(*) from pg_temp.asked()), (select count(*) from pg_temp.waiting()) $$, $$ values (1::bigint, 1::bigint) $$, 'is harmless');
select is(ls.settle_promotions(), 0, 'while somebody is at it, housekeeping leaves it alone');
select pg_temp.measure('math.listwise@1', 0.45);
select is(fixture.champion_number('math/algebra.listwise'), 3, 'when the figures come, it is decided');
select is(fixture.decided('math/algebra.listwise@3'),
    'promoted: better than ''math.listwise'' version 1, which serves these requests without it (parent domain): +5.0 points on 400 queries, e = 10^6, 20 asked for', 'against that one');
select is_empty('select pg_temp.waiting()', 'and nobody waits any more');

-- Nobody asks twice for what failed or was cancelled: whoever redrives it brings the decision about.
select fixture.feature_set('math/geometry', 'test'), fixture.ranker('math/geometry');
select fixture.version('math/geometry.listwise', 'ge1');
select pg_temp.measure('math/geometry.listwise@1', 0.6);
select ls.cancel_task(task_id, 'not now') from ls.task where version_id = fixture.version_id('math.listwise@1') and ended_at is null;
select results_eq('select pg_temp.waiting()', array['math/geometry.listwise@1 for math.listwise@1'], 'a decision waits for figures that were cancelled');
select is(ls.settle_promotions(), 0, 'it is not asked for again by itself');
select is_empty('select pg_temp.asked()', 'by housekeeping');
select ls.promote(fixture.version('math.listwise', 'm2'), 'it answers well');
select is(pg_temp.incumbent('math/geometry.listwise@1'), 'parent domain: math.listwise@2', 'the incumbent is another now');
select count(*) from ls.housekeep();
select results_eq('select pg_temp.waiting()', array['math/geometry.listwise@1 for math.listwise@2'], 'housekeeping asks the other');
select pg_temp.measure('math.listwise@2', 0.59), pg_temp.measure('math.listwise@2', 0.59);
select is(fixture.decided('math/geometry.listwise@1'),
    'not proven better than ''math.listwise'' version 2, which serves these requests without it (parent domain): +1.0 points on 400 queries, e = 11.1, 20 asked for', 'a point is not enough');
select is_empty('select pg_temp.waiting()', 'nobody waits');
-- As left by a ranker that was busy when the figures came.
insert into ls.promotion_wait (version_id, incumbent_version_id) values (fixture.version_id('math/geometry.listwise@1'), fixture.version_id('math.listwise@2'));
select is(ls.settle_promotions(), 1, 'what waits though nothing is missing is decided by housekeeping');
select is_empty('select pg_temp.waiting()', 'and waits no more');
select fixture.version('math/geometry.listwise', 'ge2');
insert into ls.promotion_wait (version_id, incumbent_version_id) values (fixture.version_id('math/geometry.listwise@2'), fixture.version_id('math.listwise@2'));
select is(ls.settle_promotions(), 0, 'what waits for its own figures is decided when they come');
delete from ls.promotion_wait;
-- The maker of a version measured the incumbent, another ranker's: its word is measured again, and the promotion waits for that.
select ls.set_check_policy(0, true, 'test'), fixture.feature_set('math/geometry', 'train'), fixture.feature_set('math/geometry', 'test', 'newer');
select ls.request_evaluation(fixture.version_id('math.listwise@2'), array(select feature_set_id from ls.current_feature_sets(1, 'math/geometry', 'test', null)));
select pg_temp.measure('math.listwise@2', 0.4, p_worker => 2);
select ls.request_training('math/geometry.listwise'), fixture.train(2, 'ge3');
select pg_temp.measure('math/geometry.listwise@3', 0.7);
select results_eq('select * from pg_temp.open_check', $$ values ('math.listwise@2', 'trained and measured', true) $$, 'what the maker of a version said of the incumbent is measured again');
select is(fixture.champion_number('math/geometry.listwise'), null, 'before that it is not promoted');
select pg_temp.confirm('math.listwise@2', 0.4);
select is(fixture.champion_number('math/geometry.listwise'), 3, 'after it, it is');
select ls.set_check_policy(0, false, 'test');

-- Figures that say nothing of single queries: a coordinator measures again.
select fixture.feature_set('music', 'test'), fixture.ranker('music');
select fixture.version('music.listwise', 'mu1');
select pg_temp.measure('music.listwise@1', 0.5, pg_temp.old());
select is(pg_temp.missing('music.listwise@1'), 'the figures of the version on the test set of ''music'' say nothing of single queries; asks for music.listwise@1', 'of the version');
select results_eq('select * from pg_temp.open_check', $$ values ('music.listwise@1', 'single queries', true) $$, 'it is measured again');
select is(ls.consider_promotion(fixture.version_id('music.listwise@1')), null, 'and waits for that');
select is(pg_temp.confirm('music.listwise@1', 0.5), 1::bigint, 'which says the same, query by query');
select is(fixture.decided('music.listwise@1'), 'promoted: better than the first sample: +12.0 points on 400 queries, e = 10^17, 20 asked for', 'and decides');
select fixture.feature_set('music', 'test', 'newer');
select ls.request_evaluation(fixture.version_id('music.listwise@1'));
select pg_temp.measure('music.listwise@1', 0.5, pg_temp.old());
select fixture.version('music.listwise', 'mu2');
select pg_temp.measure('music.listwise@2', 0.6);
select is(pg_temp.missing('music.listwise@2'), 'the figures of the incumbent on the test set of ''music'' say nothing of single queries; asks for music.listwise@1', 'of the incumbent');
select results_eq('select * from pg_temp.open_check', $$ values ('music.listwise@1', 'single queries', true) $$, 'it is measured again');
select pg_temp.confirm('music.listwise@1', 0.5);
select is(fixture.champion_number('music.listwise'), 2, 'and then it is decided');
-- Of another ranker, with two sets: both are waited for.
select fixture.feature_set('music/old', 'test'), fixture.ranker('music', p_user => 'ada');
select ls.request_evaluation(fixture.version_id('music.listwise@2'));
select pg_temp.measure('music.listwise@2', 0.6, pg_temp.old());
select fixture.version('~ada/music.listwise', 'amu1');
select pg_temp.measure('~ada/music.listwise@1', 0.7);
select ls.open_evaluation_check(evaluation_id, 'dispute', true) from ls.evaluation where version_id = fixture.version_id('music.listwise@2');
select results_eq('select * from pg_temp.open_check order by reason', $$ values ('music.listwise@2', 'dispute', true), ('music.listwise@2', 'single queries', true) $$, 'two figures of another ranker''s incumbent are measured again');
select ls.decide_evaluation_check(c.evaluation_check_id, 'confirmed', 'the same', fixture.report(0.6)) from ls.evaluation_check c where decided_at is null and reason = 'dispute';
select results_eq('select pg_temp.waiting()', array['~ada/music.listwise@1 for music.listwise@2'], 'after the first the decision still waits');
select pg_temp.confirm('music.listwise@2', 0.6);
select is(fixture.champion_number('~ada/music.listwise'), 1, 'after the second it is made');
select is_empty('select * from ls.broken_rules(true)', 'no rule is broken');
-- What was measured by a coordinator, or at home, is not measured again here.
select fixture.feature_set('music', 'test', 'newest');
select ls.request_evaluation(fixture.version_id('music.listwise@2'));
select pg_temp.measure('music.listwise@2', 0.6, pg_temp.old());
update ls.evaluation_check set decided_at = now(), verdict = 'failed', holds = false where decided_at is null;
select ls.open_evaluation_check(max(evaluation_id), 'sample', false) from ls.evaluation;
update ls.evaluation_check set decided_at = now(), verdict = 'failed' where decided_at is null;
select fixture.version('music.listwise', 'mu3');
select pg_temp.measure('music.listwise@3', 0.9);
select is(fixture.decided('music.listwise@3'), 'not proven: the figures of the incumbent on the test set of ''music'' say nothing of single queries', 'where nobody can measure again, the gate says what is missing');
update ls.evaluation_check set verdict = 'confirmed';

-- Labels that are scores: differences are parts of their range.
select fixture.feature_set('law', 'test', p_label_kind => 'score'), fixture.ranker('law');
select fixture.version('law.listwise', 'l1');
select pg_temp.measure('law.listwise@1', 5, '{"oracle": 9, "first_sample": 3, "label_range": null}');
select is(pg_temp.missing('law.listwise@1'), 'the labels of the test set of ''law'' are scores, and all are the same or nobody said between which bounds they lie; asks for law.listwise@1', 'nobody said between which bounds they lie');
select results_eq('select * from pg_temp.open_check', $$ values ('law.listwise@1', 'single queries', true) $$, 'a coordinator finds out');
select pg_temp.confirm('law.listwise@1', 5, '{"oracle": 9, "first_sample": 3, "label_range": [-10, 10]}');
select is(fixture.decided('law.listwise@1'), 'promoted: better than the first sample: +10.0 points on 400 queries, e = 10^14, 20 asked for', 'two of twenty are ten points');
select fixture.version('law.listwise', 'l2');
select throws_ok($$ select pg_temp.measure('law.listwise@2', 5.3, '{"oracle": 9, "first_sample": 3, "label_range": [2, 9.5]}') $$, 'LS001',
    'cannot take an evaluation: found label_range [2, 9.5], which needs no ranker and was measured here as [-10, 10]', 'a narrower range, which would prove more, is refused');
select throws_ok($$ select pg_temp.measure('law.listwise@2', 5.3, '{"oracle": 9, "first_sample": 3, "label_range": [4, 10]}') $$, 'LS001',
    'cannot take an evaluation: found a pick whose label is outside of label_range', 'and one in which the picks are not');
select throws_ok(format($$ select pg_temp.measure('law.listwise@2', 5.3, '{"oracle": 9, "first_sample": 3, "label_range": %s}') $$, bad), 'LS001',
    'cannot take an evaluation: expected label_range to be the least and the greatest label', 'a range that is none: ' || bad) from unnest(array['[0]', '[9, 3]', '[0, "9"]', '{"0": 9}', '[-1e40, 1e40]']) bad;
select throws_ok(format($$ select pg_temp.measure('law.listwise@2', 5.3, '{"oracle": 9, "first_sample": 3, "label_range": [-10, 10], "method_query_values": {"oracle": %s}}') $$, bad), 'LS001',
    null, 'picks that are none: ' || bad) from unnest(array['3', '{}', '[9]', '"9"']) bad;
select lives_ok($$ select pg_temp.measure('law.listwise@2', 5.2, '{"oracle": 9, "first_sample": 3, "label_range": [-10, 10], "method_query_values": {"of_mine": 3}}') $$, 'words nobody knows are not looked at');
select is(fixture.decided('law.listwise@2'), 'not proven better than the champion, version 1: +1.0 points on 400 queries, e = 11.1, 20 asked for', 'one point is not enough');

-- Policies.
select throws_ok(format('select ls.set_promotion_policy(%s)', bad), code, null, 'a policy that is none: ' || bad) from (values ('''nobody'', ''manual''', 'LS012'), ('''law.listwise'', ''best''', 'LS001'),
    ('''law.listwise'', null', 'LS001'), ('''law.listwise'', ''not_worse'', -0.01', 'LS001'), ('''law.listwise'', ''not_worse'', 0.6', 'LS001'), ('''law.listwise'', ''not_worse'', ''NaN''', 'LS001'), ('''law.listwise'', ''not_worse'', null', 'LS001')) b (bad, code);
select fixture.feature_set('art/one', 'test'), fixture.feature_set('art/two', 'test', p_queries => 100, p_label_kind => 'score'), fixture.ranker('art');
create function pg_temp.art(p_accuracy double precision) returns integer language plpgsql as $$
declare v_version text := fixture.version_name(fixture.version('art.listwise', 'art' || (select count(*) from ls.ranker_version)));
begin
    perform pg_temp.measure(v_version, p_accuracy);
    return fixture.champion_number('art.listwise');
end $$;
select is(pg_temp.art(0.6), 1, 'a version that is better');
select is(pg_temp.art(0.57), 1, 'one that is three points worse is not promoted');
select lives_ok($$ select ls.set_promotion_policy('art.listwise', 'not_worse', 0.05, 'ada') $$, 'unless it has only to be not worse by more than five');
select results_eq('select actor, action, subject, reason from ls.audit_entry limit 1', $$ values ('ada', 'set promotion policy', 'art.listwise', 'not_worse, margin 0.05') $$, 'which is on record');
select is(ls.consider_promotion(fixture.version_id('art.listwise@2')), true, 'then it is');
select is(fixture.decided('art.listwise@2'), 'promoted: not worse by more than 5 points than the anchor, version 1: -3.0 points on 500 queries, e = 1051, 20 asked for; it is worse, e = 123550', 'and both are said');
select is(pg_temp.art(0.54), 2, 'three points more are not: margins do not add up');
select is(fixture.decided('art.listwise@3'), 'not proven not worse by more than 5 points than the anchor, version 1: -6.0 points on 500 queries, e = 0.24, 20 asked for; it is worse, e = 10^10', 'it is compared with the last that was better');
select ls.set_alias(fixture.version_id('art.listwise@2'), 'anchor', 'we live with it');
select is(ls.consider_promotion(fixture.version_id('art.listwise@3')), true, 'a person may name another anchor');
select ls.set_promotion_policy('art.listwise', 'manual');
select is(pg_temp.art(0.9), 3, 'where a person decides, nothing is promoted by itself');
select is(fixture.decided('art.listwise@4'), 'its policy is manual: a person decides; +36.0 points against the champion, version 3 on 500 queries, e = 10^60', 'and the evidence is there');
-- Who the anchor is.
create function pg_temp.anchor(p_version text, p_by text) returns text language sql as $$
    select ls.set_alias(fixture.version_id(p_version), 'champion', 'test', p_by);
    select incumbent || ' ' || fixture.version_name(incumbent_version_id) from ls.judge(fixture.version_id('art.listwise@4')) $$;
select ls.set_promotion_policy('art.listwise', 'not_worse'), ls.remove_alias('art.listwise', 'anchor', 'test');
select is(pg_temp.anchor('art.listwise@3', 'ada'), 'anchor art.listwise@2', 'of a champion that had only to be not worse, the one it was compared with');
select is(pg_temp.anchor('art.listwise@1', 'ada'), 'anchor art.listwise@1', 'else the champion');
select is(pg_temp.anchor('art.listwise@2', 'ada'), 'anchor art.listwise@1', 'put back by a person, it is what it was');
select is(pg_temp.anchor('art.listwise@3', 'evaluation check'), 'anchor art.listwise@3', 'chosen by a check of evaluations it stands for itself: others may have been found out');
select ls.set_promotion_policy('art.listwise', 'better');
select is(ls.consider_promotion(fixture.version_id('art.listwise@4')), true, 'the default is back');

-- The best of a sweep pays for having been chosen among so many.
select fixture.feature_set('home', 'train'), fixture.feature_set('home', 'test'), fixture.ranker('home');
select ls.request_sweep('home.listwise', '[{"epochs": 1}, {"epochs": 2}, {"epochs": 3}]');
select fixture.train(1, 'h1'), fixture.train(1, 'h2'), fixture.train(1, 'h3');
select pg_temp.measure('home.listwise@1', 0.395), pg_temp.measure('home.listwise@2', 0.38), pg_temp.measure('home.listwise@3', 0.37);
select is(fixture.decided('home.listwise@1'), 'not proven better than the first sample: +1.5 points on 400 queries, e = 17.7 (divided by the 3 of which the sweep chose it), 20 asked for', 'one of three has to prove three times as much');
select results_eq($$ select tried_count, abs(log_e + ln(3::float8) - ls.log_e(ls.log_sums(ls.differences(version_values, incumbent_values, query_counts, widths)))) < 1e-12
    from ls.judge(fixture.version_id('home.listwise@1')) $$, $$ values (3, true) $$, 'that is ln 3 less');
select ls.request_training('home.listwise'), fixture.train(1, 'h1');
select is(fixture.decided('home.listwise@1'), 'promoted: better than the first sample: +1.5 points on 400 queries, e = 53.1, 20 asked for', 'trained by itself, it is a version like any other');

-- A user's ranker and sets that are at home with two workers: nobody can measure the incumbent.
update ls.worker set labels = '{"user": "eve"}';
select ls.worker_connected(w, 'test', 'test', 4, '{train,evaluate}') from generate_series(1, 2) w;
select ls.register_ranker('tiny', 'listwise', '{"kind": "listwise", "hidden_size": 4}', '{"epochs": 1, "seed": 7}', 'eve', null, '~eve/general', 'v'), fixture.ranker('law/tax', p_user => 'eve');
select ls.request_training('~eve/general', array(select feature_set_id from ls.feature_set where domain_id = (select domain_id from ls.domain where name = 'code') limit 1));
select ls.promote((select version_id from ls.lease_tasks(2, '{train}', 1, 60) l, ls.complete_training(2, l.token, sha256('general'), null, '{}', 7)), 'nothing else is there');
select is_empty($$ select * from ls.offer_local_data(1, (select jsonb_agg(jsonb_build_object('digest', encode(sha256(s::bytea), 'hex'), 'byte_count', 1000, 'base_model', 'tiny', 'domain', 'law/tax',
    'split', s, 'user', 'eve', 'label_kind', 'binary', 'hidden_size', 4, 'query_count', 400, 'response_count', 1600)) from unnest(array['test', 'train']) s)) $$, 'sets at home with one');
select lives_ok($$ select fixture.version('~eve/law/tax.listwise', 'tax') $$, 'a version whose incumbent is at home with another');
select is(pg_temp.incumbent('~eve/law/tax.listwise@1'), 'user: ~eve/general@1', 'is added');
select is(pg_temp.measure('~eve/law/tax.listwise@1', 0.9), true, 'and measured');
select is(fixture.decided('~eve/law/tax.listwise@1'), 'not proven: the incumbent has not been measured on the test set of ''law/tax''', 'and the gate says what is missing');

-- The gate moves the champion with a decision, and once.
select throws_ok(format('select ls.set_alias(%s, ''champion'', ''so there'', ''promotion gate'')', fixture.version_id('art.listwise@1')), 'LS021',
    format('cannot make version %s champion by the gate: found no decision with e of 20 or more', fixture.version_id('art.listwise@1')), 'not twice by one decision');
select throws_ok(format('select ls.set_alias(%s, ''champion'', ''so there'', ''promotion gate'')', fixture.version_id('math/geometry.listwise@1')), 'LS021', null, 'nor by one that kept it');
select throws_ok(format('select ls.set_alias(%s, ''champion'', ''so there'', ''promotion gate'')', fixture.version_id('math/algebra.listwise@1')), 'LS021', null, 'nor without one');
select lives_ok(format('select ls.set_alias(%s, ''challenger'', ''to be watched'', ''promotion gate'')', fixture.version_id('math/algebra.listwise@1')), 'other aliases are anybody''s');
select lives_ok(format('select ls.promote(%s, ''I like it'', ''ada'')', fixture.version_id('math/algebra.listwise@1')), 'and a person may');

-- What a decision keeps is all that it takes to decide again.
select results_eq($$ select d.feature_set_ids = array(select c.feature_set_id from ls.current_feature_sets(1, 'art', 'test', null) c order by 1), query_counts, widths, cardinality(version_values), cardinality(incumbent_values),
        configuration = ls.default_evaluation_configuration()
    from ls.promotion_decision d where version_id = fixture.version_id('art.listwise@1') $$, $$ values (true, '{400,100}'::integer[], '{1,1}'::float8[], 500, 500, true) $$, 'two sets, one after the other');
select cmp_ok((select count(*) from ls.promotion_decision where version_values is not null and policy = 'better'), '>', 12::bigint, 'of many decisions');
select is_empty($$ select promotion_decision_id, log_e from ls.promotion_decision where policy in ('better', 'manual') and log_e is not null
    and abs(ls.log_e(ls.log_sums(ls.differences(version_values, incumbent_values, query_counts, widths))) - ln(tried_count::float8) - log_e) > 1e-12 $$, 'each e-value is what its values say');
select is_empty($$ select promotion_decision_id from ls.promotion_decision where policy = 'not_worse' and log_e is not null
    and abs(ls.log_e(ls.log_sums(array(select (d + margin) / (1 + margin) from unnest(ls.differences(version_values, incumbent_values, query_counts, widths)) d))) - log_e) > 1e-12 $$, 'also where it has only to be not worse');
select is_empty($$ select promotion_decision_id from ls.promotion_decision where log_e_worse is not null
    and abs(ls.log_e(ls.log_sums(array(select -d from unnest(ls.differences(version_values, incumbent_values, query_counts, widths)) d))) - log_e_worse) > 1e-12 $$, 'and how much worse it is');
select is(ls.differences('{0.5,1,0,3}', '{0.25,0,1,1}', '{3,1}', '{1,4}'), '{0.25,1,-1,0.5}', 'a difference is a part of the range of its set');
select is(ls.differences(array[1.1::real], array[0.1::real], '{1}', '{1}'), '{1}', 'a hair more than 1 is cut off');
select is_empty('select * from ls.broken_rules(true)', 'no rule is broken');

-- Who is forgotten is not waited for, and what those versions picked goes; what was decided stays.
select ls.add_route_rule('hers', 'pin', '~ada/music.listwise', p_domain => 'math/algebra'), fixture.version('math/algebra.pointwise', 'p2');
select pg_temp.measure('math/algebra.pointwise@2', 0.9), pg_temp.measure('~ada/music.listwise@1', 0.5);
select matches(fixture.decided('math/algebra.pointwise@2'), '^promoted: better than ''~ada/music.listwise'' version 1, .* \(rule\)', 'a version is compared with a user''s');
select ls.request_training('art.listwise', array[fixture.feature_set('art', 'train', 'ada', 3, 'ada')]), fixture.train(2, 'of ada');
select pg_temp.measure('art.listwise@5', 0.93), pg_temp.art(0.96);
select is(fixture.champion_number('art.listwise'), 6, 'another with one that learned from her');
select fixture.feature_set('art/one', 'test', 'newer');
select ls.request_training('art.listwise', array[(select feature_set_id from ls.feature_set where user_name = 'ada')], p_seed => 8), fixture.train(2, 'of ada, too');
select pg_temp.measure('art.listwise@7', 0.5);
select results_eq('select pg_temp.waiting()', array['art.listwise@7 for art.listwise@6'], 'and one that learned from her waits');
select isnt_empty($$ select * from ls.forget_user('ada', 'asked') $$, 'she is forgotten');
select is_empty('select * from ls.promotion_wait', 'nothing waits');
select results_eq($$ select fixture.version_name(version_id), promoted, fixture.version_name(incumbent_version_id), version_values is null, incumbent_values is null, log_e > 3 from ls.promotion_decision
        where version_values is null and log_e is not null or incumbent_values is null and log_e is not null order by 1 $$,
    $$ values ('art.listwise@5', true, 'art.listwise@4', true, false, true), ('art.listwise@6', true, 'art.listwise@5', false, true, true),
        ('math/algebra.pointwise@2', true, null, false, true, true) $$, 'what was decided stays, not what those versions picked');
select is(ls.settle_promotions(), 0, 'housekeeping goes on');
select is_empty('select * from ls.broken_rules(true)', 'no rule is broken');
select * from finish();
rollback;
