-- Who may ask (keys), what comes before the chain (rules), where it is scored (placement), and what is kept of it.
begin;
select plan(149);
select fixture.base_model();
select fixture.worker('edge-1');
create function pg_temp.add(p_domain text, p_kind text default 'listwise', p_user text default null) returns bigint language sql as $$
    select fixture.champion(fixture.ranker(p_domain, p_kind, p_user), concat(p_domain, p_kind, p_user)) $$;
create function pg_temp.ask(p_user text, p_domain text, p_request text default null) returns text language sql as $$
    select coalesce((select concat_ws(', ', ranker_name || '@' || version_number, reason, rule, worker) from ls.route('tiny', p_user, p_domain, p_request)), 'first sample') $$;
create function pg_temp.plan_of(p_user text, p_domain text) returns text[] language sql as $$
    select coalesce(array_agg(concat_ws(' ', role, rule, share, ranker_name, reason, worker, is_central) order by place), '{}') from ls.route_plan('tiny', p_user, p_domain) $$;
select pg_temp.add('math/algebra'), pg_temp.add(null), pg_temp.add('math/algebra', p_user => 'ada'), pg_temp.add('math/algebra', 'pointwise');

-- The plan.
select is(pg_temp.plan_of('ada', 'math/algebra'), '{"serve 10000 ~ada/math/algebra.listwise user+domain t"}', 'the chain ends with the first ranker whose weights are here');
select is(pg_temp.plan_of('eve', 'nowhere'), '{"serve 10000 global.listwise global t"}', 'and reaches as far as that takes');
select throws_ok($$ select * from ls.route_plan('nano') $$, 'LS010', null, 'an unknown base model is an error');

select results_eq($$ select hidden_size, layer from ls.base_model_contract('tiny') $$, $$ values (4, null::integer) $$, 'the contract of a base model');
select throws_ok($$ select ls.base_model_contract('nano') $$, 'LS010', null, 'an unknown one has none');
-- Pins.
select lives_ok($$ select ls.add_route_rule('hold', 'pin', 'math/algebra.pointwise', p_user => 'ada', p_domain => 'math/*', p_reason => 'on Monday', p_by => 'me') $$, 'a pin');
select is(pg_temp.ask('ada', 'math/algebra'), 'math/algebra.pointwise@1, rule, hold', 'serves its user');
select is(pg_temp.ask('ben', 'math/algebra'), 'math/algebra.listwise@1, domain', 'nobody else');
select is(pg_temp.ask('ada', 'code'), 'global.listwise@1, global', 'and its domains only');
select is(pg_temp.ask('ada', null), 'global.listwise@1, global', 'not a request of no domain');
select is(pg_temp.plan_of('ada', 'math/algebra'), '{"serve hold 10000 math/algebra.pointwise rule t"}', 'and ends the plan');
select is((select reason from ls.audit_log where action = 'add route rule'), 'pin math/algebra.pointwise for 1 of user ada, math/*: on Monday', 'recorded');
select lives_ok($$ select ls.add_route_rule('hold', 'pin', 'global.listwise@1', p_priority => 5) $$, 'the same name again');
select is(pg_temp.ask('ada', 'math/algebra'), 'global.listwise@1, rule, hold', 'replaces it');
select lives_ok($$ select ls.add_route_rule('first', 'pin', 'math/algebra.listwise:champion') $$, 'another');
select is(pg_temp.ask('ada', 'math/algebra'), 'math/algebra.listwise@1, rule, first', 'the lower priority comes first');
select is(ls.remove_route_rule('first', 'enough'), true, 'a rule is removed');
select is(ls.remove_route_rule('first', 'enough'), false, 'once');
select is(pg_temp.ask('ada', 'math/algebra'), 'global.listwise@1, rule, hold', 'and the next one serves');
select ls.remove_alias('global.listwise', 'champion', 'gone');
select ls.add_route_rule('hold', 'pin', 'global.listwise@1');
select ls.add_route_rule('broken', 'pin', 'math/algebra.pointwise', p_priority => -1);
select ls.remove_alias('math/algebra.pointwise', 'champion', 'gone');
select is(pg_temp.ask('ada', 'math/algebra'), 'global.listwise@1, rule, hold', 'a rule whose target is gone is passed over');
select is((select array_agg(name || ' ' || is_live order by priority) from ls.route_table), '{"broken false","hold true"}', 'and shown as such');
select ls.remove_route_rule(n, 'enough') from unnest(array['hold', 'broken']) n;
select ls.set_alias(version_id, 'champion', 'back') from ls.ranker_version v join ls.ranker r using (ranker_id) where r.name in ('global.listwise', 'math/algebra.pointwise');

