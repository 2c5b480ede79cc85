-- One digest, several homes: training is deterministic, so an edge-only ranker and a central one, or two edge-only ones, may have
-- the same weights. Who names a digest without its bytes keeps nobody else's out, and loses only what is its own.
begin;
select plan(62);
select fixture.base_model();
select fixture.feature_set('code', 'train');
select fixture.worker('hers'), fixture.worker('his'), fixture.worker('central');
create function pg_temp.register(p_name text, p_user text, p_home text) returns void language sql as $$
    select ls.register_ranker('tiny', 'listwise', '{"kind": "listwise", "hidden_size": 4}', '{"epochs": 1, "seed": 7}', p_user, 'code', p_name, p_home); $$;
-- Trains the ranker on the worker, which hands in what is said: bytes, or their digest and a size. A person promotes it: nothing is measured.
create function pg_temp.train(p_ranker text, p_worker bigint, p_digest bytea, p_weights bytea, p_byte_count bigint, p_seed bigint default 1)
returns bigint language plpgsql as $$
declare v_token uuid; v_id bigint;
begin
    perform ls.request_training(p_ranker, p_seed => p_seed);
    select token into strict v_token from ls.lease_tasks(p_worker, '{train}', 1, 60);
    select version_id into v_id from ls.complete_training(p_worker, v_token, p_digest, p_weights, '{}', p_byte_count);
    perform ls.promote(v_id, 'there is no test set');
    return v_id;
end $$;
create function pg_temp.weights(p_text text, out byte_count bigint, out bytes text) language sql as $$
    select byte_count, convert_from(bytes, 'UTF8') from ls.ranker_weights where digest = sha256(convert_to(p_text, 'UTF8')); $$;

-- An edge-only ranker first, then a central one trained alike: its bytes are kept.
select pg_temp.register('~ada/mine', 'ada', 'hers'), pg_temp.register('~ben/mine', 'ben', 'his'), pg_temp.register('shared', null, null);
select isnt(pg_temp.train('~ada/mine', 1, sha256('same'), null, 1), null, 'her worker names weights and says a size that is none of theirs');
select results_eq($$ select * from pg_temp.weights('same') $$, $$ values (1::bigint, null::text) $$, 'their bytes are nowhere here');
select is(pg_temp.train('shared', 3, sha256('same'), 'same', null), 2::bigint, 'a central ranker trained alike');
select results_eq($$ select * from pg_temp.weights('same') $$, $$ values (4::bigint, 'same') $$, 'has its bytes, and the size is theirs');
select is(ls.read_weights(sha256('same')), 'same'::bytea, 'they are read');
select is((select byte_count from ls.read_blob(sha256('same'), 0)), 4::bigint, 'also in pieces');
select results_eq($$ select ranker_name, is_central from ls.route_plan('tiny', null, 'code') $$, $$ values ('shared', true) $$, 'and the ranker serves');
select results_eq($$ select ranker_name, is_central, worker, byte_count from ls.route_plan('tiny', 'ada', 'code') order by place $$,
    $$ values ('~ada/mine', false, 'hers', 1::bigint), ('shared', true, null, 4::bigint) $$, 'hers is scored at home, of the size that her worker said');
select is_empty($$ select ls.broken_rules(true) $$, 'no rule is broken');

-- A version that stands there without its bytes, as older releases left some: training again brings them.
alter table ls.ranker_weights disable trigger ranker_weights_never_change;
update ls.ranker_weights set bytes = null where digest = sha256('same');
alter table ls.ranker_weights enable trigger ranker_weights_never_change;
select results_eq($$ select ls.broken_rules(true) order by 1 $$, $$ values ('alias ''champion'' of ranker ''shared'' is at version 1, whose bytes are nowhere'),
    ('version 2 has no weights') $$, 'a champion whose bytes are nowhere breaks a rule');
select is_empty($$ select * from ls.route_plan('tiny', null, 'code') $$, 'and serves nobody');
select is((select is_central from ls.resolve('shared')), false, 'also when it is named');
select pg_temp.register('global', null, null);
update ls.ranker set domain_id = null where name = 'global';
select isnt(fixture.champion('global', 'global'), null, 'a broader ranker');
select results_eq($$ select ranker_name from ls.route_plan('tiny', null, 'code') $$, $$ values ('global') $$, 'is the next of the chain');
select ls.add_route_rule('pinned', 'pin', 'shared', p_reason => 'test');
select results_eq($$ select ranker_name, is_central from ls.route_plan('tiny', null, 'code') order by place $$, $$ values ('shared', false), ('global', true) $$,
    'a rule does not end the plan at it either');
