-- ls.check_report, compare_with_baseline, claim_evaluation_check, decide_evaluation_check, leaves_to_another: one worker's word, and what
-- becomes of it when a coordinator measures again.
begin;
select plan(221);
select fixture.base_model();
select fixture.feature_set('code', 'train'), fixture.feature_set('code', 'test');
select fixture.ranker('code');
select fixture.worker('liar'), fixture.worker('honest'), fixture.worker('other');
update ls.check_policy set share = 0;
create function pg_temp.hand_in(p_worker bigint, p_accuracy double precision, p_extra jsonb default '{}') returns boolean language sql as $$
    select ls.complete_evaluation(p_worker, l.token, array[decode(l.features -> 0 ->> 'digest', 'hex')], array[fixture.report(p_accuracy, p_extra)])
    from ls.lease_tasks(p_worker, '{evaluate}', 1, 60) l; $$;
create function pg_temp.refusal(p_extra jsonb) returns text language plpgsql as $$ begin
    perform pg_temp.hand_in(2, 0.5, p_extra); return 'counted';
exception when others then return sqlstate || ' ' || sqlerrm; end $$;
-- What is picked in the first queries; 0.5 in the others.
create function pg_temp.picks(p_first jsonb) returns jsonb language sql as $$
    select jsonb_build_object('query_values', p_first || fixture.picks('0.5', 400 - jsonb_array_length(p_first))); $$;
create function pg_temp.train(p_worker bigint, p_weights text) returns bigint language plpgsql as $$ begin
    perform ls.request_training('code.listwise', p_seed => hashtext(p_weights)); return fixture.train(p_worker, p_weights); end $$;
create view pg_temp.champion as select number from ls.ranker_alias a join ls.ranker_version v using (version_id) where alias = 'champion';
create view pg_temp.figures as select v.number, e.accuracy, w.name from ls.evaluation e join ls.ranker_version v using (version_id) left join ls.worker w on w.worker_id = e.worker_id;
create function pg_temp.found(p_accuracy double precision, p_extra jsonb default '{}') returns jsonb language sql as $$ select fixture.report(p_accuracy, p_extra); $$;
create view pg_temp.open_check as select version, worker, reason, holds from ls.evaluation_check_status where decided_at is null;

-- What cannot be true.
select isnt(fixture.version('code.listwise', 'first'), null, 'a version to measure');
select is(pg_temp.refusal('{"accuracy": 1.0, "oracle": 0.0, "first_sample": 0.0, "group_count": 1}'), 'LS001 cannot take an evaluation: found group_count 1, expected 20 of each of 400 queries', 'one group is not what the task asked for');
select is(pg_temp.refusal('{"accuracy": 1.0, "oracle": 0.0, "first_sample": 0.0}'), 'LS001 cannot take an evaluation: found accuracy 1.0, more than the oracle''s 0.0', 'nobody does better than the best there is');
select is(pg_temp.refusal('{"first_sample": 0.97}'), 'LS001 cannot take an evaluation: found first_sample 0.97, more than the oracle''s 0.96', 'nor does the first sample');
select is(pg_temp.refusal('{"majority": 0.97}'), 'LS001 cannot take an evaluation: found majority 0.97, more than the oracle''s 0.96', 'nor the majority');
select is(pg_temp.refusal('{"highest_log_probability": 1}'), 'LS001 cannot take an evaluation: found highest_log_probability 1, more than the oracle''s 0.96', 'nor the likeliest');
select is(pg_temp.refusal('{"ranker": 0.97}'), 'LS001 cannot take an evaluation: found ranker 0.97, more than the oracle''s 0.96', 'nor the ranker without its combiner');
select is(pg_temp.refusal('{"weighted_vote": "many"}'), 'LS001 cannot take an evaluation: found weighted_vote "many", expected a number', 'and what signals pick is a number');
select is(pg_temp.refusal('{"query_count": 4, "group_count": 80}'), 'LS001 cannot take an evaluation: found query_count 4, the feature set has 400', 'the set has so many queries');
select is(pg_temp.refusal('{"query_values": "0.5"}'), 'LS001 cannot take an evaluation: expected query_values to be 400 numbers that labels can have', 'query_values are a list');
select is(pg_temp.refusal('{"query_values": [0.5, 0.5]}'), 'LS001 cannot take an evaluation: expected query_values to be 400 numbers that labels can have', 'one for each query');
select is(pg_temp.refusal(pg_temp.picks('[0.5, 0.5, null]')), 'LS001 cannot take an evaluation: expected query_values to be 400 numbers that labels can have', 'each a number');
select is(pg_temp.refusal(pg_temp.picks('[1e15, -1e15, 0.5]')), 'LS001 cannot take an evaluation: expected query_values to be 400 numbers that labels can have', 'of a size that labels have, also where they cancel out');
select is(pg_temp.refusal(pg_temp.picks('[0.5, 0.5, 0.8]')), 'LS001 cannot take an evaluation: found accuracy 0.5, the mean of its query_values is 0.50075', 'of which accuracy is the mean');
select is(pg_temp.refusal(pg_temp.picks('[0.25, 0.5, 0.75]')), 'counted', 'all of that right');
select results_eq('select query_values[:4], cardinality(query_values), report ?| ''{query_values,method_query_values}'' from ls.evaluation', $$ values ('{0.25,0.5,0.75,0.5}'::real[], 400, false) $$, 'is kept, once');
select results_eq('select first_sample, oracle, first_sample_values[400], oracle_values[400], majority_values, label_low, label_high, confirmed_at is null from ls.baseline', $$ values (0.38::float8, 0.96::float8, 0.38::real, 0.96::real, null::real[], 0::float8, 1::float8, true) $$, 'and what needs no ranker is known by one worker''s word');
select is_empty('select * from pg_temp.open_check', 'a version that nobody trained here is taken on that word');
select is((select number from pg_temp.champion), 1, 'and promoted');

