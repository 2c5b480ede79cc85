-- ls.incumbents, incumbent_for, sets_to_measure: who serves the requests of each test set of a ranker, which sets count, and what is
-- judged anew when figures of one were refuted.
begin;
select plan(58);
select fixture.base_model();
select ls.register_domain(d) from unnest(array['math', 'art', 'art/one', 'art/two']) d;
select fixture.worker('w'), fixture.worker('v');
update ls.check_policy set share = 0;
create temporary table lease as select 1::bigint as worker_id, l.* from ls.lease_tasks(1, '{evaluate}', 1, 60) l;
-- Domain of the set, whether it counts, who serves its requests.
create function pg_temp.faced(p_version text) returns setof text language sql as $$
    select concat_ws(' ', i.domain, case when not i.is_counted then '(does not count)' end, i.reason, fixture.version_name(i.version_id))
    from ls.ranker_version v cross join lateral ls.incumbents(v.ranker_id, v.version_id) i where v.version_id = fixture.version_id(p_version) order by 1 $$;
create function pg_temp.incumbent(p_version text) returns text language sql as $$
    select concat_ws(': ', i.reason, fixture.version_name(i.version_id)) from ls.incumbent(fixture.version_id(p_version)) i $$;
create function pg_temp.asked() returns setof text language sql as $$
    select fixture.version_name(t.version_id) || ' on ' || string_agg(d.name, ', ' order by d.name) from ls.task t join ls.task_feature_set using (task_id) join ls.feature_set f using (feature_set_id)
        join ls.domain d on d.domain_id = f.domain_id where t.kind = 'evaluate' and t.ended_at is null group by t.task_id, t.version_id order by 1 $$;

-- A ranker for everything faces, on each domain's set, who serves that domain.
select fixture.feature_set(d, 'test') from unnest(array['math/algebra', 'math/geometry', 'code']) d;
select fixture.ranker('math'), fixture.ranker(null, p_user => 'ada'), fixture.ranker('math/algebra'), fixture.ranker('code');
select is(fixture.made('math.listwise', 0.6), 1, 'the ranker of math has a champion');
select fixture.version('~ada.listwise', 'hers');
select results_eq($$ select pg_temp.faced('~ada.listwise@1') $$, array['code first sample', 'math/algebra parent domain math.listwise@1', 'math/geometry parent domain math.listwise@1'],
    'a user''s ranker for everything would take the requests of math from it, and those of code from nobody');
select is(pg_temp.incumbent('~ada.listwise@1'), 'parent domain: math.listwise@1', 'most of them are served by that of math');
select results_eq($$ select pg_temp.asked() $$, array['~ada.listwise@1 on code, math/algebra, math/geometry'], 'what is known is not measured again');
select fixture.measure('~ada.listwise@1', 0.45);
select is(fixture.champion_number('~ada.listwise'), null, 'better than the first sample on code alone, and worse on math, it is not promoted');
select is(fixture.decided('~ada.listwise@1'), 'not proven better than ''math.listwise'' version 1, which serves these requests without it (parent domain), and than the first sample: -7.7 points on 1200 queries, e = less than 0.01, 20 asked for; it is worse, e = 10^31; worse for ''math/algebra'' (-15.0 points on 400 queries), ''math/geometry'' (-15.0 points on 400 queries): 66.7 % of the queries, at most 10 % may be', 'the decision says why');
select results_eq($$ select array(select fixture.version_name(i) from unnest(incumbent_version_ids) i), fixture.version_name(incumbent_version_id) from ls.promotion_decision where version_id = fixture.version_id('~ada.listwise@1') $$,
    $$ values (array['math.listwise@1', 'math.listwise@1', null], 'math.listwise@1') $$, 'and keeps whom it faced on each set');
select is(fixture.made('~ada.listwise', 0.7), 2, 'one that is better on all is');
select is((select ranker_name from ls.route('tiny', 'ada', 'math/algebra')), '~ada.listwise', 'and serves her');
select results_eq($$ select pg_temp.faced('~ada.listwise@2') $$, array['code first sample', 'math/algebra parent domain math.listwise@1', 'math/geometry parent domain math.listwise@1'], 'those whom the champion is compared with');
select ls.judge_champions();
select results_eq($$ select w.feature_set_ids = array(select i.feature_set_id from ls.incumbents(w.ranker_id) i), array(select fixture.version_name(f) from unnest(w.fallback_version_ids) f)
    from ls.champion_watch w where w.ranker_id = ls.ranker_id('~ada.listwise') $$, $$ values (true, array['math.listwise@1', 'math.listwise@1', null]) $$, 'are watched, all of them');

