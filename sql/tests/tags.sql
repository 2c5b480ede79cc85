-- Tags and notes of rankers and versions; ls.remove_alias.
begin;
select plan(19);
select fixture.base_model();
select fixture.ranker('code');
select fixture.champion('code.listwise', 'w1'), fixture.version('code.listwise', 'w2');
select lives_ok($$ select ls.set_tag('code.listwise', 'team', 'search'), ls.set_tag('code.listwise@1', 'stage', 'old'), ls.set_tag('code.listwise:champion', 'stage', 'live') $$, 'rankers, versions and aliases are tagged');
select lives_ok($$ select ls.set_tag('code.listwise', 'team', 'rank', 'ada') $$, 'again: the value is replaced');
select results_eq($$ select version, key, value from ls.ranker_tag order by version nulls first $$,
    $$ values (null::integer, 'team', 'rank'), (1, 'stage', 'live') $$, 'one value a key');
select is((select set_by from ls.ranker_tag where key = 'team'), 'ada', 'by whom');
select throws_ok($$ select ls.set_tag('nobody', 'a', 'b') $$, 'LS012', null, 'an unknown ranker');
select throws_ok($$ select ls.set_tag('code.listwise@9', 'a', 'b') $$, 'LS013', null, 'an unknown version');
select throws_ok($$ select ls.set_tag('code.listwise', 'Not a word', 'b') $$, 'LS001', null, 'a key is a word');
select throws_ok($$ select ls.set_tag('code.listwise', null, 'b') $$, 'LS001', null, 'a key is given');
select throws_ok($$ select ls.set_tag('code.listwise', 'a', repeat('x', 2001)) $$, 'LS001', null, 'a value is short');
select is(ls.remove_tag('code.listwise', 'team'), true, 'a tag is removed');
select is(ls.remove_tag('code.listwise', 'team'), false, 'once');
select lives_ok($$ select ls.add_note('code.listwise@1', 'first light', 'ada'), ls.add_note('code.listwise', 'watch Mondays') $$, 'notes are written');
select results_eq($$ select version, text from ls.ranker_note $$, $$ values (null::integer, 'watch Mondays'), (1, 'first light') $$, 'newest first');
select throws_ok($$ select ls.add_note('code.listwise', '') $$, 'LS001', null, 'a note says something');
select throws_ok($$ update ls.note set text = 'x' $$, 'LS021', null, 'and is never changed');
select ls.set_alias(2, 'challenger', 'try');
select throws_ok($$ select ls.remove_alias('code.listwise', 'challenger', '') $$, 'LS001', null, 'an alias is not removed without a reason');
select is(ls.remove_alias('code.listwise', 'challenger', 'no good'), true, 'an alias is removed');
select is(ls.remove_alias('code.listwise', 'challenger', 'no good'), false, 'once');
select results_eq($$ select from_version, to_version, reason from ls.alias_moves limit 1 $$, $$ values (2, null::integer, 'no good') $$, 'its history says so');
select * from finish();
rollback;