-- Trained and measured by one worker: promoted, and measured again.
select is(pg_temp.train(1, 'garbage'), 2::bigint, 'a worker trains garbage');
select is(pg_temp.hand_in(1, 0.9), true, 'and says it is great');
select is((select number from pg_temp.champion), 2, 'it serves, for now');
select results_eq('select * from pg_temp.open_check', $$ values ('code.listwise@2', 'liar', 'trained and measured', false) $$, 'a coordinator is to measure it');
select throws_ok('select ls.claim_evaluation_check(null)', 'LS001', null, 'a claim ends');
select throws_ok('select ls.claim_evaluation_check(0.5)', 'LS001', null, 'not at once');
create temporary table claim as select * from ls.claim_evaluation_check(60);
select results_eq('select weights_digest, features_digest, configuration, ranker, worker, report ->> ''accuracy'' from claim',
    $$ values (sha256('garbage'), sha256('codetest'), ls.default_evaluation_configuration(), 'code.listwise@2', 'liar', '0.9') $$, 'it gets all it needs');
select is_empty('select * from ls.claim_evaluation_check(60)', 'nobody else gets it meanwhile');
select throws_ok('select ls.decide_evaluation_check(1, ''maybe'', ''x'', ''{}'')', 'LS001', null, 'a verdict is one of three');
select throws_ok('select ls.decide_evaluation_check(1, ''confirmed'', '''', ''{}'')', 'LS001', null, 'says why');
select throws_ok('select ls.decide_evaluation_check(1, ''refuted'', ''x'')', 'LS001', null, 'and what was found');
-- The liar measured something before that others rest on, and has a lease.
select isnt(fixture.version('code.listwise', 'sound'), null, 'another version');
select is(pg_temp.hand_in(1, 0.6), true, 'measured by the liar');
select is((select number from pg_temp.champion), 2, 'it is not promoted: garbage is said to be better');
select isnt(fixture.version('code.listwise', 'held'), null, 'and one more');
select is((select count(*) from ls.lease_tasks(1, '{evaluate}', 1, 60)), 1::bigint, 'which it is at');
select is((select ls.decide_evaluation_check(evaluation_check_id, 'refuted', 'accuracy is 0.1, not 0.9', pg_temp.found(0.1)) from claim), true, 'found out');
select is((select quarantined_because from ls.worker where name = 'liar'), 'what it measured was measured again: accuracy is 0.1, not 0.9', 'it is shut out');
select is((select state from ls.attempt where worker_id = 1 order by leased_at desc limit 1), 'released', 'its leases are given back');
select results_eq('select * from pg_temp.figures order by 1', $$ values (1, 0.5::float8, 'honest'), (2, 0.1, null), (3, 0.6, 'liar') $$, 'the figures are the coordinator''s now');
select results_eq('select number from pg_temp.champion', $$ values (3) $$, 'garbage is champion no more, and what was compared with it is looked at again');
select is((select count(*) from ls.alias_history where moved_by = 'evaluation check' and is_rollback), 1::bigint, 'by way of the champion before');
select results_eq('select * from pg_temp.open_check', $$ values ('code.listwise@3', 'liar', 'reopened', false) $$, 'what else it measured for others is measured again');
select is((select reason from ls.promotion_status where version = 2 order by decided_at limit 1), 'better than the champion, version 1: +40.0 points on 400 queries, e = 10^52, 20 asked for', 'the decisions stay on record');
select is((select count(*) from ls.audit_entry where action = 'refute evaluation' and subject like 'code.listwise@2, feature set %'), 1::bigint, 'the audit log has it');
select is((select ls.decide_evaluation_check(evaluation_check_id, 'confirmed', 'late', pg_temp.found(0.9)) from claim), false, 'a second answer changes nothing');
select is(ls.decide_evaluation_check(99, 'failed', 'x'), false, 'nor one to no question');
select is_empty('select * from ls.broken_rules(true)', 'no rule is broken');
select results_eq('select accuracy_said, accuracy_found, verdict from ls.evaluation_check_status where decided_at is not null', $$ values (0.9::float8, 0.1::float8, 'refuted') $$, 'the view shows both figures');
truncate claim; insert into claim select * from ls.claim_evaluation_check(60);
select is((select ls.decide_evaluation_check(evaluation_check_id, 'confirmed', 'the same', pg_temp.found(0.6)) from claim), true, 'that one was right');
select is((select number from pg_temp.champion), 3, 'and stays');
select isnt((select confirmed_at from ls.baseline), null, 'what needs no ranker is known for good');

-- From a worker in quarantine nothing is promoted by itself.
update ls.worker set quarantined_at = null, quarantined_because = null where name = 'liar';
select isnt(pg_temp.train(1, 'suspect'), null, 'let in again, it trains');
update ls.worker set quarantined_at = now(), quarantined_because = 'test' where name = 'liar';
select is(pg_temp.hand_in(2, 0.55), true, 'another measures what waits');
select is(pg_temp.hand_in(2, 0.95), true, 'and what it trained, while it is shut out');
select is((select reason from ls.promotion_status where version = 5 limit 1), 'not by itself: worker ''liar'', which trained it, is in quarantine', 'which is not promoted');
update ls.worker set quarantined_at = null, quarantined_because = null where name = 'liar';

-- Against what a coordinator measured nobody has another opinion.
select isnt(fixture.version('code.listwise', 'sixth'), null, 'a version');
select is(pg_temp.refusal('{"first_sample": 0.4}'), 'LS001 cannot take an evaluation: found first_sample 0.4, which needs no ranker and was measured here as 0.38', 'a figure that cannot depend on it');
select is(pg_temp.refusal('{"oracle": 0.99}'), 'LS001 cannot take an evaluation: found oracle 0.99, which needs no ranker and was measured here as 0.96', 'nor on anything');
select is(pg_temp.refusal('{"first_sample": 0.38000000001}'), 'counted', 'the way it is written is no difference');

-- Against another worker: who is right is found out, and no promotion rests on either before.
update ls.baseline set confirmed_at = null, oracle = 0.99, evaluation_id = (select evaluation_id from ls.evaluation where version_id = 4);
select isnt(fixture.version('code.listwise', 'seventh'), null, 'a version');
select is(pg_temp.refusal('{"accuracy": 0.92}'), 'counted', 'one of two is wrong: it is taken');
select results_eq('select version, worker, reason, holds from pg_temp.open_check order by 1',
    $$ values ('code.listwise@4', 'honest', 'dispute', true), ('code.listwise@7', 'honest', 'dispute', true) $$, 'both are measured again');
select is((select number from pg_temp.champion), 3, 'and nothing is promoted before');
truncate claim; insert into claim select * from ls.claim_evaluation_check(60);
select is((select ls.decide_evaluation_check(evaluation_check_id, 'failed', 'no memory') from claim), true, 'one cannot be measured: nobody is blamed');
insert into claim select * from ls.claim_evaluation_check(60);
select is((select ls.decide_evaluation_check(evaluation_check_id, 'confirmed', 'the same', pg_temp.found(0.92)) from claim where ranker = 'code.listwise@7'), true, 'the other one can');
select is((select number from pg_temp.champion), 7, 'and is promoted now');
select is((select oracle from ls.baseline), 0.96::float8, 'what needs no ranker is set right');
select is((select count(*) from ls.worker where quarantined_at is not null), 0::bigint, 'nobody is shut out');

-- Never decided: three tries, and one more after an hour; gone meanwhile: none.
update ls.check_policy set share = 1;
select isnt(fixture.version('code.listwise', 'eighth'), null, 'with a share of one');
select is(pg_temp.hand_in(2, 0.5), true, 'each evaluation');
select results_eq('select version, reason, holds from pg_temp.open_check', $$ values ('code.listwise@8', 'sample', false) $$, 'is measured again');
do $$ begin for i in 1 .. 3 loop
    perform ls.claim_evaluation_check(60); update ls.evaluation_check set claimed_until = '-infinity' where decided_at is null; end loop; end $$;
select is_empty('select * from ls.claim_evaluation_check(60)', 'claimed three times, and never decided');
select results_eq($$ select verdict, claim_count, because like 'three coordinators began % one more tries after an hour' from ls.evaluation_check_status limit 1 $$,
    $$ values (null::text, 3, true) $$, 'it says why it waits');
select is((select claimed_until > clock_timestamp() + interval '59 minutes' from ls.evaluation_check order by 1 desc limit 1), true, 'for an hour');
select is_empty('select * from ls.claim_evaluation_check(60)', 'until then nobody gets it');
update ls.evaluation_check set claimed_until = '-infinity' where decided_at is null;
select is((select ranker from ls.claim_evaluation_check(60)), 'code.listwise@8', 'then it is opened once more');
update ls.evaluation_check set claimed_until = '-infinity' where decided_at is null;
select is_empty('select * from ls.claim_evaluation_check(60)', 'and only once');
select results_eq($$ select verdict, because like 'four coordinators began to measure it% none came to an end%' from ls.evaluation_check_status limit 1 $$,
    $$ values ('failed', true) $$, 'has failed, and says why');
select throws_ok($$ select ls.set_check_policy(2, null, 'x') $$, 'LS001', null, 'a share is at most one');
select throws_ok($$ select ls.set_check_policy(0, null, '') $$, 'LS001', null, 'a reason is needed');
select lives_ok($$ select ls.set_check_policy(0, true, 'we are careful') $$, 'promotions may wait');
select results_eq('select * from ls.evaluation_check_policy', $$ values (0::float8, true) $$, 'the view says so');
select isnt(pg_temp.train(3, 'ninth'), null, 'trained');
select is(pg_temp.hand_in(3, 0.96), true, 'and measured by one worker');
select is((select number from pg_temp.champion), 7, 'it waits');
truncate claim; insert into claim select * from ls.claim_evaluation_check(60);
select is((select ls.decide_evaluation_check(evaluation_check_id, 'confirmed', 'the same', pg_temp.found(0.96)) from claim), true, 'a coordinator says the same');
select is((select number from pg_temp.champion), 9, 'and it is promoted');

-- Who trained is not the one to measure, while another can.
select is((select count(*) from (select pg_temp.train(2, 'tenth')) t), 1::bigint, 'trained by one of three');
select is(ls.leaves_to_another((select max(task_id) from ls.task), 2), false, 'nobody else is there');
select ls.worker_connected(w, 'test', 'test', 1, '{train,evaluate}') from unnest('{2,3}'::bigint[]) w;
select is_empty($$ select * from ls.lease_tasks(2, '{evaluate}', 1, 60) $$, 'while another is, it is not the one to measure');
select is_empty($$ select * from ls.lease_tasks(2, '{evaluate}', 1, 60, array[sha256('codetest')]) $$, 'whatever it holds');
select isnt_empty($$ select * from ls.lease_tasks(3, '{evaluate}', 1, 60) $$, 'but the other is');
select ls.release_leases(3);
update ls.task set run_after = now() - interval '6 seconds' where state = 'waiting';
select isnt_empty($$ select * from ls.lease_tasks(2, '{evaluate}', 1, 60) $$, 'for five seconds');
select ls.release_leases(2);
update ls.task set run_after = clock_timestamp() where state = 'waiting';
update ls.worker_presence set capacity = 0 where worker_id = 3;
select isnt_empty($$ select * from ls.lease_tasks(2, '{evaluate}', 1, 60) $$, 'and not when the other is busy');
select ls.release_leases(2);
update ls.worker_presence set capacity = 1, task_byte_count_max = 1 where worker_id = 3;
select isnt_empty($$ select * from ls.lease_tasks(2, '{evaluate}', 1, 60) $$, 'or its owner does not allow it');
select ls.release_leases(2);
update ls.worker_presence set disconnected_at = now();
update ls.task set state = 'cancelled', ended_at = now(), ended_because = 'test' where ended_at is null;
select ls.set_check_policy(0, false, 'test');

-- A first version that is a lie: nothing stood before it, and nothing of its trainer's takes its place.
select fixture.feature_set('math/algebra', 'train'), fixture.feature_set('math/algebra', 'test'), fixture.ranker('math/algebra');
create function pg_temp.version_of(p_domain text) returns integer language sql as $$
    select v.number from ls.ranker_alias a join ls.ranker_version v using (ranker_id, version_id) join ls.ranker r using (ranker_id) join ls.domain d using (domain_id)
    where a.alias = 'champion' and d.name = p_domain; $$;
select ls.request_training('math/algebra.listwise');
select isnt(fixture.train(1, 'algebra'), null, 'trained by one worker');
select is(pg_temp.hand_in(1, 0.9), true, 'and measured by it');
select is(pg_temp.version_of('math/algebra'), 1, 'the first version serves');
truncate claim; insert into claim select * from ls.claim_evaluation_check(60);
select is((select ls.decide_evaluation_check(evaluation_check_id, 'refuted', 'accuracy is 0.1', pg_temp.found(0.1)) from claim), true, 'found out');
select is(pg_temp.version_of('math/algebra'), null, 'it serves no more');
select is((select ranker_name from ls.route('tiny', null, 'math/algebra')), null, 'requests go on to whoever is next');
update ls.worker set quarantined_at = null, quarantined_because = null;
update ls.evaluation_check set decided_at = now(), verdict = 'failed' where decided_at is null;

-- A lie about the champion, so that one's own next version looks better.
select fixture.feature_set('math/geometry', 'train'), fixture.feature_set('math/geometry', 'test'), fixture.ranker('math/geometry');
select isnt(fixture.version('math/geometry.listwise', 'sound geometry'), null, 'a sound version');
select is(pg_temp.hand_in(1, 0.4), true, 'made to look bad, though better than the first sample');
select ls.request_training('math/geometry.listwise');
select isnt(fixture.train(1, 'own geometry'), null, 'by who trains the next');
select is(pg_temp.hand_in(2, 0.5), true, 'which another measures');
select is(pg_temp.version_of('math/geometry'), 2, 'and which is promoted');
select results_eq('select version, worker, reason from pg_temp.open_check', $$ values ('math/geometry.listwise@1', 'liar', 'trained and measured') $$,
    'what the trainer said of the champion is measured again');
truncate claim; insert into claim select * from ls.claim_evaluation_check(60);
select is((select ls.decide_evaluation_check(evaluation_check_id, 'refuted', 'accuracy is 0.6', pg_temp.found(0.6)) from claim), true, 'found out');
select is(pg_temp.version_of('math/geometry'), 1, 'the champion is back');
select is_empty('select * from ls.broken_rules(true)', 'no rule is broken');

-- For one's own users one's own word is enough; forgetting takes the checks along.
update ls.worker set quarantined_at = null, quarantined_because = null, labels = '{"user": "ada,ben"}';
select ls.set_check_policy(1, true, 'test');
select fixture.feature_set('code', 'train', 'ada', p_user => 'ada'), fixture.feature_set('code', 'test', 'ada', p_user => 'ada'), fixture.ranker('code', p_user => 'ada');
select ls.request_training('~ada/code.listwise');
select isnt(fixture.train(1, 'of ada'), null, 'a user''s own worker trains');
select is(pg_temp.hand_in(1, 0.4) and pg_temp.hand_in(1, 0.5), true, 'and measures, who serves without it first');
select is((select count(*) from pg_temp.open_check where version like '~ada%'), 0::bigint, 'and is believed');
update ls.worker set labels = '{}';
select ls.request_training('~ada/code.listwise', p_seed => 2);
select isnt(fixture.train(1, 'of ada 2'), null, 'somebody else''s worker trains');
select is(pg_temp.hand_in(1, 0.6), true, 'and measures');
select is((select count(*) from pg_temp.open_check where version like '~ada%'), 2::bigint, 'and what decides is measured again');
select isnt_empty($$ select * from ls.forget_user('ada', 'asked') $$, 'the user is forgotten');
select is((select count(*) from ls.evaluation_check_status where version like '~ada%'), 0::bigint, 'with the check');
-- The champion is chosen anew from all versions, on the figures that stand then.
select ls.set_check_policy(0, false, 'test');
update ls.worker_presence set task_byte_count_max = null;
create function pg_temp.fresh(p_domain text) returns text language sql as $$
    update ls.worker set quarantined_at = null, quarantined_because = null;
    update ls.evaluation_check set decided_at = now(), verdict = 'failed', holds = false where decided_at is null;
    update ls.task set state = 'cancelled', ended_at = now(), ended_because = 'test' where ended_at is null;
    select ls.register_domain(p_domain);
    select fixture.feature_set(p_domain, 'train'); select fixture.feature_set(p_domain, 'test'); select fixture.ranker(p_domain); $$;
create function pg_temp.champion_of(p_ranker text) returns integer language sql as $$
    select number from ls.ranker r join ls.ranker_alias a using (ranker_id) join ls.ranker_version v using (ranker_id, version_id)
    where r.name = p_ranker and a.alias = 'champion'; $$;
create function pg_temp.version_id(p_version text) returns bigint language sql as $$
    select version_id from ls.ranker r join ls.ranker_version v using (ranker_id) where r.name || '@' || v.number = p_version; $$;
-- Trained by one, measured by another -> the champion after that.
create function pg_temp.made(p_ranker text, p_trainer bigint, p_measurer bigint, p_accuracy double precision) returns integer language plpgsql as $$ begin
    perform ls.request_training(p_ranker, p_seed => (select 1 + count(*) from ls.task));
    perform fixture.train(p_trainer, p_ranker || (select count(*) from ls.ranker_version));
    perform pg_temp.hand_in(p_measurer, p_accuracy);
    return pg_temp.champion_of(p_ranker);
end $$;
-- What a coordinator finds -> the champion after that.
create function pg_temp.decide(p_version text, p_verdict text, p_accuracy double precision) returns integer language plpgsql as $$ begin
    perform ls.open_evaluation_check(evaluation_id, 'sample', false) from ls.evaluation where version_id = pg_temp.version_id(p_version);
    if not ls.decide_evaluation_check((select evaluation_check_id from ls.evaluation_check
        where version_id = pg_temp.version_id(p_version) and decided_at is null), p_verdict, 'measured', pg_temp.found(p_accuracy)) then
        raise 'no check of % was open', p_version;
    end if;
    return pg_temp.champion_of(split_part(p_version, '@', 1));
end $$;
create view pg_temp.moves as select ranker, from_version, to_version, moved_by, reason from ls.alias_moves;

select is(pg_temp.fresh('twice'), 'twice.listwise', 'a worker lies twice in a row');
select is(pg_temp.made('twice.listwise', 2, 3, 0.7), 1, 'the first version is honest');
select is(pg_temp.made('twice.listwise', 1, 1, 0.8), 2, 'the second is a lie');
select is(pg_temp.made('twice.listwise', 1, 1, 0.9), 3, 'the third one, too');
select is(pg_temp.decide('twice.listwise@3', 'refuted', 0.2), 1, 'found out, the honest one is champion again, not the other lie');
select results_eq('select * from pg_temp.moves limit 1', $$ values ('twice.listwise', 3, 1, 'evaluation check',
    'figures of version 3 were wrong (measured); best on the figures that stand now: accuracy 70.00%') $$, 'and the move says why');
select is(pg_temp.decide('twice.listwise@2', 'refuted', 0.3), 1, 'and stays when the other lie is found out');
select is(pg_temp.made('twice.listwise', 2, 3, 0.5), 1, 'what is worse does not take its place');

select is(pg_temp.fresh('slander'), 'slander.listwise', 'a worker speaks ill of a version');
select is(pg_temp.made('slander.listwise', 2, 1, 0.4), 1, 'which is champion');
select is(pg_temp.made('slander.listwise', 2, 3, 0.5), 2, 'so that another takes its place');
select is(pg_temp.made('slander.listwise', 2, 3, 0.6), 3, 'and one more');
select is(pg_temp.decide('slander.listwise@1', 'refuted', 0.9), 1, 'found out, the best is champion again');
select is(pg_temp.made('slander.listwise', 2, 3, 0.95), 4, 'a better one takes its place');
update ls.worker set quarantined_at = null, quarantined_because = null;
select is(pg_temp.made('slander.listwise', 2, 1, 0.5), 4, 'and one that is not better');
select is(pg_temp.decide('slander.listwise@5', 'refuted', 0.4), 4, 'a lie that decided nothing moves nothing');
select isnt(fixture.feature_set('slander', 'test', 'more'), null, 'also when there is a test set more');
select is(pg_temp.decide('slander.listwise@2', 'refuted', 0.55), 4, 'on which the champion was not measured');
select is((select count(*) from ls.task_queue where kind = 'evaluate' and version = 4 and ranker = 'slander.listwise'), 1::bigint, 'as it is now');

select is(pg_temp.fresh('person'), 'person.listwise', 'a person decides');
select is(pg_temp.made('person.listwise', 2, 3, 0.5), 1, 'a version');
select is(pg_temp.made('person.listwise', 2, 1, 0.6), 2, 'a better one');
select is(ls.rollback('person.listwise', 'it answers badly'), pg_temp.version_id('person.listwise@1'), 'which a person takes away');
select is(pg_temp.made('person.listwise', 1, 1, 0.8), 3, 'a lie');
select is(pg_temp.decide('person.listwise@3', 'refuted', 0.1), 1, 'found out, what the person took away stays away');
update ls.worker set quarantined_at = null, quarantined_because = null;
select is(ls.promote(pg_temp.version_id('person.listwise@2'), 'it answers well now'), true, 'the person puts it back');
select is(pg_temp.decide('person.listwise@2', 'refuted', 0.2), 2, 'and there it stays, whatever its figures');
select results_eq($$ select ls.mover(w, 'x') from unnest('{promotion gate,promotion (forgotten),evaluation check,(forgotten) check,ann}'::text[]) w $$,
    $$ values ('gate'), ('gate'), ('check'), ('check'), ('person') $$, 'who moved an alias is known, also where a user of such a name was forgotten');
select is(ls.mover('ann', 'a user was forgotten'), 'forget', 'forgetting is no opinion of a version');

-- A user is forgotten whose version is the only honest one.
select is(pg_temp.fresh('gone'), 'gone.listwise', 'a worker lies');
select isnt(ls.request_training('gone.listwise', array[fixture.feature_set('gone', 'train', 'eve', 3, 'eve')], p_seed => 77), null, 'where a user''s data count');
select isnt(fixture.train(2, 'of eve'), null, 'trained');
select is(pg_temp.hand_in(3, 0.7), true, 'measured');
select is(pg_temp.made('gone.listwise', 1, 1, 0.8), 2, 'a lie takes its place');
select isnt_empty($$ select * from ls.forget_user('eve', 'asked') $$, 'the user is forgotten');
select is(pg_temp.decide('gone.listwise@2', 'refuted', 0.3), null, 'the lie is champion no more, and nothing is');
select isnt((select quarantined_at from ls.worker where name = 'liar'), null, 'its worker is shut out');
select results_eq($$ select accuracy, worker_id from ls.evaluation where version_id = pg_temp.version_id('gone.listwise@2') $$, $$ values (0.3::float8, null::bigint) $$, 'its figures are the true ones');
select is(pg_temp.made('gone.listwise', 2, 3, 0.2), null, 'an honest one that is worse than the first sample is not champion');
select is(pg_temp.made('gone.listwise', 2, 3, 0.5), 4, 'one that is better is');

-- Two workers make the same bytes.
select is(pg_temp.fresh('same'), 'same.listwise', 'two workers');
select is(pg_temp.made('same.listwise', 2, 3, 0.5), 1, 'a version');
select isnt(ls.request_training('same.listwise', p_seed => 78), null, 'a training');
select is((select count(*) from (select fixture.train(1, 'good bytes')) t), 1::bigint, 'by one');
select ls.quarantine_worker(1, 'test');
select is(pg_temp.hand_in(3, 0.9), true, 'who is shut out before it is measured');
select is(pg_temp.champion_of('same.listwise'), 1, 'is not promoted');
select isnt(ls.request_training('same.listwise', p_seed => 78), null, 'the same training');
select is(fixture.train(2, 'good bytes'), pg_temp.version_id('same.listwise@2'), 'with the same bytes, by another');
select is(pg_temp.champion_of('same.listwise'), 2, 'is');

-- Promotions wait: one whose figures cannot be measured again waits on.
select is(pg_temp.fresh('held'), 'held.listwise', 'promotions wait');
select ls.set_check_policy(0, true, 'test');
select is(pg_temp.made('held.listwise', 2, 3, 0.7), 1, 'a version');
select is(pg_temp.made('held.listwise', 1, 1, 0.8), 1, 'one worker''s word');
create temporary view held as select evaluation_check_id as id from ls.evaluation_check where version_id = pg_temp.version_id('held.listwise@2');
select throws_ok('select ls.reopen_evaluation_check(id, ''x'') from held', 'LS001', null, 'what is open cannot be reopened');
select is(ls.decide_evaluation_check((select id from held), 'failed', 'no memory'), true, 'which cannot be measured again');
select is(pg_temp.champion_of('held.listwise'), 1, 'is not promoted for that');
select is(ls.consider_promotion(pg_temp.version_id('held.listwise@2')), null, 'asked again, neither');
select results_eq('select holds, verdict from ls.evaluation_check_status join held on id = evaluation_check_id', $$ values (true, 'failed') $$, 'and the view shows it');
select throws_ok('select ls.reopen_evaluation_check(id, '''') from held', 'LS001', null, 'to try again needs a reason');
select throws_ok('select ls.reopen_evaluation_check(-1, ''x'')', 'LS001', null, 'and something to try');
select lives_ok('select ls.reopen_evaluation_check(id, ''there is memory now'') from held', 'it is tried again');
select is((select count(*) from ls.audit_entry where action = 'reopen evaluation check' and reason = 'there is memory now'), 1::bigint, 'the audit log has it');
create temporary table before as select evaluation_id, task_id from ls.evaluation where version_id = pg_temp.version_id('held.listwise@2');
select is(pg_temp.decide('held.listwise@2', 'confirmed', 0.79), 2, 'right as far as rounding goes, it is promoted');
select results_eq($$ select evaluation_id, task_id, worker_id, accuracy, (report ->> 'accuracy')::float8 from ls.evaluation where version_id = pg_temp.version_id('held.listwise@2') $$,
    'select evaluation_id, task_id, 1::bigint, 0.79::float8, 0.79::float8 from before', 'with the coordinator''s figures in the place of the worker''s, under its name');
