-- ls.renew_leases_for_workers (of one worker), expire_leases, release_leases: held, lost or cancelled; a lost lease uses up an attempt.
begin;
select plan(22);
select fixture.base_model();
select fixture.feature_set('code', 'train');
select fixture.ranker('code');
select fixture.worker('a'), fixture.worker('b');
select ls.request_training('code.listwise', p_seed => s) from generate_series(1, 4) s;
create temporary table lease as select * from ls.lease_tasks(1, '{train}', 3, 60);
select results_eq($$ select answer from fixture.renew_leases(1, (select array_agg(token order by task_id) from lease), '{0.5,0,7}', '{half,"",""}', 600) $$,
    $$ values ('held'), ('held'), ('held') $$, 'all leases of a worker in one call');
select results_eq('select progress, note from ls.attempt order by task_id', $$ values (0.5::float8, 'half'), (0, ''), (0, '') $$, 'progress is a fraction');
select is((select bool_and(leased_until > clock_timestamp() + interval '9 minutes') from ls.attempt), true, 'held longer');
select results_eq($$ select answer from fixture.renew_leases(2, (select array_agg(token) from lease), '{0,0,0}', '{"","",""}', 60) $$,
    $$ values ('lost'), ('lost'), ('lost') $$, 'another worker''s token renews nothing');
select results_eq($$ select answer from fixture.renew_leases(1, array[gen_random_uuid()], '{0}', '{""}', 60) $$, $$ values ('lost') $$, 'an unknown token is lost');
select is_empty($$ select * from fixture.renew_leases(1, '{}', '{}', '{}', 60) $$, 'a heartbeat without leases is fine');
select throws_ok($$ select * from fixture.renew_leases(1, array[gen_random_uuid()], '{}', '{}', 60) $$, 'LS001', null, 'lists of one length');
select is_empty('select * from ls.expire_leases()', 'nothing to expire');

select ls.cancel_task(2, 'not needed');
select results_eq($$ select answer from fixture.renew_leases(1, array[(select token from lease where task_id = 2)], '{0}', '{""}', 60) $$, $$ values ('cancelled') $$, 'cancelled is said');

select fixture.let_expire(1);
select results_eq($$ select answer from fixture.renew_leases(1, array[(select token from lease where task_id = 1)], '{0}', '{""}', 60) $$,
    $$ values ('lost') $$, 'a lease that ran out is lost, swept or not');
select results_eq('select * from ls.expire_leases()', $$ values (1::bigint, 1, 'a', 'waiting') $$, 'the sweep puts its task back');
select is((select run_after <= clock_timestamp() from ls.task where task_id = 1), true, 'at once');
select is_empty('select * from ls.expire_leases()', 'once');
select results_eq($$ select task_id, attempt from ls.lease_tasks(2, '{train}', 1, 60) $$, $$ values (1::bigint, 2) $$, 'the next attempt has the next number');

select fixture.let_expire(1), ls.expire_leases();
create function pg_temp.lose(p_times integer) returns void language plpgsql as $$ begin
    for i in 1 .. p_times loop
        perform ls.lease_tasks(2, '{train}', 1, 60);
        perform fixture.let_expire(1);
        perform ls.expire_leases();
    end loop; end $$;
select pg_temp.lose(2);
select is((select state || attempt_count from ls.task where task_id = 1), 'waiting4', 'four attempts lost: waiting');
select pg_temp.lose(1);
select is((select state || attempt_count from ls.task where task_id = 1), 'dead5', 'five lost: dead');
select is((select cardinality(errors) from ls.dead_letter), 5, 'with the error of each');
select ls.redrive(1, 'machine repaired', 'ada');
select is((select state || attempt_count_max from ls.task where task_id = 1), 'waiting10', 'redriven: five more');
select results_eq($$ select attempt from ls.lease_tasks(2, '{train}', 5, 60) where task_id = 1 $$, $$ values (6) $$, 'numbers go on');

select is(ls.release_leases(1, array[(select token from lease where task_id = 3)]), 0, 'a worker that kept all its leases gives none back');
select is(ls.release_leases(1), 1, 'a worker that kept none gives all back');
select is((select state from ls.task where task_id = 3), 'waiting', 'and they wait again');
select * from finish();
rollback;
