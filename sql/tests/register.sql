-- Base models, domains and rankers: again is the same, otherwise is refused.
begin;
select plan(27);
select is(ls.register_base_model('m', 8, p_layer => 4), ls.register_base_model('m', 8), 'a base model registered again has the same id');
select lives_ok($$ select ls.register_base_model('m', 8, p_pooling => 'last token') $$, 'an unknown field of the contract is filled in');
select is((select pooling || layer from ls.base_model), 'last token4', 'what was known stays');
select throws_ok($$ select ls.register_base_model('m', 16) $$, 'LS004',
    'cannot register base model ''m'': found hidden size 16, but it is registered with 8', 'another hidden size is another contract');
select throws_ok($$ select ls.register_base_model('m', 8, p_pooling => 'mean') $$, 'LS004', null, 'another pooling is another contract');
select throws_ok($$ select ls.register_base_model('m', 0) $$, 'LS001', null, 'a base model has a hidden size');
select throws_ok($$ select ls.register_base_model('m:8b', 8) $$, 'LS001', null, 'a base model''s name is no ranker''s alias');
select throws_ok($$ select ls.register_base_model('', 8) $$, 'LS001', null, 'a base model has a name');

select is(ls.register_domain('math/algebra/linear'), ls.register_domain('math/algebra/linear'), 'a domain registered again has the same id');
select results_eq('select d.name, p.name from ls.domain d left join ls.domain p on p.domain_id = d.parent_id order by 1',
    $$ values ('math', null), ('math/algebra', 'math'), ('math/algebra/linear', 'math/algebra') $$, 'the broader domains come with it');
select throws_ok(format('select ls.register_domain(%L)', bad), 'LS001', null, format('%L is no domain', bad))
    from unnest(array['', 'Math', 'math/', '/math', 'a b', 'a//b', null]) bad;

select is((select name from ls.register_ranker('m', 'listwise', '{"kind": "listwise", "hidden_size": 8}', '{}', p_domain => 'math/algebra')),
    'math/algebra.listwise', 'a ranker of a domain is named after it');
select is(ls.default_ranker_name('ada', 'math', 'listwise'), '~ada/math.listwise', 'of a user and a domain');
select is(ls.default_ranker_name('ada', null, 'pointwise'), '~ada.pointwise', 'of a user');
select is(ls.default_ranker_name(null, null, 'listwise'), 'global.listwise', 'of nobody and nothing');
select isnt(ls.default_ranker_name('a@b', null, 'listwise'), ls.default_ranker_name('a:b', null, 'listwise'), 'two users never share a name');
select throws_ok($$ select ls.register_ranker('m', 'listwise', '{"kind": "listwise", "hidden_size": 9}', '{}') $$, 'LS004',
    'cannot register ranker ''global.listwise'': found hidden size 9 in its configuration, base model ''m'' has 8', 'a ranker has the width of its base model');
select throws_ok($$ select ls.register_ranker('m', 'listwise', '{"kind": "pointwise", "hidden_size": 8}', '{}') $$, 'LS001', null, 'one kind');
select throws_ok($$ select ls.register_ranker('m', 'listwise', '{"kind": "listwise", "hidden_size": 8, "heads": 2}', '{}', p_domain => 'math/algebra') $$,
    'LS020', null, 'one name, one configuration');
select throws_ok($$ select ls.register_ranker('m', 'listwise', '{"kind": "listwise", "hidden_size": 8}', '{}', p_name => 'a:b') $$, 'LS001', null, 'no separators in names');
select throws_ok($$ select ls.register_ranker('x', 'listwise', '{}', '{}') $$, 'LS010', 'cannot use base model ''x'': it is not registered', 'an unknown base model');
select * from finish();
rollback;
