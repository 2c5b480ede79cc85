-- ls.route, ls.resolve: who answers, and why.
begin;
select plan(27);
select fixture.base_model();
select ls.register_domain('code/python');
select fixture.worker('w');
create function pg_temp.ask(p_user text, p_domain text) returns text language sql as $$
    select coalesce((select ranker_name || ', ' || reason from ls.route('tiny', p_user, p_domain)), 'first sample') $$;
create function pg_temp.add(p_domain text, p_kind text default 'listwise', p_user text default null) returns bigint language sql as $$
    select fixture.champion(fixture.ranker(p_domain, p_kind, p_user), concat(p_domain, p_kind, p_user)) $$;
select is(pg_temp.ask(null, null), 'first sample', 'no ranker: the candidates keep their order');
select is(pg_temp.ask('ada', 'math/algebra'), 'first sample', 'for anyone');
select fixture.ranker('math/algebra');
select is(pg_temp.ask(null, 'math/algebra'), 'first sample', 'a ranker without a champion answers nothing');
select pg_temp.add(null);
select is(pg_temp.ask('ada', 'math/algebra'), 'global.listwise, global', 'the global one, if nothing else');
select is(pg_temp.ask(null, 'music'), 'global.listwise, global', 'an unknown domain is no error');
select pg_temp.add('math');
select is(pg_temp.ask(null, 'math/algebra'), 'math.listwise, parent domain', 'a broader domain before the global one');
select pg_temp.add('math/algebra');
select is(pg_temp.ask(null, 'math/algebra'), 'math/algebra.listwise, domain', 'the domain''s own before the broader');
select is(pg_temp.ask(null, 'math/geometry'), 'math.listwise, parent domain', 'for that domain only');
select is(pg_temp.ask(null, 'mathematics'), 'global.listwise, global', 'a longer word is not beneath');
select is(pg_temp.ask(null, 'math/algebra/linear'), 'math/algebra.listwise, parent domain', 'the nearest broader one, even of a domain nobody registered');
select pg_temp.add(null, p_user => 'ada');
select is(pg_temp.ask('ada', 'math/algebra'), '~ada.listwise, user', 'a user''s own before the domain''s');
select is(pg_temp.ask('bob', 'math/algebra'), 'math/algebra.listwise, domain', 'for that user only');
select pg_temp.add('math', p_user => 'ada');
select is(pg_temp.ask('ada', 'math/algebra'), '~ada/math.listwise, user+domain', 'a user''s own of a broader domain before all');
select pg_temp.add('math/algebra', p_user => 'ada');
select is(pg_temp.ask('ada', 'math/algebra'), '~ada/math/algebra.listwise, user+domain', 'the nearest of those');
select is(pg_temp.ask('ada', 'code'), '~ada.listwise, user', 'elsewhere the user''s general one');
select throws_ok($$ select * from ls.route('nano') $$, 'LS010', null, 'an unknown base model is an error');

-- Best transfer: code has a test set and no ranker.
select fixture.feature_set('code', 'test');
select is(pg_temp.ask(null, 'code'), 'global.listwise, global', 'nothing measured: no transfer');
select ls.request_evaluation(version_id, '{1}') from ls.ranker_status s join ls.ranker_version v on v.version_id = s.champion_version_id where s.name in ('math.listwise', 'math/algebra.listwise') order by s.name;
select fixture.evaluate(1, 0.4), fixture.evaluate(1, 0.5);
select is(pg_temp.ask(null, 'code'), 'math/algebra.listwise, best transfer', 'the one that was measured best on it');
select is(pg_temp.ask(null, 'code/python'), 'global.listwise, global', 'measured there, not beneath');

-- Two kinds.
select pg_temp.add('math/algebra', 'pointwise');
select is(pg_temp.ask(null, 'math/algebra'), 'math/algebra.listwise, domain', 'two kinds, nothing measured: listwise');
select fixture.feature_set('math/algebra', 'test');
select ls.request_evaluation(champion_version_id), fixture.evaluate(1, case kind when 'pointwise' then 0.6 else 0.5 end)
from ls.ranker_status where domain = 'math/algebra' and user_name is null;
select is(pg_temp.ask(null, 'math/algebra'), 'math/algebra.pointwise, domain', 'measured: the better one');

-- By name.
select results_eq($$ select ranker_name, version_number, reason from ls.resolve('math.listwise') $$, $$ values ('math.listwise', 1, 'named') $$, 'a ranker is its champion');
select results_eq($$ select version_number from ls.resolve('math.listwise@1') $$, $$ values (1) $$, 'a number is that version');
select throws_ok($$ select ls.resolve('math.listwise:challenger') $$, 'LS013', 'cannot use ''math.listwise:challenger'': the ranker has no version with alias ''challenger''', 'an alias nobody set');
select throws_ok($$ select ls.resolve('math.listwise@7') $$, 'LS013', 'cannot use ''math.listwise@7'': the ranker has no such version, its newest is 1', 'a number that is not there');
select throws_ok($$ select ls.resolve('nobody') $$, 'LS012', null, 'a ranker that is not there');
select throws_ok(format('select ls.resolve(%L)', bad), 'LS012', null, 'a name that is none') from unnest(array['a:b:c']) bad;
select * from finish();
rollback;