-- What a narrower ranker serves anyway does not count.
select is(fixture.made('math/algebra.listwise', 0.75), 1, 'algebra has a ranker of its own, better than that of math');
select fixture.version('math.listwise', 'second');
select results_eq($$ select pg_temp.faced('math.listwise@2') $$, array['math/algebra (does not count) champion math.listwise@1', 'math/geometry champion math.listwise@1'], 'a newer version of math''s would not serve algebra');
select fixture.measure('math.listwise@2', 0.66);
select is(fixture.decided('math.listwise@2'), 'promoted: better than the champion, version 1: +6.0 points on 400 queries, e = 10^8, 20 asked for; one test set does not count, as others serve its requests', 'and is judged on geometry');
select results_eq($$ select pg_temp.faced('~ada.listwise@1') $$, array['code champion ~ada.listwise@2', 'math/algebra champion ~ada.listwise@2', 'math/geometry champion ~ada.listwise@2'], 'her own ranker comes before it: all her sets count');
select is_empty('select * from ls.broken_rules(true)', 'no rule is broken');
-- A champion that is asked for nothing that it was measured on.
select fixture.ranker('math/geometry'), fixture.made('math/geometry.listwise', 0.8);
select results_eq($$ select pg_temp.faced('math.listwise@2') $$, array['math/algebra first sample', 'math/geometry first sample'], 'where others serve every set, all count, against who serves math itself');
select results_eq($$ select pg_temp.faced('math.listwise@1') $$, array['math/algebra champion math.listwise@2', 'math/geometry champion math.listwise@2'], 'a challenger still faces the champion');

-- Another kind's ranker of the same domain serves the same requests.
select fixture.ranker('math/geometry', 'pointwise');
select fixture.version('math/geometry.pointwise', 'p1');
select results_eq($$ select pg_temp.faced('math/geometry.pointwise@1') $$, array['math/geometry domain math/geometry.listwise@1'], 'it is the incumbent');

-- Rules.
select ls.add_route_rule('by-hand', 'pin', 'math.listwise@1', p_domain => 'code');
select fixture.version('code.listwise', 'c1');
select results_eq($$ select pg_temp.faced('code.listwise@1') $$, array['code rule math.listwise@1'], 'where a rule serves every set, it is the incumbent');
create function pg_temp.is_asked() returns boolean language sql as $$ select is_asked from ls.incumbent_for(ls.ranker_id('code.listwise'), null, false, 'bob', 'code') $$;
select is(pg_temp.is_asked(), false, 'the ranker is not asked');
select ls.promote(fixture.version_id('code.listwise@1'), 'try');
select ls.add_route_rule('to-code', 'pin', 'code.listwise', p_domain => 'code', p_priority => -1);
select is(pg_temp.is_asked(), true, 'unless a rule before it gives it the requests');
select ls.remove_alias('code.listwise', 'champion', 'test');
select ls.remove_route_rule('to-code', 'test'), ls.remove_route_rule('by-hand', 'test');
select ls.add_route_rule('hers', 'pin', 'math.listwise@1', p_user => 'ada', p_domain => 'math/algebra');
select results_eq($$ select pg_temp.faced('~ada.listwise@1') $$, array['code champion ~ada.listwise@2', 'math/algebra (does not count) champion ~ada.listwise@2', 'math/geometry champion ~ada.listwise@2'], 'what a rule serves anyway does not count');
select ls.add_route_rule('back', 'pin', '~ada.listwise:champion', p_user => 'ada', p_priority => -1);
select results_eq($$ select pg_temp.faced('~ada.listwise@1') $$, array['code champion ~ada.listwise@2', 'math/algebra champion ~ada.listwise@2', 'math/geometry champion ~ada.listwise@2'], 'unless a rule before it gives them to the ranker');
select ls.remove_route_rule('back', 'test'), ls.remove_route_rule('hers', 'test');
select is(ls.sets_to_measure(7, 7, '{1,2,3}', '{4,5,null}'), '{1,2,3}', 'a version is measured on all its sets');
select is(ls.sets_to_measure(5, 7, '{1,2,3}', '{4,5,null}'), '{2}', 'whom it faces on those where it does');

-- Without a champion a narrower ranker keeps nothing from the broader one.
select ls.remove_alias('math/algebra.listwise', 'champion', 'test'), ls.remove_alias('math/geometry.listwise', 'champion', 'test');
select results_eq($$ select pg_temp.faced('math.listwise@1') $$, array['math/algebra champion math.listwise@2', 'math/geometry champion math.listwise@2'], 'all its sets count again');