-- Shares.
select is(ls.share_bucket('ab', 'ada'), 3789, 'a bucket is the SHA-256''s');
select ok(min(b) >= 0 and max(b) < 10000 and count(distinct b) > 900, 'between 0 and 9999') from (select ls.share_bucket('x', i::text) b from generate_series(1, 1000) i) s;
select is(ls.share_bucket('ab', null), null, 'nobody is in no bucket');
select is(ls.request_bucket('ab', null), null, 'no request neither');
select ok(min(b) >= 0 and max(b) < 10000 and count(distinct b) > 900, 'requests fall between 0 and 9999') from (select ls.request_bucket('x', i::text) b from generate_series(1, 1000) i) s;
select is(ls.request_bucket('x', 'r1'), ls.request_bucket('x', 'r1'), 'the same for ever');
update ls.share_secret set secret = sha256('a');
select is(ls.request_bucket('bird', 'r1'), 5753, 'by a secret of the installation');
select is(ls.read_share_secret(), sha256('a'), 'that coordinators read');
update ls.share_secret set secret = sha256('b');
select isnt(ls.request_bucket('bird', 'r1'), 5753, 'with another one elsewhere');
select throws_ok($$ insert into ls.share_secret values (2, sha256('c')) $$, '23514', null, 'there is one');
select lives_ok($$ select ls.add_route_rule('ab', 'split', 'math/algebra.pointwise', 0.5, p_domain => 'math/algebra') $$, 'a split');
select cmp_ok((select count(*) from generate_series(1, 1000) i where pg_temp.ask('user' || i, 'math/algebra') like '%rule, ab'), '>=', 440::bigint, 'takes half of the users');
select cmp_ok((select count(*) from generate_series(1, 1000) i where pg_temp.ask('user' || i, 'math/algebra') like '%rule, ab'), '<=', 560::bigint, 'about');
select is((select count(distinct pg_temp.ask('user7', 'math/algebra', i::text)) from generate_series(1, 20) i), 1::bigint, 'whatever they ask');
select is(pg_temp.ask(null, 'math/algebra', 'x'), 'math/algebra.listwise@1, domain', 'and nobody who is not named');
select ls.remove_route_rule('ab', 'enough');
select lives_ok($$ select ls.add_route_rule('bird', 'canary', 'math/algebra.pointwise', 0.1) $$, 'a canary');
select is(pg_temp.ask('ben', 'math/algebra'), 'math/algebra.listwise@1, domain', 'a request that is not named is not in it');
select cmp_ok((select count(*) from generate_series(1, 1000) i where pg_temp.ask('ben', 'math/algebra', 'r' || i) like '%rule, bird'), '>=', 70::bigint, 'a tenth of the others is');
select cmp_ok((select count(*) from generate_series(1, 1000) i where pg_temp.ask('ben', 'math/algebra', 'r' || i) like '%rule, bird'), '<=', 130::bigint, 'about');
select is(pg_temp.plan_of('ben', 'math/algebra'), '{"serve bird 1000 math/algebra.pointwise rule t","serve 10000 math/algebra.listwise domain t"}', 'the plan goes on after a share');
select lives_ok($$ select ls.add_route_rule('dark', 'shadow', 'global.listwise', 0.25) $$, 'a shadow');
select is(pg_temp.plan_of('ben', 'math/algebra'), '{"serve bird 1000 math/algebra.pointwise rule t","shadow dark 2500 global.listwise rule t","serve 10000 math/algebra.listwise domain t"}', 'is in the plan');
select is((select count(*) from generate_series(1, 200) i where pg_temp.ask('ben', 'math/algebra', 'r' || i) like '%dark%'), 0::bigint, 'and serves nobody');
select ls.add_route_rule('d' || i, 'shadow', 'global.listwise') from generate_series(1, 6) i;
select is((select count(*) from ls.route_plan('tiny', 'ben', 'math/algebra') where role = 'shadow'), 4::bigint, 'four shadows at most');
select ls.remove_route_rule(name, 'enough') from ls.route_table;