select is((select evaluation_id from ls.evaluation_check join held on id = evaluation_check_id), (select evaluation_id from before), 'and is not measured once more');
select is_empty('select * from ls.broken_rules(true)', 'no rule is broken');

-- Query by query: what needs no ranker is the same in each, and nobody picks better than the best there is.
create function pg_temp.extra(p_key text, p_first jsonb, p_rest jsonb) returns jsonb language sql as $$
    select jsonb_build_object('method_query_values', fixture.report(0.5) -> 'method_query_values'
        || jsonb_build_object(p_key, p_first || fixture.picks(p_rest, 400 - jsonb_array_length(p_first)))); $$;
create view pg_temp.known as select b.* from ls.baseline b join ls.feature_set f using (feature_set_id) join ls.domain d using (domain_id) where d.name = 'apart';
select is(pg_temp.fresh('apart'), 'apart.listwise', 'query by query');
select isnt(fixture.version('apart.listwise', 'apart 1'), null, 'a version');
select is(pg_temp.refusal(pg_temp.picks('[0.97, 0.03]')), 'LS001 cannot take an evaluation: found a query in which accuracy is more than the oracle', 'no pick is better than the best there is');
select is(pg_temp.refusal(pg_temp.extra('first_sample', '[0.97, 0]', '0.3794723618090452')), 'LS001 cannot take an evaluation: found a query in which first_sample is more than the oracle', 'nor is the first sample');
select matches(pg_temp.refusal(pg_temp.extra('first_sample', '[0.5]', '0.38')), '^LS001 .*: found first_sample 0.38, the mean of its method_query_values.first_sample is 0.3802999', 'of which the figure is the mean');
select is(pg_temp.refusal('{"query_values": null, "method_query_values": null, "label_range": null}'), 'counted', 'a worker of before says nothing of single queries');
select results_eq('select first_sample, first_sample_values is null, label_high is null from pg_temp.known', $$ values (0.38::float8, true, true) $$, 'nor does what is known');
select isnt(fixture.version('apart.listwise', 'apart 2'), null, 'another');
select is(pg_temp.refusal('{"oracle": 0.97}'), 'counted', 'who disagrees in all');
select is((select first_sample_values is null from pg_temp.known), true, 'fills in nothing');
select results_eq('select version, reason, holds from pg_temp.open_check order by 1', $$ values ('apart.listwise@1', 'single queries', true), ('apart.listwise@2', 'dispute', true) $$, 'and is in dispute');
select isnt(fixture.version('apart.listwise', 'apart 3'), null, 'another');
select is(pg_temp.refusal('{}'), 'counted', 'who agrees');
select results_eq('select first_sample_values[1], oracle_values[400], label_low, label_high, confirmed_at from pg_temp.known', $$ values (0.38::real, 0.96::real, 0::float8, 1::float8, null::timestamptz) $$, 'fills it in');
select isnt(fixture.version('apart.listwise', 'apart 4'), null, 'another');
select is(pg_temp.refusal(pg_temp.extra('first_sample', '[0.37, 0.39]', '0.38')), 'counted', 'who says the same in all, and something else in single queries');
select is((select count(*) from pg_temp.open_check where version = 'apart.listwise@4' and reason = 'dispute' and holds), 1::bigint, 'is in dispute');
select results_eq($$ select v.number, c.report #>> '{method_query_values,first_sample,0}' from ls.evaluation_check c join ls.ranker_version v using (version_id) join ls.ranker r using (ranker_id)
    where r.name = 'apart.listwise' and c.reason = 'dispute' and v.number > 2 order by 1 $$, $$ values (3, '0.38'), (4, '0.37') $$, 'whoever measures again is told what each of the two said');
