-- ls.fail_attempt, cancel_task, redrive, and every pair of task states that is not allowed.
begin;
select plan(55);
select fixture.base_model();
select fixture.feature_set('code', 'train');
select fixture.ranker('code');
select fixture.worker('a');
select ls.request_training('code.listwise');
create temporary table lease as select * from ls.lease_tasks(1, '{train}', 1, 60);
select is(ls.fail_attempt(1, token, 'outOfMemory', 'no memory', true), true, 'a failure counts') from lease;
select is(ls.fail_attempt(1, token, 'outOfMemory', 'no memory', true), true, 'twice: counted once') from lease;
select results_eq('select state, attempt_count, run_after > clock_timestamp() + interval ''0.5 s'' and run_after < clock_timestamp() + interval ''1.5 s'' from ls.task',
    $$ values ('waiting', 1, true) $$, 'tried again after a second or so');
select results_eq('select error_code, error_message from ls.attempt', $$ values ('outOfMemory', 'no memory') $$, 'with its error');
create function pg_temp.fail(p_retryable boolean) returns boolean language plpgsql as $$ declare v_token uuid; begin
    update ls.task set run_after = clock_timestamp() where state = 'waiting';
    select token into strict v_token from ls.lease_tasks(1, '{train}', 1, 60);
    return ls.fail_attempt(1, v_token, 'x', 'again', p_retryable); end $$;
select pg_temp.fail(true), pg_temp.fail(true);
select is((select run_after between clock_timestamp() + interval '2.5 s' and clock_timestamp() + interval '5.5 s' from ls.task), true, 'the pause doubles');
select pg_temp.fail(true), pg_temp.fail(true);
select results_eq('select state, ended_because from ls.task', $$ values ('dead', 'attempt 5 of 5: again') $$, 'five failures: dead');
select throws_ok('select ls.cancel_task(1, ''x'')', 'LS021', 'cannot cancel task 1: it is dead', 'what is dead cannot be cancelled');
select ls.redrive(1, 'fixed');
select throws_ok('select ls.redrive(1, ''x'')', 'LS021', 'cannot redrive task 1: it is waiting, only a dead task can be', 'only the dead are redriven');
select pg_temp.fail(false);
select is((select state from ls.task), 'waiting', 'no use to try again, says one worker: it may be the worker');
select pg_temp.fail(false);
select results_eq('select state, ended_because from ls.task', $$ values ('dead', 'attempt 7 of 10: again') $$, 'says it twice, and there is nobody to ask: dead');
select throws_ok($$ select ls.fail_attempt(1, gen_random_uuid(), 'x', 'y', false, 'perhaps') $$, 'LS001',
    'cannot judge a failure as ''perhaps'': expected confirmed, unknown here or null', 'a judgement that is none');
select ls.request_training('code.listwise');
select throws_ok('select ls.redrive(1, ''x'')', 'LS020', null, 'not redriven while an open task asks for the same');
select is(ls.cancel_task(2, 'no'), true, 'a waiting task is cancelled');
select is(ls.cancel_task(2, 'no'), false, 'once');
select is((select count(*) from ls.audit_log where action in ('cancel task', 'redrive')), 2::bigint, 'the audit log knows');
select throws_ok('update ls.audit_log set reason = ''''', 'LS021', null, 'and forgets nothing');
select throws_ok('select ls.cancel_task(99, ''x'')', 'LS015', 'cannot cancel task 99: no task has this id', 'an unknown task');
select throws_ok('select ls.redrive(99, ''x'')', 'LS015', null, 'an unknown task is not redriven');
select ls.request_training('code.listwise', p_seed => 3);
create temporary table cancelled as select * from ls.lease_tasks(1, '{train}', 1, 60);
select is(ls.cancel_task(3, 'no'), true, 'a leased task is cancelled');
select is((select counted from cancelled, ls.complete_training(1, token, sha256('w'), 'w', '{}')), false, 'what it hands in does not count');

-- Every pair of states, tried on the table itself.
create function pg_temp.move(p_from text, p_to text) returns void language plpgsql as $$
declare v_id bigint; v_path text[] := case p_from when 'blocked' then '{}' when 'waiting' then '{}' when 'leased' then '{leased}' when 'cancelled' then '{cancelled}'
    else array['leased', p_from] end; v_state text; begin
    insert into ls.task (kind, state, ranker_id, configuration, request_key, requested_by) values ('train', case p_from when 'blocked' then 'blocked' else 'waiting' end, 1, '{}', gen_random_uuid(), 'me') returning task_id into v_id;
    foreach v_state in array v_path || p_to loop
        update ls.task set state = v_state, ended_at = case when v_state in ('done', 'dead', 'cancelled') then now() end where task_id = v_id;
    end loop; end $$;
create temporary view pair as select f, t, exists (select from ls.task_transition where from_state = f and to_state = t) as allowed
    from unnest(array['blocked', 'waiting', 'leased', 'done', 'dead', 'cancelled']) f, unnest(array['blocked', 'waiting', 'leased', 'done', 'dead', 'cancelled']) t where f <> t;
select lives_ok(format('select pg_temp.move(%L, %L)', f, t), f || ' -> ' || t || ' is allowed') from pair where allowed;
select throws_ok(format('select pg_temp.move(%L, %L)', f, t), 'LS021', null, f || ' -> ' || t || ' is forbidden') from pair where not allowed;
select is((select count(*) from pair where allowed), 12::bigint, 'twelve pairs are allowed');
select throws_ok('update ls.task set request_key = ''other'' where task_id = 1', 'LS021', null, 'what a task asks for never changes');
select is((select count(*) from ls.attempt where state = 'open'), 0::bigint, 'nothing is left open');
select throws_ok($$ update ls.task set attempt_count = attempt_count_max + 1 where task_id = 1 $$, '23514', null, 'attempts are bounded');
select throws_ok($$ insert into ls.attempt (task_id, number, worker_id, leased_until) values (1, 0, 1, now()) $$, '23514', null, 'numbers start at 1');
select * from finish();
rollback;