select is(ls.rule_version('nobody@3'), null, 'a target that is gone is no version');
-- Refusals of rules.
select throws_ok(format('select ls.add_route_rule(%s)', bad), 'LS001', null, bad) from unnest(array[
    $$'two words', 'pin', 'global.listwise'$$, $$null, 'pin', 'global.listwise'$$, $$'r', 'push', 'global.listwise'$$, $$'r', 'pin', 'global.listwise', 0.5$$,
    $$'r', 'split', 'global.listwise', 0$$, $$'r', 'split', 'global.listwise', 'NaN'$$, $$'r', 'split', 'global.listwise', 1.1$$, $$'r', 'split', 'global.listwise', null$$,
    $$'r', 'pin', 'global.listwise', p_user => ''$$, $$'r', 'pin', 'global.listwise', p_domain => '*'$$, $$'r', 'pin', 'global.listwise', p_domain => 'Math'$$]) bad;
select throws_ok($$ select ls.add_route_rule('r', 'pin', 'nobody') $$, 'LS012', null, 'an unknown target');
select throws_ok($$ select ls.add_route_rule('r', 'pin', 'global.listwise@9') $$, 'LS013', null, 'an unknown version');
select throws_ok($$ select ls.remove_route_rule('r', '') $$, 'LS001', null, 'a removal without a reason');

-- Placement.
select lives_ok($$ select ls.place_ranker('math/algebra.listwise', 'edge-1', 'its data are there') $$, 'a ranker is placed');
select is(pg_temp.ask('ben', 'math/algebra'), 'math/algebra.listwise@1, domain, edge-1', 'and asked for there');
select is(pg_temp.plan_of('ben', 'math/algebra'), '{"serve 10000 math/algebra.listwise domain edge-1 t"}', 'else here');
select lives_ok($$ select ls.place_ranker('math/algebra.listwise', 'edge-1', 'again') $$, 'again');
select is((select count(*) from ls.audit_log where action = 'place ranker'), 1::bigint, 'nothing happens');
select is(ls.unplace_ranker('math/algebra.listwise', 'enough'), true, 'taken off');
select is(ls.unplace_ranker('math/algebra.listwise', 'enough'), false, 'once');
select throws_ok($$ select ls.place_ranker('nobody', 'edge-1', 'x') $$, 'LS012', null, 'an unknown ranker');
select throws_ok($$ select ls.place_ranker('global.listwise', 'edge-9', 'x') $$, 'LS016', null, 'an unknown worker');
select throws_ok($$ select ls.place_ranker('global.listwise', 'edge-1', '') $$, 'LS001', null, 'no reason');
select throws_ok($$ select ls.unplace_ranker('global.listwise', '') $$, 'LS001', null, 'no reason to take it off');
-- An edge-only ranker is at its home; the next in the chain follows it.
select ls.register_ranker('tiny', 'listwise', '{"kind": "listwise", "hidden_size": 4}', '{"epochs": 1, "seed": 7}', 'ben', 'math/algebra', p_home => 'edge-1');
insert into ls.ranker_weights (digest, byte_count) values (sha256('home'), 4);
select throws_ok($$ select ls.read_weights(sha256('home')) $$, 'LS014', null, 'weights at home are not read here');
select throws_ok($$ select ls.read_weights(sha256('nothing')) $$, 'LS014', null, 'nor unknown ones');
select is(ls.read_weights(w.digest), w.bytes, 'others are, whole') from ls.ranker_weights w where w.bytes is not null limit 1;
insert into ls.home_weights (digest, worker_id, byte_count) select sha256('home'), worker_id, 4 from ls.worker where name = 'edge-1';
insert into ls.ranker_version (ranker_id, number, digest, added_by) select ranker_id, 1, sha256('home'), 'me' from ls.ranker where home_worker_id is not null;
select ls.set_alias(version_id, 'champion', 'first') from ls.ranker_version where digest = sha256('home');
select is(pg_temp.plan_of('ben', 'math/algebra'), '{"serve 10000 ~ben/math/algebra.listwise user+domain edge-1 f","serve 10000 math/algebra.listwise domain t"}', 'an edge-only ranker, then the next');
select throws_ok($$ select ls.place_ranker('~ben/math/algebra.listwise', 'edge-1', 'x') $$, 'LS021', null, 'an edge-only ranker has its place');
select throws_ok($$ select ls.add_route_rule('r', 'shadow', '~ben/math/algebra.listwise') $$, 'LS001', null, 'and cannot be a shadow here');
update ls.home_weights set lost_at = now(), lost_because = 'fire';
select is(pg_temp.plan_of('ben', 'math/algebra'), '{"serve 10000 math/algebra.listwise domain t"}', 'lost weights answer nothing');