select isnt(pg_temp.decide('apart.listwise@3', 'confirmed', 0.5), 99, 'a coordinator measures');
select is((select count(*) from ls.evaluation_check where report ? 'method_query_values' and decided_at is not null), 0::bigint, 'what was said is kept until it is decided');
select isnt((select confirmed_at from pg_temp.known), null, 'and knows for good');
select isnt(fixture.version('apart.listwise', 'apart 5'), null, 'another');
select is(pg_temp.refusal(pg_temp.extra('first_sample', '[0.37, 0.39]', '0.38')), 'LS001 cannot take an evaluation: found a query whose first_sample, which needs no ranker, was measured here as another', 'then it is refused');
select is(pg_temp.refusal('{"label_range": [0, 2]}'), 'LS001 cannot take an evaluation: found label_range [0, 2], which needs no ranker and was measured here as [0, 1]', 'as are other labels');
update ls.baseline set has_answer = 0.41, mean_log_probability = 0.45 where (feature_set_id, configuration) = (select feature_set_id, configuration from pg_temp.known);
select is(pg_temp.refusal('{"has_answer": 0.6}'), 'LS001 cannot take an evaluation: found has_answer 0.6, which needs no ranker and was measured here as 0.41', 'as is another share of the first with an answer');
select is(pg_temp.refusal('{"mean_log_probability": 0.6}'), 'LS001 cannot take an evaluation: found mean_log_probability 0.6, which needs no ranker and was measured here as 0.45', 'or of the likeliest by the mean');
select lives_ok($$ select ls.keep_baseline(feature_set_id, configuration, 'binary', fixture.report(0.5, '{"query_values": null, "method_query_values": null, "label_range": null}'), null, now()) from pg_temp.known $$, 'a coordinator of before');
select is((select cardinality(oracle_values) from pg_temp.known), 400, 'makes nothing unknown');