select ls.remove_route_rule('pinned', 'test');
listen ls_alias;
select is(pg_temp.train('shared', 3, sha256('same'), 'same', null, 2), 2::bigint, 'the same training again: the same version');
select is(ls.read_weights(sha256('same')), 'same'::bytea, 'which now has its bytes');
select results_eq($$ select ranker_name from ls.route_plan('tiny', null, 'code') $$, $$ values ('shared') $$, 'and serves');
select is_empty($$ select ls.broken_rules(true) $$, 'no rule is broken');

-- Bytes that are there never change, by whomever.
select throws_ok($$ update ls.ranker_weights set bytes = 'other' where digest = sha256('same') $$, 'LS021', null, 'bytes that are there do not change');
insert into ls.ranker_weights (digest, byte_count, bytes) values (sha256('later'), 9, null);
select throws_ok($$ update ls.ranker_weights set bytes = 'other', byte_count = 5 where digest = sha256('later') $$, 'LS021', null, 'nor are others'' filled in');
select lives_ok($$ update ls.ranker_weights set bytes = 'later', byte_count = 5 where digest = sha256('later') $$, 'those of the digest are');
select throws_ok($$ select pg_temp.train('shared', 3, sha256('same'), 'different', null, 3) $$, 'LS003', null, 'bytes of another digest are refused as before');
update ls.task set state = 'cancelled', ended_at = now(), ended_because = 'test' where ended_at is null;
update ls.attempt set state = 'cancelled', ended_at = now() where state = 'open';

-- Central first, then an edge-only one, which may name anybody's: nothing tells it whether they are here, or their size, and
-- its tasks do not read them.
select lives_ok($$ select pg_temp.train('~ben/mine', 2, sha256('same'), null, 5) $$, 'a size that the bytes do not have is his word');
select ls.request_evaluation((select version_id from ls.version_lineage where version = '~ben/mine@1'), array[1]::bigint[], '{"candidate_count": 2, "groups_per_query": 2, "seed": 1}');
select is((select weights_byte_count from ls.lease_tasks(2, '{evaluate}', 1, 60)), 5::bigint, 'which he hears again');
select throws_ok($$ select ls.check_blob(2, sha256('same')) $$, 'LS014', null, 'his own task does not read what others have of it');
select isnt(pg_temp.train('~ben/mine', 2, sha256('same'), null, 4, 2), null, 'another size is his word, too');
select is(ls.read_weights(sha256('same')), 'same'::bytea, 'the bytes stay here');

-- Two homes of one digest: neither takes the other's over.
select results_eq($$ select w.name, h.byte_count from ls.home_weights h join ls.worker w using (worker_id) order by 1 $$,
    $$ values ('hers', 1::bigint), ('his', 4::bigint) $$, 'each worker''s copy is its own');
select results_eq($$ select version, home, byte_count from ls.version_lineage where home is not null order by 1 $$,
    $$ values ('~ada/mine@1', 'hers', 1::bigint), ('~ben/mine@1', 'his', 4::bigint) $$, 'the lineage has each once');
select is_empty($$ select * from ls.offer_local_data(2, '[]') $$, 'he no longer has them, he says');
select results_eq($$ select name, home from ls.lost_ranker $$, $$ values ('~ben/mine', 'his') $$, 'his ranker is lost');
select results_eq($$ select name, lost_because is null from ls.ranker_status order by 1 $$, $$ values ('global', true), ('shared', true), ('~ada/mine', true), ('~ben/mine', false) $$,
    'and nobody else''s');
select results_eq($$ select subject from ls.audit_entry where action = 'lose weights' $$, $$ values ('~ben/mine@1') $$, 'the audit log says so');
select is((select worker from ls.route('tiny', 'ada', 'code')), 'hers', 'hers is scored at home as before');
select is((select ranker_name from ls.route('tiny', 'ben', 'code')), 'shared', 'his requests go on to the next');
select is(ls.read_weights(sha256('same')), 'same'::bytea, 'the central ranker has its bytes');
select is_empty($$ select ls.broken_rules(true) $$, 'no rule is broken');
select is_empty($$ select * from ls.offer_local_data(2, '[]', array[sha256('same')]) $$, 'found again');
select is_empty('select * from ls.lost_ranker', 'his is lost no more');
select results_eq($$ select subject from ls.audit_entry where action = 'find weights' $$, $$ values ('~ben/mine@1') $$, 'said of his alone');