-- Keys.
create temporary table made (text text) on commit drop;
insert into made select ls.create_api_key('app', '{ada,ben}', '{math/*}', '{tiny}', '1 day', 'me');
select matches(text, '^lsk_[0-9a-f]{12}_[0-9a-f]{64}$', 'a key has one form') from made;
select is((select secret_sha256 from ls.api_key where name = 'app'), sha256(convert_to(split_part(text, '_', 3), 'UTF8')), 'of its secret the digest is kept') from made;
select results_eq($$ select name, users, domains, base_models, seconds_left between 86000 and 86400 from ls.valid_api_keys() $$, $$ values ('app', '{ada,ben}'::text[], '{math/*}'::text[], '{tiny}'::text[], true) $$, 'what it may ask for');
select matches(ls.create_api_key('open'), '^lsk_', 'a key for everything');
select is((select seconds_left from ls.valid_api_keys() where name = 'open'), null, 'for ever');
select throws_ok($$ select ls.create_api_key('app') $$, 'LS020', null, 'a name is used once');
select throws_ok(format('select ls.create_api_key(%s)', bad), 'LS001', null, bad) from unnest(array[$$'two words'$$, $$null$$, $$'k', '{}'$$, $$'k', array[null]$$, $$'k', null, '{Math}'$$,
    $$'k', null, null, array['']$$, $$'k', p_lifetime => '0'$$, $$'k', p_lifetime => '11 years'$$]) bad;
select lives_ok($$ select ls.revoke_api_key('app', 'leaked', 'me') $$, 'revoked');
select lives_ok($$ select ls.revoke_api_key('app', 'leaked') $$, 'again nothing happens');
select is((select array_agg(name) from ls.valid_api_keys()), '{open}', 'and no longer valid');
select is((select array_agg(name || ' ' || state order by name) from ls.api_key_status), '{"app revoked","open valid"}', 'shown');
select throws_ok($$ select ls.revoke_api_key('nobody', 'x') $$, 'LS032', null, 'an unknown key');
select throws_ok($$ select ls.revoke_api_key('open', '') $$, 'LS001', null, 'no reason');

