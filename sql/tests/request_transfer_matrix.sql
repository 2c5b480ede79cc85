-- ls.request_transfer_matrix, views transfer_matrix and math_transfer_matrix: every ranker on every target, nothing twice.
begin;
select plan(31);
select fixture.base_model();
select ls.register_domain('math/number_theory');
select fixture.worker('w');
select fixture.feature_set(d, 'test') from unnest(array['math/algebra', 'math/geometry', 'code']) d;
select fixture.ranker(d, k) from unnest(array['math/algebra', 'math/geometry', 'math', 'code']) d, unnest(array['listwise', 'pointwise']) k;
select fixture.ranker('math/algebra', p_user => 'ada');
select throws_ok($$ select * from ls.request_transfer_matrix('tiny', 'math/*') $$, 'LS013', null, 'no version, no matrix');
select throws_ok($$ select * from ls.request_transfer_matrix('tiny', 'music/*') $$, 'LS011', null, 'no domain, no matrix');
select throws_ok($$ select * from ls.request_transfer_matrix('tiny', 'math/number_theory') $$, 'LS014', null, 'no test set, no matrix');
select throws_ok($$ select * from ls.request_transfer_matrix('tiny', 'math/*', 'wide') $$, 'LS001', null, 'an unknown kind');
-- Each is measured on its own domain, and champion: better than the first sample, the pointwise one than the listwise.
select fixture.version(r, r), fixture.evaluate(1, a)
from (values ('math/algebra.listwise', 0.5), ('math/geometry.listwise', 0.6), ('math.listwise', 0.55), ('math/algebra.pointwise', 0.65), ('code.listwise', 0.9)) v (r, a);
create temporary table asked as select * from ls.request_transfer_matrix('tiny', 'math/*', 'listwise');
select is((select array_agg(ranker order by ranker) from asked), '{math/algebra.listwise,math/geometry.listwise}', 'only what is missing is asked for: math was measured on both');
select results_eq('select task_id from asked', $$ select task_id from ls.request_transfer_matrix('tiny', 'math/*', 'listwise') $$, 'asked again while open: the same tasks');
select is((select array_agg(d.name order by d.name) from asked join ls.task_feature_set using (task_id) join ls.feature_set using (feature_set_id) join ls.domain d using (domain_id)),
    '{math/algebra,math/geometry}', 'each source on the target it lacks');
select fixture.evaluate(1, 0.45), fixture.evaluate(1, 0.48);
select is_empty($$ select * from ls.request_transfer_matrix('tiny', 'math/*', 'listwise') $$, 'complete: nothing to wait for');
select results_eq($$ select source_ranker, target_domain, accuracy, round(difference::numeric, 2) from ls.transfer_matrix where kind = 'listwise' and target_domain <> 'code' $$,
    $$ values ('math.listwise', 'math/algebra', 0.55::float8, 0.05), ('math.listwise', 'math/geometry', 0.55, -0.05),
        ('math/algebra.listwise', 'math/algebra', 0.5, 0.00), ('math/algebra.listwise', 'math/geometry', 0.45, -0.15),
        ('math/geometry.listwise', 'math/algebra', 0.48, -0.02), ('math/geometry.listwise', 'math/geometry', 0.6, 0.00) $$,
    'accuracy and the difference from the target''s own ranker of the same kind');
select results_eq($$ select source_ranker, difference from ls.transfer_matrix where kind = 'pointwise' $$, $$ values ('math/algebra.pointwise', 0::float8) $$, 'kinds are apart');
select results_eq($$ select kind, source, "A", "G", "PC" from ls.math_transfer_matrix where kind = 'listwise' $$,
    $$ values ('listwise', 'math/algebra.listwise', '50.0 (+0.0)', '45.0 (-15.0)', null), ('listwise', 'math/geometry.listwise', '48.0 (-2.0)', '60.0 (+0.0)', null),
        ('listwise', 'math.listwise', '55.0 (+5.0)', '55.0 (-5.0)', null), ('listwise', 'first sample', '38.0', '38.0', null), ('listwise', 'oracle', '96.0', '96.0', null) $$,
    'in the form of Table 6');
