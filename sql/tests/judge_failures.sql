-- ls.try_champion, settle_promotions, keep_baseline: what cannot be judged keeps nothing else from its turn, and a worker's word of single
-- queries is no coordinator's.
begin;
select plan(10);
select fixture.base_model();
select fixture.worker(n) from unnest(array['w', 'v', 'home']) n;
update ls.check_policy set share = 0;
select fixture.feature_set('code', 'test'), fixture.ranker('code');
select fixture.version('code.listwise', 'a'), fixture.evaluate(1, 0.6);
select is((select count(*) from ls.champion_watch), 1::bigint, 'a champion that the gate put there');

-- Its weights and its ranker are at home with a worker that is gone, and its test set is another one now.
select fixture.feature_set('code', 'test', 'newer');
set local session_replication_role = replica;
update ls.ranker set home_worker_id = 3 where name = 'code.listwise';
set local session_replication_role = origin;
select ls.revoke_worker('home', 'gone');
select lives_ok($$ select * from ls.housekeep() $$, 'nobody can measure it, and housekeeping goes on');
select isnt((select looked_at from ls.champion_watch), '-infinity', 'its turn is over');
select is((select asked_version_id from ls.champion_watch), null, 'nobody is asked for it');

-- What fails otherwise.
create function pg_temp.fail() returns trigger language plpgsql as $$ begin raise exception 'broken'; end $$;
update ls.champion_watch set looked_at = '-infinity';
create or replace function ls.judge_champion(p_ranker_id bigint) returns boolean language plpgsql as $$ begin raise exception 'broken'; end $$;
select lives_ok($$ select ls.judge_champions() $$, 'a champion that cannot be judged is passed over');
select is((select array_agg(concat_ws(': ', action, subject, reason)) from ls.audit_log where action = 'not judged'), '{"not judged: code.listwise: broken"}', 'and the audit log says why');
select isnt((select looked_at from ls.champion_watch), '-infinity', 'and its turn is over, too');

-- A row that a coordinator confirmed before there were values of single queries.
select fixture.feature_set('math/algebra', 'test'), fixture.ranker('math/algebra');
insert into ls.baseline (feature_set_id, configuration, first_sample, oracle, confirmed_at)
select feature_set_id, ls.default_evaluation_configuration(), 0.38, 0.96, now() from ls.feature_set where digest = sha256('math/algebratest');
select fixture.version('math/algebra.listwise', 'b'), fixture.evaluate(1, 0.6);
select is((select confirmed_at from ls.baseline b join ls.feature_set f using (feature_set_id) where f.digest = sha256('math/algebratest')), null,
    'what a worker says of single queries nobody confirmed');
select isnt((select first_sample_values from ls.baseline b join ls.feature_set f using (feature_set_id) where f.digest = sha256('math/algebratest')), null,
    'though it is kept');
select is((select count(*) from ls.promotion_wait where looked_at > '-infinity'), 0::bigint, 'nothing waits');
select * from finish();
rollback;
