-- ls.broken_rules: silent on a good history, and one sentence for each rule when somebody breaks it. Broken
-- by hand here, with triggers, constraints and unique indexes out of the way; each break is taken back.
begin;
select plan(50);
select fixture.base_model();
select fixture.feature_set('code', 'train'), fixture.feature_set('code', 'test'), fixture.feature_set('math/algebra', 'test');
select fixture.ranker('code'), fixture.ranker('math/algebra');
select fixture.worker('w');

-- A history with everything in it: two versions, the first measured and champion by the gate, a move by
-- hand, a cancelled, a failed, an expired and an open attempt, a dead task, a sweep.
select ls.request_training('code.listwise', p_seed => 1);
select fixture.train(1, 'first');
select fixture.evaluate(1, 0.5);
select ls.request_training('code.listwise', p_seed => 2);
select fixture.train(1, 'second');
select ls.promote(2, 'by hand'), ls.promote(1, 'back'), ls.set_alias(2, 'challenger', 'next');
select ls.cancel_task(task_id, 'not wanted') from ls.task_progress() where kind = 'evaluate';
select ls.request_training('code.listwise', p_seed => 3);
select ls.fail_attempt(1, token, 'internal', 'bad luck', false, 'confirmed') from ls.lease_tasks(1, '{train}', 1, 60);
select ls.request_training('code.listwise', p_seed => 4);
select task_id as late from ls.lease_tasks(1, '{train}', 1, 60) \gset
select fixture.let_expire(:late);
select ls.expire_leases();
select fixture.feature_set('math/algebra', 'train');
select ls.request_sweep('math/algebra.listwise', p_configurations => '[{"epochs": 1}, {"epochs": 2}]');
select fixture.train(1, 'of the late one');
select task_id as held from ls.lease_tasks(1, '{train}', 1, 60) \gset
select is_empty('select ls.broken_rules(true)', 'a history made by the functions breaks no rule');
select isnt_empty($$ select from ls.task where state = 'leased' $$, 'while a lease is held');
select set_eq('select distinct state from ls.attempt', array['succeeded', 'failed', 'expired', 'open'], 'after ends of every kind');

set local session_replication_role = replica;
alter table ls.task drop constraint task_has_ended_when_final, drop constraint task_attempts_are_bounded;
alter table ls.ranker_weights drop constraint ranker_weights_are_whole;
alter table ls.ranker_version drop constraint ranker_version_number_is_unique, drop constraint ranker_version_digest_is_unique;
drop index ls.attempt_is_open_once_a_task, ls.attempt_succeeds_once_a_task, ls.task_asked_once_while_open;

-- Breaks a rule, collects what is said, and takes the break back.
create function pg_temp.broken(p_sql text) returns setof text language plpgsql as $$
declare v_said text[];
begin
    begin
        execute p_sql;
        v_said := array(select ls.broken_rules(true));
        raise exception 'taken back' using errcode = 'LS999';
    exception when sqlstate 'LS999' then null;
    end;
    return query select unnest(v_said);
end $$;
create function pg_temp.says(p_sql text, p_pattern text, p_what text) returns text language sql as $$
    select ok(exists (select from pg_temp.broken(p_sql) b where b ~ p_pattern), p_what); $$;

select pg_temp.says(format('insert into ls.attempt (task_id, number, worker_id, leased_until) values (%s, 2, 1, now())', :held),
    '^task \d+ has 2 open attempts$', 'two open attempts of one task');
