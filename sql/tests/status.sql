-- ls.task_progress, status_summary, is_connected and the views of tasks and workers.
begin;
select plan(16);
select fixture.base_model();
select fixture.feature_set('code', 'train'), fixture.feature_set('code', 'test');
select fixture.ranker('code');
select fixture.worker('w');
select ls.request_training('code.listwise', p_by => 'ada');
select results_eq('select task_id, kind, state, ranker, progress, worker, attempt, attempt_max from ls.task_progress()',
    $$ values (1::bigint, 'train', 'waiting', 'code.listwise', 0::float8, null, 0, 5) $$, 'a waiting task');
create temporary table lease as select * from ls.lease_tasks(1, '{train}', 1, 60);
select fixture.renew_leases(1, array[token], '{0.25}', '{step 10 of 40}', 60) from lease;
select results_eq('select state, progress, note, worker, attempt from ls.task_progress()', $$ values ('leased', 0.25::float8, 'step 10 of 40', 'w', 1) $$, 'a leased one');
select is((select count(*) from ls.task_progress(null, 0)), 0::bigint, 'no more than were asked for');
select is((select count(*) from ls.task_progress(null, 20)), 1::bigint, 'and all that there are');
select results_eq('select worker, progress_percent, feature_sets, requested_by from ls.task_queue', $$ values ('w', 25::numeric, 'code train', 'ada') $$, 'in the queue');
select ls.fail_attempt(1, token, 'internal', 'disk full', true) from lease;
select results_eq('select state, error from ls.task_progress()', $$ values ('waiting', 'disk full') $$, 'what went wrong last');
update ls.task set run_after = clock_timestamp();
select fixture.train(1, 'w');
select results_eq('select task_id, state, progress, result_version_id, error from ls.task_progress(array[2, 1])',
    $$ values (2::bigint, 'waiting', 0::float8, null::bigint, null), (1, 'done', 1, 1, null) $$, 'in the order asked; a done one names its version');
select results_eq('select attempt, state, error_message from ls.attempt_history', $$ values (2, 'succeeded', null), (1, 'failed', 'disk full') $$, 'the attempts, newest first');
select results_eq('select leases, succeeded, failed, state from ls.worker_status', $$ values (0::bigint, 1::bigint, 1::bigint, 'never connected') $$, 'the worker');
select fixture.evaluate(1, 0.5);
select results_eq('select rankers, versions, champions, feature_sets, evaluations, tasks_done, tasks_waiting from ls.status_summary()',
    $$ values (1::bigint, 1::bigint, 1::bigint, 2::bigint, 1::bigint, 2::bigint, 0::bigint) $$, 'the summary counts');
select is_empty('select * from ls.task_progress()', 'nothing is open');
select results_eq('select name, champion, accuracy_percent, first_sample_percent, open_tasks from ls.ranker_status', $$ values ('code.listwise', 1, 50.00, 38.00, 0::bigint) $$, 'the ranker');
select is(ls.is_connected(null, now() - interval '59 s', now()), true,
    'who was heard of within a minute is connected');
select is(ls.is_connected(null, now() - interval '60 s', now()), false, 'who was not is away');
select is(ls.is_connected(now(), now(), now()), false, 'so is who has gone');
create function pg_temp.plan_of(p_query text) returns setof text language plpgsql as
    $$ begin return query execute 'explain (verbose) ' || p_query; end $$;
select is_empty($$ select l
    from pg_temp.plan_of('select from ls.worker_presence where ls.is_connected(disconnected_at, '
        'seen_at, now())') l where l like '%is_connected%' $$,
    'it is inlined where it is used');
select * from finish();
rollback;