-- Decisions.
create function pg_temp.decided(p_request text, p_user text default 'ada', p_key text default null) returns jsonb language sql as $$
    select jsonb_build_array(jsonb_build_object('request_id', p_request, 'role', 'serve', 'model', 'tiny', 'user', p_user, 'domain', 'math/algebra',
        'version_id', (select version_id from ls.ranker_version v join ls.ranker r using (ranker_id) where r.name = 'global.listwise'), 'reason', 'global', 'rule', null,
        'is_fallback', true, 'api_key_id', p_key, 'worker_id', null, 'arithmetic', 'float32', 'hidden_size', 4, 'dtype', 'F32', 'scores', '[0.25, -0.1]'::jsonb)) $$;
select is(ls.record_decisions(pg_temp.decided('r1'), array['\x0102'::bytea]), 1, 'a decision is kept');
select results_eq($$ select request_id, ranker_name, version_number, features, scores, is_central from ls.read_decision('r1') $$,
    $$ values ('r1', 'global.listwise', 1, '\x0102'::bytea, '{0.25,-0.1}'::real[], true) $$, 'with what scores it again');
select results_eq($$ select signals, aggregate from ls.read_decision('r1') $$, $$ values (null::jsonb, 'best') $$, 'without signals the scores stand alone');
select is(ls.record_decisions(jsonb_set(jsonb_set(pg_temp.decided('r1s'), '{0,signals}', '{"logprobs": [-1.5, -2.25], "answers": [0, -1], "scores": {"reward": [1, 2]}}'),
    '{0,aggregate}', '"weighted_vote"'), array['\x0102'::bytea]), 1, 'signals are kept, too');
select results_eq($$ select signals ->> 'answers', signals #>> '{scores,reward}', aggregate from ls.read_decision('r1s') $$,
    $$ values ('[0, -1]', '[1, 2]', 'weighted_vote') $$, 'and read again');
select throws_like(format($$ select ls.record_decisions(jsonb_set(pg_temp.decided('r1t'), '{0,%s}', %L), array['\x0102'::bytea]) $$, k, w),
    'cannot record decisions: one of them is none: %', k || ' is none') from (values ('signals', '[1]'), ('aggregate', '"most"')) b (k, w);