select pg_temp.says(format($$ update ls.task set state = 'waiting' where task_id = %s $$, :held), 'is waiting with an open attempt', 'a lease left on a task that waits');
select pg_temp.says(format($$ update ls.task set state = 'cancelled', ended_at = now() where task_id = %s $$, :held), 'is cancelled with an open attempt', 'a lease left on an ended task');
select pg_temp.says(format($$ update ls.attempt set state = 'released', ended_at = now() where task_id = %s $$, :held), 'is leased to nobody', 'leased to nobody');
select pg_temp.says($$ update ls.attempt set state = 'failed', error_message = 'x' where task_id = 1 $$, '^task 1 is done with 0 succeeded attempts$', 'done without a success');
select pg_temp.says($$ insert into ls.attempt (task_id, number, worker_id, state, leased_until, ended_at) values (1, 2, 1, 'succeeded', now(), now()) $$,
    '^task 1 is done with 2 succeeded attempts$', 'a success counted twice');
select pg_temp.says($$ update ls.task set attempt_count = 3 where task_id = 1 $$, '^task 1 counts 3 attempts and has 1', 'a lost attempt');
select pg_temp.says($$ insert into ls.attempt (task_id, number, worker_id, state, leased_until, ended_at) values (1, 2, 1, 'released', now(), now()) $$,
    'went on after its attempt 1 succeeded', 'an attempt after the success');
select pg_temp.says(format($$ insert into ls.attempt (task_id, number, worker_id, state, leased_until, ended_at) values (%s, 2, 1, 'released', now(), now()) $$, :held),
    'is open and older than attempt 2', 'an old attempt that never ended');
select pg_temp.says('update ls.task set ended_at = null where task_id = 1', 'is done and has not ended', 'done, but when?');
select pg_temp.says(format('update ls.task set request_key = (select request_key from ls.task where task_id = %s) where state = ''waiting''', :held),
    'is open [2-9] times', 'the same request open twice');
select pg_temp.says('update ls.attempt set version_id = null where task_id = 1', 'train task 1 is done and has no version', 'a training without its version');
select pg_temp.says('delete from ls.ranker_version where version_id = 2', 'train task \d+ is done and has no version', 'a version that went away');
select pg_temp.says('update ls.ranker_version set digest = (select digest from ls.ranker_version where version_id = 1) where version_id = 2',
    'versions 1 and 2 of ranker \d+ have the same weights', 'a doubled version');
select pg_temp.says('update ls.ranker_version set number = 7 where version_id = 2', 'the last is number 7', 'a gap in the numbers');
select pg_temp.says('delete from ls.ranker_weights', 'version 1 has no weights', 'weights that are gone');
select pg_temp.says('update ls.ranker_weights set bytes = ''other'', byte_count = 5', 'have another SHA-256', 'weights that are others');
select pg_temp.says('delete from ls.version_feature_set where version_id = 1', 'version 1 was not trained on what its task 1 says', 'a lost lineage');
select pg_temp.says('update ls.evaluation set task_id = 1', 'is of task 1, which is done train', 'figures of a training');
select pg_temp.says('update ls.evaluation set version_id = 2', 'is not what task \d+ asked for', 'figures of another version');
select pg_temp.says('delete from ls.evaluation', 'is done and has no figures', 'figures that are gone');
select pg_temp.says('update ls.alias_history set from_version_id = null where is_rollback is false and to_version_id = 1 and from_version_id = 2',
    'starts at version none, the one before ended at 2', 'a move that starts elsewhere');
select pg_temp.says($$ update ls.ranker_alias set version_id = 2 where alias = 'champion' $$, 'is at version 2, its history ends at 1', 'an alias moved without a trace');
select pg_temp.says('delete from ls.ranker_alias', 'is at version none', 'an alias that is gone');
-- The evidence of the gate.
select is((select count(*) from ls.promotion_decision where promoted and log_e > ln(20)), 1::bigint, 'the gate promoted one');
select pg_temp.says('update ls.promotion_decision set log_e = 2.99', '^the gate promoted version 1 on an e-value below 20$', 'a promotion on too little');
select pg_temp.says('update ls.promotion_decision set log_e = null', '^the gate promoted version 1 on an e-value below 20$', 'or on none');
select pg_temp.says('update ls.promotion_decision set log_e = log_e + 0.00000001', '^decision 1: its values are of log_e ', 'an e-value that is not what its values say');
select pg_temp.says('update ls.promotion_decision set promoted = false, log_e_worse = 0', '^decision 1: its values are of log_e ', 'nor how much worse it is, also where nobody was promoted');
select pg_temp.says('update ls.promotion_decision set version_values[400] = 0.25', '^decision 1: its values are of log_e ', 'a value that was changed');
select pg_temp.says('update ls.promotion_decision set version_values = version_values[:399], incumbent_values = incumbent_values[:399]', '^decision 1: its values are of log_e ', 'values that are lost');
select pg_temp.says('update ls.promotion_decision set incumbent_values = null', '^decision 1 keeps no values', 'all of them');
select is_empty($$ select pg_temp.broken('update ls.promotion_decision set policy = null, log_e = null, log_e_worse = null, version_values = null, incumbent_values = null') $$,
    'decisions of before there was evidence have none');