select is((select count(*) from ls.request_transfer_matrix('tiny', 'math/*', p_configuration => '{"candidate_count": 4}')), 4::bigint, 'another K is another matrix');
select is((select count(*) from ls.transfer_matrix where source_domain = 'math/algebra' and source_ranker like '~%'), 0::bigint, 'users'' rankers are no sources');
select fixture.feature_set('math/algebra', 'test', 'newer');
select is((select count(*) from ls.transfer_matrix where target_domain = 'math/algebra'), 0::bigint, 'a new test set: the old figures are no longer shown');
select ls.cancel_task(task_id, 'test over') from ls.task where state = 'waiting';
-- Worse than the first sample: the promotion gate makes it no champion, and the matrix says how it does.
select fixture.version('math/geometry.pointwise', 'g1'), fixture.evaluate(1, 0.2);
select fixture.version('math/geometry.pointwise', 'g2'), fixture.evaluate(1, 0.25);
select results_eq($$ select source_ranker, target_domain, accuracy, is_champion from ls.transfer_matrix where source_domain = 'math/geometry' and target_domain = 'math/geometry' $$,
    $$ values ('math/geometry.listwise', 'math/geometry', 0.6::float8, true), ('math/geometry.pointwise', 'math/geometry', 0.25, false) $$,
    'a ranker without a champion is there with its newest version');
select is((select count(*) from ls.request_transfer_matrix('tiny', 'math/algebra', 'listwise')), 1::bigint, 'a pattern may be one domain');
select is(ls.domain_matches('math', 'math/*'), false, 'beneath it does not mean itself');
select is((select array_agg(distinct ranker order by ranker) from ls.request_transfer_matrix('tiny', p_kind => 'listwise')), '{code.listwise,math.listwise,math/algebra.listwise,math/geometry.listwise}',
    'no pattern: every domain');
select is((select array_agg(distinct d.name order by d.name) from ls.task t join ls.task_feature_set using (task_id) join ls.feature_set using (feature_set_id)
    join ls.domain d using (domain_id) where t.kind = 'evaluate' and t.state = 'waiting' and t.configuration = ls.default_evaluation_configuration()), '{code,math/algebra,math/geometry}',
    'on every test set');
select is((select array_agg(distinct ranker order by ranker) from ls.request_transfer_matrix('tiny', 'math/geometry,code')), '{code.listwise,math/geometry.listwise,math/geometry.pointwise}',
    'several patterns with commas');
select is((select count(*) from ls.request_transfer_matrix('tiny', 'code,math/*', 'listwise') where ranker = 'math.listwise'), 1::bigint, 'the broader domain of one of them, too');
select is((select count(distinct ranker) from ls.request_transfer_matrix('tiny', '*')), (select count(distinct ranker) from ls.request_transfer_matrix('tiny')), 'so does *');
select isnt(ls.request_matrix('tiny', p_after => '{}'), null, 'a matrix of every domain');
select is((select distinct ranker from ls.task_queue where kind = 'matrix'), '*', 'is called *');
select results_eq($$ select d, ls.domain_matches_any(d, 'math/*,code'), ls.domain_matches_any(d, null), ls.domain_matches_any(d, '*') from unnest(array['math', 'math/algebra', 'code', 'codes']) d $$,
    $$ values ('math', false, true, true), ('math/algebra', true, true, true), ('code', true, true, true), ('codes', false, true, true) $$, 'any of several patterns');
select is(ls.domain_matches_any('math', ''), false, 'none of none');
select is((select v.number from ls.ranker r join ls.ranker_version v on v.version_id = ls.standing_version(r.ranker_id) where r.name = 'math/geometry.pointwise'), 2, 'without a champion the newest version stands for a ranker');
select is((select v.number from ls.ranker r join ls.ranker_version v on v.version_id = ls.standing_version(r.ranker_id) where r.name = 'math/algebra.pointwise'), 1, 'else the champion');
select is(ls.standing_version((select ranker_id from ls.ranker where name = 'code.pointwise')), null, 'or none');
select throws_ok($$ select * from ls.request_transfer_matrix('tiny', 'music,poems/*') $$, 'LS011', null, 'none of several is a domain');
insert into ls.domain (name) select 'many/d' || i from generate_series(1, 34000) i;
insert into ls.ranker (name, base_model_id, domain_id, kind, configuration, training) select d.name, r.base_model_id, d.domain_id, r.kind, r.configuration, r.training
from ls.domain d, ls.ranker r where d.name like 'many/%' and r.name = 'code.listwise';
select throws_like($$ select * from ls.request_transfer_matrix('tiny') $$, '%expected 100000 at most', 'more than anybody reads');
select * from finish();
rollback;