-- Several incumbents are measured where they are faced, one after the other.
select fixture.ranker(null, p_user => 'bob'), fixture.champion('code.listwise', 'unmeasured');
select ls.cancel_task(task_id, 'test') from ls.task where ended_at is null;
delete from ls.evaluation where version_id = fixture.version_id('code.listwise@2');
select fixture.version('~bob.listwise', 'b1');
select results_eq($$ select pg_temp.asked() $$, array['code.listwise@2 on code', '~bob.listwise@1 on code, math/algebra, math/geometry'], 'asked for are the figures that are not known');
select fixture.measure('~bob.listwise@1', 0.9);
select results_eq($$ select fixture.version_name(incumbent_version_id) from ls.promotion_wait where version_id = fixture.version_id('~bob.listwise@1') $$, array['code.listwise@2'], 'it waits for them');
select fixture.measure('code.listwise@2', 0.5);
select is(fixture.champion_number('~bob.listwise'), 1, 'and they decide');

-- Training starts from who serves most of the requests.
select ls.register_ranker('tiny', 'listwise', '{"kind": "listwise", "hidden_size": 4}', '{"start": "incumbent", "epochs": 1, "seed": 7}', 'cid', null, 'cid');
select fixture.feature_set('math/algebra', 'train');
select ls.request_training('cid');
select is((select fixture.version_name(initial_version_id) from ls.task where kind = 'train' and ended_at is null), 'math.listwise@2', 'a user''s ranker starts from the one that serves him now');
select ls.cancel_task(task_id, 'test') from ls.task where ended_at is null;

-- Figures of a set were refuted: whoever rests on them is judged anew, in whatever ranker. What the liar said of the first
-- sample made a version champion that is worse than it.
select fixture.feature_set('art/one', 'test'), fixture.feature_set('art/two', 'test'), fixture.ranker('art/one'), fixture.ranker('art');
select fixture.version('art.listwise', 'art1');
select fixture.measure('art.listwise@1', 0.5, 2, '{"first_sample": 0.2, "oracle": 0.9}');
select is(fixture.champion_number('art.listwise'), 1, 'promoted against a first sample that a worker made small');
select ls.judge_champions();
select fixture.version('art/one.listwise', 'one1');
select fixture.measure('art/one.listwise@1', 0.55, 1, '{"first_sample": 0.2, "oracle": 0.9}');
select ls.judge_champions();
select is((select count(*) from ls.champion_move), 0::bigint, 'all were looked at');
select ls.open_evaluation_check(evaluation_id, 'sample', true) from ls.evaluation e where version_id = fixture.version_id('art.listwise@1');
select ls.decide_evaluation_check(evaluation_check_id, 'refuted', 'the first sample is better', fixture.report(0.5, '{"first_sample": 0.7}'))
    from ls.evaluation_check where version_id = fixture.version_id('art.listwise@1') and decided_at is null;
select is(fixture.champion_number('art.listwise'), null, 'found out, it is chosen anew, and worse than the first sample');
select results_eq($$ select fixture.champion_number('art/one.listwise') $$, $$ values (1) $$, 'another ranker''s stays until housekeeping looks at it');
select isnt_empty('select * from ls.champion_move where feature_set_id is not null', 'which is noted');
select ls.judge_champions();
select is(fixture.champion_number('art/one.listwise'), null, 'and goes, as what it was compared with was wrong');
select is_empty('select * from ls.champion_move where feature_set_id is not null', 'then nothing is left to look at');

-- A new test set is a reason to look again.
select fixture.feature_set('math/algebra', 'test', 'newer');
select ls.judge_champions(1000);
select results_eq($$ select w.asked_version_id is not null, cardinality(w.feature_set_ids) from ls.champion_watch w where w.ranker_id = ls.ranker_id('~bob.listwise') $$, $$ values (true, 5) $$, 'a champion is to be measured on a newer test set');
select isnt_empty($$ select * from ls.task t join ls.task_feature_set using (task_id) where t.version_id = fixture.version_id('~bob.listwise@1') and t.ended_at is null $$, 'that is asked for');
select is_empty('select * from ls.broken_rules(true)', 'no rule is broken');

-- What was not promoted because of figures that were refuted is decided anew; with no champion, nobody is chosen without evidence.
select ls.register_domain(d) from unnest(array['sea', 'sea/one', 'sky', 'sky/one', 'hill', 'hill/one', 'bay', 'bay/x']) d;
select fixture.feature_set('sea/one', 'test'), fixture.ranker('sea'), fixture.ranker('sea/one');
update ls.worker set quarantined_at = null, quarantined_because = null, quarantined_for = null;
select fixture.version('sea.listwise', 'sea1');
select fixture.measure('sea.listwise@1', 0.9, 2);
create function pg_temp.refuted(p_version text, p_accuracy double precision) returns integer language plpgsql as $$ begin
    perform ls.open_evaluation_check(evaluation_id, 'dispute', true) from ls.evaluation where version_id = fixture.version_id(p_version);
    perform ls.decide_evaluation_check(evaluation_check_id, 'refuted', 'it is not so', fixture.report(p_accuracy))
        from ls.evaluation_check where version_id = fixture.version_id(p_version) and decided_at is null;
    update ls.worker set quarantined_at = null, quarantined_because = null, quarantined_for = null;
    return fixture.champion_number(split_part(p_version, '@', 1));