delete from ls.decision where request_id = 'r1s';
select results_eq($$ select request_id, user_name, ranker from ls.decision_log $$, $$ values ('r1', 'ada', 'global.listwise') $$, 'and listed');
select throws_ok($$ select * from ls.read_decision('r9') $$, 'LS018', 'cannot find request ''r9'': no decision was kept under this id', 'one that was not kept');
select throws_ok($$ select ls.record_decisions(pg_temp.decided('r2'), '{}') $$, 'LS001', null, 'a decision without features');
select throws_ok($$ select ls.record_decisions(pg_temp.decided('r2') #- '{0,role}', array['\x01'::bytea]) $$, 'LS001',
    'cannot record decisions: one of them is none: null value in column "role" of relation "' || (select max(c.relname) from pg_class c where c.relname like 'decision\_2%' and c.relkind = 'r')
    || '" violates not-null constraint', 'one that says too little');
select throws_ok($$ select ls.record_decisions('{}', '{}') $$, 'LS001', null, 'no list');
select is(ls.record_decisions(jsonb_set(pg_temp.decided('r3'), '{0,version_id}', '0'), array['\x01'::bytea]), 0, 'a version that is gone is left out');
select ls.set_retention('decision', '1 day', 'less', p_byte_count_max => 100);
select is(ls.record_decisions(pg_temp.decided('r4'), array['\x01'::bytea]), 0, 'and what there is no room for');
select ls.set_retention('decision', '0', 'none', p_byte_count_max => 1000000);
select is(ls.record_decisions(pg_temp.decided('r5'), array['\x01'::bytea]), 0, 'or no time');
select throws_ok($$ select ls.set_retention('done', '1 day', 'x', p_byte_count_max => 5) $$, 'LS001', null, 'tasks are not bounded in bytes');
select throws_ok($$ select ls.set_retention('decision', '1 day', 'x', p_byte_count_max => -5) $$, 'LS001', null, 'nor is anything below none');
-- Ids are a key's own.
select is(ls.record_decisions(pg_temp.decided('same', 'ben', (select api_key_id from ls.api_key where name = k)), array[convert_to(k, 'UTF8')]), 0, 'nothing is kept while nothing is to be') from unnest(array['app', 'open']) k;
select ls.set_retention('decision', '2 days', 'back');
select is(ls.record_decisions(pg_temp.decided('same', 'ben', (select api_key_id from ls.api_key where name = k)), array[convert_to(k, 'UTF8')]), 1, 'two keys may use one id') from unnest(array['app', 'open']) k;
select throws_like($$ select * from ls.read_decision('same') $$, 'cannot tell which request ''same'' is meant: found decisions of 2 keys under this id (app, open), expected one', 'then the key has to be named');
select throws_ok($$ select * from ls.read_decision('same') $$, 'LS001', null, 'or that is refused');
select results_eq(format('select features, key from ls.read_decision(''same'', %L)', k), format('values (convert_to(%L, ''UTF8''), %L)', k, k), 'each sees its own') from unnest(array['app', 'open']) k;
select throws_ok($$ select * from ls.read_decision('same', 'nobody') $$, 'LS018', 'cannot find request ''same'': no decision was kept under this id of key ''nobody''', 'another key none');
select throws_ok($$ select * from ls.read_decision('r1', 'app') $$, 'LS018', null, 'nor one of nobody''s');
select is((select array_agg(key order by key) from ls.decision_log where request_id = 'same'), '{app,open}', 'the log says whose');
-- A key takes a quarter of the room in an hour.
select is(ls.record_decisions(pg_temp.decided('big', 'ben', 'greedy') || pg_temp.decided('big2', 'ben', 'greedy') || pg_temp.decided('small', 'ben', 'modest'),
    array[decode(repeat('ab', 150000), 'hex'), decode(repeat('ab', 150000), 'hex'), '\x01']), 2, 'what goes beyond that is left out, and nothing else');
select is((select array_agg(request_id order by request_id) from ls.decision where api_key_id in ('greedy', 'modest')), '{big,small}', 'the first is kept');
select is(ls.record_decisions(pg_temp.decided('big3', 'ben', 'greedy'), array[decode(repeat('ab', 150000), 'hex')]), 0, 'nor is more kept in the same hour');
select is((select byte_count from ls.decision_volume where api_key_id = 'greedy'), 151000::bigint, 'what it takes is counted');
-- The key that has most loses its oldest hour.
select ls.drop_decisions(began, null) from (select to_timestamp(right(i.inhrelid::regclass::text, 13), 'YYYY_MM_DD_HH24')::timestamp at time zone 'UTC' as began from pg_inherits i where i.inhparent = 'ls.decision'::regclass) h;
create function pg_temp.served(p_hours integer, p_key text, p_count integer) returns void language plpgsql as $$ begin
    perform ls.ensure_decision_partition(clock_timestamp() - make_interval(hours => p_hours));
    insert into ls.decision (request_id, api_key_id, served_at, role, model, version_id, digest, reason, is_fallback, arithmetic, candidate_count, hidden_size, dtype, features, scores)
    select p_key || p_hours, p_key, clock_timestamp() - make_interval(hours => p_hours), 'serve', 'm', v.version_id, v.digest, 'x', true, 'float32', 1, 1, 'F32', decode(repeat('cd', 100000), 'hex'), '{0}'
    from (select * from ls.ranker_version limit 1) v, generate_series(1, p_count);
    insert into ls.decision_volume values (date_trunc('hour', clock_timestamp() - make_interval(hours => p_hours), 'UTC'), p_key, p_count * 101000);
end $$;
select pg_temp.served(5, 'modest', 1), pg_temp.served(4, 'greedy', 6), pg_temp.served(4, 'modest', 1), pg_temp.served(3, 'greedy', 6), pg_temp.served(2, 'greedy', 1);
select ls.set_retention('decision', '2 days', 'less', p_byte_count_max => 1500000);
select isnt(ls.prune_decisions(), null, 'when there is too much');
select is((select array_agg(distinct request_id order by request_id) from ls.decision), '{greedy2,greedy3,modest4,modest5}', 'the key that has most makes room, of what is oldest; the others keep theirs');
select is((select sum(byte_count) from ls.decision_volume), 9 * 101000::numeric, 'as counted');
select cmp_ok(ls.decision_byte_count(), '<=', 1500000::bigint, 'the room is given back');
select is((select count(*) from pg_class where relname like 'decision_before%'), 0::bigint, 'nothing stays behind');
select ls.set_retention('decision', '2 days', 'more', p_byte_count_max => 1000000000);
select lives_ok($$ select ls.drop_decisions(date_trunc('hour', clock_timestamp() - interval '3 hours', 'UTC'), null) $$, 'an hour goes as a whole');
select is((select array_agg(distinct request_id order by request_id) from ls.decision), '{greedy2,modest4,modest5}', 'with all keys'' decisions');
select ls.drop_decisions(began, null) from (select to_timestamp(right(i.inhrelid::regclass::text, 13), 'YYYY_MM_DD_HH24')::timestamp at time zone 'UTC' as began from pg_inherits i where i.inhparent = 'ls.decision'::regclass) h;
select ls.record_decisions(pg_temp.decided('r1'), array['\x0102'::bytea]);
create table ls.decision_2020_01_01_07 (like ls.decision including constraints);
alter table ls.decision attach partition ls.decision_2020_01_01_07 for values from ('2020-01-01 07:00Z') to ('2020-01-01 08:00Z');
select ls.set_retention('decision', '2 days', 'back');
select isnt(ls.prune_decisions(), null, 'old hours are dropped');
select is(to_regclass('ls.decision_2020_01_01_07')::text, null, 'as a whole');
select is((select count(*) from ls.decision), 1::bigint, 'the present one stays');
create table ls.decision_2020_01_01_07 (like ls.decision including constraints);
alter table ls.decision attach partition ls.decision_2020_01_01_07 for values from ('2020-01-01 07:00Z') to ('2020-01-01 08:00Z');
insert into ls.decision select (jsonb_populate_record(d, '{"served_at": "2020-01-01T07:30:00Z"}')).* from ls.decision d;
create view theirs as select request_id from ls.decision_2020_01_01_07;
select is((select count(*) from theirs), 1::bigint, 'somebody''s view reads an hour');
select lives_ok($$ select ls.prune_decisions(), ls.prune_decisions() $$, 'which stops no pruning');
select results_eq($$ select count(*), (select count(*) from ls.decision) from theirs $$, $$ values (0::bigint, 1::bigint) $$, 'it is emptied, the view stays');
select is(ls.record_decisions(jsonb_set(pg_temp.decided('r6', 'eve'), '{0,age_seconds}', '7200'), array['\x01'::bytea]), 1, 'one that had to wait is kept');
select is((select clock_timestamp() - served_at between '119 minutes' and '121 minutes' from ls.decision where request_id = 'r6'), true, 'as of when it was served');
select is((select count from ls.forget_user('ada', 'asked') where deleted = 'decisions'), 1::bigint, 'a user''s decisions are forgotten with the user');
select is(ls.record_decisions(jsonb_set(pg_temp.decided('r7'), '{0,age_seconds}', '10'), array['\x01'::bytea]), 0, 'and what waited meanwhile');
select is(ls.record_decisions(pg_temp.decided('r8'), array['\x01'::bytea]), 1, 'who comes back is somebody new');
set local timezone = 'Asia/Kolkata';
select is((select sum(ls.record_decisions(jsonb_set(pg_temp.decided('k' || s, 'zoe'), '{0,age_seconds}', to_jsonb(s)), array['\x01'::bytea]))
    from generate_series(28800, 14400, -900) s), 17::bigint, 'hours begin where they do in UTC, also for who is half an hour beside it');
select * from finish();
rollback;