-- What cannot be decided undoes nothing.
select is(pg_temp.fresh('trouble'), 'trouble.listwise', 'trouble of our own');
select ls.set_check_policy(0, false, 'test');
select is(pg_temp.made('trouble.listwise', 1, 1, 0.8), 1, 'a lie');
create or replace function ls.choose_champion(p_version_id bigint, p_is_worse boolean, p_because text) returns void language plpgsql as $$ begin raise 'trouble'; end $$;
select is(pg_temp.decide('trouble.listwise@1', 'refuted', 0.3), 1, 'found out, while no champion can be chosen');
select isnt((select quarantined_at from ls.worker where name = 'liar'), null, 'its worker is shut out all the same');
select is((select accuracy from ls.evaluation where version_id = pg_temp.version_id('trouble.listwise@1')), 0.3::float8, 'its figures are replaced');
select results_eq('select subject, reason from ls.audit_entry where action = ''not decided''', $$ values ('trouble.listwise: choose champion', 'trouble') $$, 'the audit log says what was not decided');

-- Of a long queue the first hundred are looked at.
select is(pg_temp.fresh('queue'), 'queue.listwise', 'a queue');
insert into ls.evaluation_check (version_id, feature_set_id, configuration, worker_id, reason, holds, report)
select version_id, feature_set_id, configuration, 1, 'dispute', true, report from ls.evaluation, generate_series(1, 100)
where version_id = pg_temp.version_id('trouble.listwise@1');
select is(pg_temp.made('queue.listwise', 1, 1, 0.8), 1, 'what can be measured is the last of a hundred and one');
select is_empty('select * from ls.claim_evaluation_check(60)', 'it is not seen before one of the others has failed');
select isnt_empty('select * from ls.claim_evaluation_check(60)', 'and then it is');
select * from finish();
rollback;