end $$;
select is(fixture.made('sea/one.listwise', 0.6), null, 'a version is not better than what a liar says of its incumbent');
select is(pg_temp.refuted('sea.listwise@1', 0.41), 1, 'found out, the liar''s version stays, as it is better than the first sample');
select is(fixture.champion_number('sea/one.listwise'), 1, 'and the other is looked at again, and promoted');

select fixture.feature_set('sky/one', 'test'), fixture.ranker('sky'), fixture.ranker('sky/one');
select fixture.made('sky.listwise', 0.6), fixture.made('sky/one.listwise', 0.7);
select is(fixture.made('sky.listwise', 0.8), 2, 'a broader ranker is better now');
select ls.judge_champions(1000);
select is(fixture.champion_number('sky/one.listwise'), null, 'so the narrower one''s champion goes');
select is(fixture.made('sky/one.listwise', 0.79), null, 'nor is a newer one better');
select fixture.version('sky/one.listwise', 'sky3');
select fixture.measure('sky/one.listwise@3', 0.78, 2);
select is(fixture.champion_number('sky/one.listwise'), null, 'nor the next');
select is(pg_temp.refuted('sky/one.listwise@3', 0.77), null, 'a refuted figure makes none of them champion: nobody proved anything');

-- A test set is replaced while a version waits.
select fixture.feature_set('hill/one', 'test'), fixture.ranker('hill/one');
select fixture.version('hill/one.listwise', 'hill1');
insert into lease select 1, l.* from ls.lease_tasks(1, '{evaluate}', 100, 600) l;
select fixture.feature_set('hill/one', 'test', 'newer');
select fixture.measure('hill/one.listwise@1', 0.9);
select ok('hill/one.listwise@1 on hill/one' in (select pg_temp.asked()), 'it is measured on the newer one');
select fixture.measure('hill/one.listwise@1', 0.9);
select is(fixture.champion_number('hill/one.listwise'), 1, 'and decided on');

-- Nobody is harmed by a champion's going.
select fixture.feature_set('bay', 'test'), fixture.feature_set('bay/x', 'test', '', 60), fixture.ranker('bay');
select is(ls.would_harm(ls.ranker_id('bay.listwise'), s.sets, array[400, 60], '{1,1}', array_fill(0.5::real, array[400]) || array_fill(x.mine::real, array[60]), array_fill(0.6::real, array[400]) || array_fill(x.others::real, array[60])), x.harms, x.what)
from (select array_agg(f.feature_set_id order by f.feature_set_id) as sets from ls.current_feature_sets(1, 'bay', 'test', null) f) s,
    (values (1.0, 0.2, true, 'a champion that is proven better for a domain would be missed there'), (0.5, 0.6, false, 'one that is worse for all would not')) x (mine, others, harms, what);

-- Who waited for a version of somebody who is forgotten is decided against who is next.
select fixture.feature_set('code', 'train', 'ada', 3, 'ada'), fixture.ranker('math/geometry', p_user => 'ada'), fixture.champion('~ada/math/geometry.listwise', 'ada');
select ls.cancel_task(task_id, 'test') from ls.task where ended_at is null;
select ls.add_route_rule('all', 'pin', '~ada/math/geometry.listwise', p_domain => 'hill/one', p_priority => -5);
select fixture.ranker('hill/one', 'pointwise'), fixture.version('hill/one.pointwise', 'hillp');
delete from ls.evaluation where version_id = fixture.version_id('~ada/math/geometry.listwise@1');
select fixture.measure('hill/one.pointwise@1', 0.95);
select is((select fixture.version_name(incumbent_version_id) from ls.promotion_wait where version_id = fixture.version_id('hill/one.pointwise@1')), '~ada/math/geometry.listwise@1', 'a version waits for ada''s');
select isnt_empty($$ select * from ls.forget_user('ada', 'asked') $$, 'she is forgotten');
select cmp_ok(ls.settle_promotions(), '>=', 1, 'the gate looks for who is next');
select is(fixture.champion_number('hill/one.pointwise'), 1, 'and decides');

-- Back past a version of a forgotten user; a withdrawal moves the champion once.
select is_empty('select * from ls.broken_rules(true)', 'no rule is broken');
select * from finish();
rollback;