-- What the loss of one's own copy cancels is one's own.
select ls.request_training('~ada/mine', p_seed => 9, p_initial_version_id => 1), ls.request_training('~ben/mine', p_seed => 9,
    p_initial_version_id => (select version_id from ls.version_lineage where version = '~ben/mine@1'));
select is_empty($$ select * from ls.offer_local_data(2, '[]') $$, 'lost once more');
select results_eq($$ select r.name, t.state from ls.task t join ls.ranker r using (ranker_id) where t.configuration ->> 'seed' = '9' order by 1 $$,
    $$ values ('~ada/mine', 'waiting'), ('~ben/mine', 'cancelled') $$, 'his task is cancelled, hers waits');

-- Forgetting one of them.
select isnt_empty($$ select * from ls.forget_user('ben', 'asked') $$, 'he is forgotten');
select results_eq($$ select w.name from ls.home_weights h join ls.worker w using (worker_id) $$, $$ values ('hers') $$, 'with his copy''s row');
select is(ls.read_weights(sha256('same')), 'same'::bytea, 'the bytes of others stay');
select is_empty($$ select ls.broken_rules(true) $$, 'no rule is broken');
select isnt_empty($$ select * from ls.forget_user('ada', 'asked') $$, 'so is she');
select is_empty($$ select * from ls.home_weights $$, 'nothing is at home any more');

-- Forgetting who brought bytes in, while others at home name them.
select pg_temp.register('bobs', 'bob', null), pg_temp.register('~eve/mine', 'eve', 'his'), pg_temp.register('~eve/other', 'eve', 'hers');
select isnt(ls.add_version('bobs', sha256('secret'), 'secret'), null, 'his are stored');
select lives_ok($$ select pg_temp.train('~eve/mine', 2, sha256('secret'), null, 19) $$, 'she names them');
select lives_ok($$ select pg_temp.train('~eve/other', 1, sha256('secret'), null, 18) $$, 'twice');
select is((select array_agg(w) from ls.kept_weights(array[sha256('secret')]) w), array[sha256('secret')], 'they are kept');
-- Bytes of others are not looked at for who names them: a check of her figures would be one of his
-- weights, and one of weights at home nobody could do.
select ls.insert_evaluation(v.version_id, 1, ls.default_evaluation_configuration(),
    fixture.report(0.5), null, 2)
from ls.ranker_version v where v.digest = sha256('secret') and v.worker_id = 2;
select ls.open_evaluation_check(evaluation_id, 'dispute', true) from ls.evaluation
    where worker_id = 2;
select is_empty($$ select * from ls.evaluation_check_status where worker = 'his' $$,
    'what is said of weights at home is not measured here');
insert into ls.evaluation_check (evaluation_id, version_id, feature_set_id, configuration,
    worker_id, reason, holds, report)
select evaluation_id, version_id, feature_set_id, configuration, worker_id, 'dispute', true, report
    from ls.evaluation where worker_id = 2;
select is_empty('select * from ls.claim_evaluation_check(60)', 'nor claimed');
select results_eq('select verdict, because from ls.evaluation_check', $$
    values ('failed', 'its weights or its features are not here') $$,
        'one that an older lscoord asked for has failed');
select is((select count from ls.forget_user('bob', 'asked') where deleted = 'weights'), 1::bigint, 'he is forgotten, and they count');
select results_eq($$ select * from pg_temp.weights('secret') $$, $$ values (18::bigint, null::text) $$, 'nothing of the bytes is left, nor how many they were');
select throws_ok($$ select ls.read_weights(sha256('secret')) $$, 'LS014', null, 'nobody reads them');
select is_empty($$ select ls.kept_weights(array[sha256('secret')]) $$, 'who has them in memory hears it');
select results_eq($$ select version, byte_count from ls.version_lineage where home is not null order by 1 $$,
    $$ values ('~eve/mine@1', 19::bigint), ('~eve/other@1', 18::bigint) $$, 'hers are as they were');
select is_empty($$ select ls.broken_rules(true) $$, 'no rule is broken');
select * from finish();
rollback;
