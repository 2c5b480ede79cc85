-- Turns between owners, priority before turns, affinity within them; deadlines of kinds of task.
begin;
select plan(19);
select fixture.base_model();
select fixture.feature_set('code', 'train');
select fixture.worker('a');
select fixture.ranker('code', p_user => u, p_name => u) from unnest(array['ada', 'ben', 'eve']) u;
create function pg_temp.next(p_count integer default 1) returns text language sql as $$
    select string_agg(ranker_name || (configuration ->> 'seed'), ' ') from ls.lease_tasks(1, '{train}', p_count, 60) $$;
-- Ada asks for a hundred, then Ben for two, then Eve for one.
select ls.request_training('ada', p_seed => i) from generate_series(1, 100) i;
select ls.request_training('ben', p_seed => i) from generate_series(1, 2) i;
select is(pg_temp.next(5), 'ada1 ben1 ada2 ben2 ada3', 'two users take turns, however many tasks one of them has');
select ls.request_training('eve', p_seed => 1), ls.request_training('eve', p_seed => 2);
select is(pg_temp.next(4), 'ada4 eve1 ada5 eve2', 'who comes later starts where the queue stands');
select ls.request_training('ben', p_seed => 3);
select is(pg_temp.next(2), 'ada6 ben3', 'nobody saves up turns, nobody loses them');
select ls.request_training('eve', p_seed => 9, p_priority => -1::smallint);
select ls.request_training('eve', p_seed => 8, p_priority => 1::smallint);
select is(pg_temp.next(), 'eve9', 'a lower number goes first, whoever asked');
select is(pg_temp.next(1000) like '% eve8', true, 'a higher one last');
select is(pg_temp.next(), null, 'and then the queue is empty');
select is((select count(distinct owner) from ls.task), 3::bigint, 'a task is its user''s');
-- A failed attempt keeps its place.
select ls.request_training('ada', p_seed => 201), ls.request_training('ada', p_seed => 202);
select ls.fail_attempt(1, token, 'x', 'y', true) from ls.lease_tasks(1, '{train}', 1, 60);
update ls.task set run_after = clock_timestamp() where state = 'waiting';
select is(pg_temp.next(), 'ada201', 'tried again in its old place');
-- A shared ranker's task is of whoever asked.
select fixture.ranker('code');
select ls.request_training('code.listwise', p_by => 'operator');
select is((select owner from ls.task order by task_id desc limit 1), 'operator', 'a shared ranker''s task is of whoever asked for it');

-- Deadlines.
select throws_ok($$ select ls.set_task_limits('matrix', '1 s') $$, 'LS001', 'cannot set the limits of ''matrix'' tasks: no worker does tasks of this kind', 'a matrix has no attempts');
select throws_ok($$ select ls.set_task_limits('train', '0 s') $$, 'LS001', null, 'a deadline is more than nothing');
select throws_ok($$ select ls.set_task_limits('train', null, 0) $$, 'LS001', null, 'one attempt at least');
select ls.set_task_limits('train', '30 s', 3, 'short runs', 'admin');
select results_eq($$ select deadline, attempt_count_max from ls.task_limits where kind = 'train' $$, $$ values (interval '30 s', 3) $$, 'limits are set');
select is((select count(*) from ls.audit_log where action = 'set task limits'), 1::bigint, 'and recorded');
select ls.cancel_task(task_id, 'away') from ls.task where state in ('waiting', 'leased');
select ls.request_training('ada', p_seed => 301);
create temporary table l as select * from ls.lease_tasks(1, '{train}', 1, 3600);
select is((select leased_until <= clock_timestamp() + interval '30 s' from l), true, 'no lease beyond the deadline');
select fixture.renew_leases(1, array[token], '{0.5}', '{x}', 3600) from l;
select is((select leased_until = ends_by from ls.attempt where state = 'open'), true, 'nor by renewing');
update ls.attempt set leased_until = clock_timestamp() - interval '1 ms', ends_by = clock_timestamp() - interval '1 ms', leased_at = clock_timestamp() - interval '30 s' where state = 'open';
select is((select task_state from ls.expire_leases()), 'waiting', 'past it the attempt is over');
select results_eq($$ select error_code, error_message like 'worker ''a'' did not end it by the deadline of its kind%' from ls.attempt order by task_id desc limit 1 $$,
    $$ values ('deadlineExceeded', true) $$, 'with the reason');
select is((select answer from l, fixture.renew_leases(1, array[token], '{0.6}', '{x}', 60)), 'lost', 'and the worker hears of it');
select * from finish();
rollback;