select pg_temp.says('delete from ls.promotion_decision', '^move \d+: the gate made version 1 champion and decided no such thing$', 'a champion of the gate without its decision');
select pg_temp.says($$ update ls.promotion_decision set decided_at = decided_at + interval '1 day' $$, '^move \d+: the gate made version 1 champion', 'or before it');
-- Strata, exemptions, champions that the gate took away.
insert into ls.promotion_stratum (promotion_decision_id, ordinal, domain_id, set_places, query_count, mean_difference, log_e_worse, is_harmed)
select promotion_decision_id, 1, 1, '{1}', 400, mean_difference, log_e_worse, false from ls.promotion_decision where promoted;
select is_empty('select * from ls.broken_rules()', 'a stratum that says what its values say');
select pg_temp.says('update ls.promotion_stratum set log_e_worse = log_e_worse + 0.00000001', '^decision 1, stratum 1: its values are of log_e ', 'one that does not');
select pg_temp.says('update ls.promotion_stratum set is_harmed = true', '^decision 1 names other strata as harmed than its figures do$', 'one named as harmed that is not');
select pg_temp.says('update ls.promotion_stratum set is_harmed = true', '^decision 1 counts 0 queries that would be harmed, its strata have 400$', 'and not counted');
select pg_temp.says('update ls.promotion_decision set harmed_count = 41', '^the gate promoted version 1, which would harm 41 of its 400 queries$', 'too many harmed');
select pg_temp.says($$ insert into ls.exemption (ranker_id, domain_id, version_id, promotion_decision_id) values (1, 1, null, 1) $$, '^exemption \d+ is of no stratum that its decision found harmed$', 'an exemption of who is not harmed');
select pg_temp.says($$ insert into ls.exemption (ranker_id, domain_id, version_id, promotion_decision_id) values (1, 1, 1, 1) $$, '^exemption \d+ is from no champion of the gate$', 'or that keeps the champion');
select pg_temp.says($$ insert into ls.exemption (ranker_id, domain_id, version_id, promotion_decision_id) values (1, 1, 1, 1); update ls.ranker_version set forgotten_at = now(), digest = null where version_id = 1 $$,
    '^exemption \d+ keeps version 1, which is forgotten$', 'or what is forgotten');
select pg_temp.says('update ls.promotion_decision set promoted = false, withdrawn = true', '^the gate withdrew version 1, which is not proven worse$', 'a champion taken away without proof');
select pg_temp.says('update ls.promotion_decision set promoted = false, withdrawn = true, log_e_worse = 5', '^the gate withdrew version 1 and no alias moved$', 'or not taken away');
select pg_temp.says($$ insert into ls.alias_history (ranker_id, alias, from_version_id, reason, moved_by) values (1, 'champion', 1, 'x', 'promotion gate') $$,
    '^move \d+: the gate took champion 1 away and decided no such thing$', 'or taken away without a decision');
select pg_temp.says('insert into ls.champion_watch (ranker_id) values (2)', '^ranker 2 is watched and has no champion$', 'one that is watched and is not there');
select * from finish();
rollback;
