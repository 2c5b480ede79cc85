-- What one worker says of tasks, and what becomes of it: ls.fail_attempt and ls.refuse_result by one and by two workers,
-- ls.is_kept_from, ls.consider_pause, ls.leased_work. The functions that only these call: able_workers, note_failure, note_unknown,
-- may_ask_others, count_refusals, doubtful_refusals, quarantine_worker.
begin;
select plan(98);
select fixture.base_model();
select fixture.feature_set('code', 'train');
select fixture.ranker('code');
select fixture.worker(n) from unnest(array['a', 'b', 'c']) n;
create function pg_temp.connect(p_worker bigint, p_version text default '1', p_capacity integer default 1) returns void language sql as $$
    update ls.worker_presence set disconnected_at = now() where worker_id = p_worker;
    select ls.worker_connected(p_worker, 'c', p_version, p_capacity, '{train,evaluate}', null, null) $$;
create function pg_temp.leave(p_worker bigint) returns void language sql as $$
    update ls.worker_presence set disconnected_at = now(), seen_at = clock_timestamp() - interval '61 seconds' where worker_id = p_worker $$;
create function pg_temp.ready() returns void language sql as $$ update ls.task set run_after = now() - interval '1 s' where state = 'waiting' $$;
-- What the worker was leased and failed.
create function pg_temp.fail(p_worker bigint, p_retryable boolean, p_judgement text default null) returns bigint language plpgsql as $$
declare v record; begin
    perform pg_temp.ready();
    select * into v from ls.lease_tasks(p_worker, '{train}', 1, 60);
    if v.token is not null and not ls.fail_attempt(p_worker, v.token, 'x', 'said ' || p_worker, p_retryable, p_judgement) then
        return -1;
    end if;
    return v.task_id; end $$;
create function pg_temp.refuse(p_worker bigint) returns bigint language plpgsql as $$
declare v record; begin
    perform pg_temp.ready();
    select * into v from ls.lease_tasks(p_worker, '{train}', 1, 60);
    perform ls.refuse_result(p_worker, v.token, 'invalidWeights', 'not finite');
    return v.task_id; end $$;
create function pg_temp.ask(p_count integer) returns void language sql as $$
    select ls.request_training('code.listwise', p_seed => (random() * 1e9)::integer) from generate_series(1, p_count) $$;
create function pg_temp.clear() returns void language sql as $$
    select ls.cancel_task(task_id, 'next') from ls.task where state in ('waiting', 'leased') $$;

-- Two workers.
select pg_temp.connect(1), pg_temp.connect(2);
select pg_temp.ask(1);
select is(pg_temp.fail(1, false), 1::bigint, 'one worker calls a task hopeless');
select is((select state from ls.task where task_id = 1), 'waiting', 'that is one worker''s word');
select is((select run_after <= clock_timestamp() from ls.task where task_id = 1), true, 'the other is asked at once');
select is(pg_temp.fail(1, false), null, 'it does not get the task again while another is there');
select is(ls.is_kept_from(1, 1), true, 'from which it is kept');
select is(ls.is_kept_from(1, 2), false, 'as the other is not');
select is(pg_temp.fail(2, false), 1::bigint, 'the other gets it');
select results_eq('select state, ended_because from ls.task where task_id = 1', $$ values ('dead', 'attempt 2 of 5: said 2') $$, 'and says the same: dead');
select is((select errors from ls.dead_letter), array['1 failed by a: said 1', '2 failed by b: said 2'], 'with both errors');
select is((select count(*) from ls.task_trial), 0::bigint, 'which is held against nobody');
select ls.redrive(1, 'try');
select is(pg_temp.fail(1, false), 1::bigint, 'redriven it is anybody''s');
select is(pg_temp.fail(2, true), 1::bigint, 'the second worker has bad luck');
select is((select state from ls.task where task_id = 1), 'waiting', 'that is not the same word');
select is((select counted from (select pg_temp.ready()) r, ls.lease_tasks(2, '{train}', 1, 60) l, ls.complete_training(2, l.token, sha256('w'), 'w', '{}')), true, 'it may yet be done');

-- Failures that may pass: twice with one worker, then the other has its turn.
select pg_temp.ask(1);
select is(array[pg_temp.fail(1, true), pg_temp.fail(1, true), pg_temp.fail(1, true)], array[2, 2, null]::bigint[], 'twice, then it is for another');
select is(array[pg_temp.fail(2, true), pg_temp.fail(2, true)], array[2, 2]::bigint[], 'who has as many');
select is((select run_after > clock_timestamp() from ls.task where task_id = 2), true, 'with nobody left to ask the task waits');
select is(pg_temp.fail(1, true), 2::bigint, 'who both failed gets it again: the fifth attempt');
select is((select state from ls.task where task_id = 2), 'dead', 'is the last');

-- Nobody else: five attempts when it may pass, two when it is hopeless.
select pg_temp.leave(2);
select pg_temp.ask(1);
select is(array[pg_temp.fail(1, true), pg_temp.fail(1, true), pg_temp.fail(1, true), pg_temp.fail(1, true), pg_temp.fail(1, true)], array[3, 3, 3, 3, 3]::bigint[],
    'a single worker gets it again');
select is((select state from ls.task where task_id = 3), 'dead', 'until the attempts are used up');
select pg_temp.ask(1);
select is(array[pg_temp.fail(1, false), pg_temp.fail(1, false)], array[4, 4]::bigint[], 'what it calls hopeless twice');
select results_eq('select state, ended_because from ls.task where task_id = 4', $$ values ('dead', 'attempt 2 of 5: said 1') $$, 'is dead: there is nobody to ask');

-- What lscoord sees, too.
select pg_temp.connect(2);
select pg_temp.ask(1);
select is(pg_temp.fail(1, false, 'confirmed'), 5::bigint, 'lscoord cannot read the configuration either');
select is((select state from ls.task where task_id = 5), 'dead', 'dead at once');
select is((select count(*) from ls.task_trial where task_id = 5), 0::bigint, 'the worker''s fault it is not');
select pg_temp.ask(1);
update ls.feature_set set ready_at = null, dropped_at = now();
select is(pg_temp.fail(1, false), 6::bigint, 'the features are gone');
select is((select state from ls.task where task_id = 6), 'dead', 'dead at once');
update ls.feature_set set ready_at = now(), dropped_at = null;

-- Not for this worker.
select pg_temp.ask(1);
create temporary table lease as select * from ls.lease_tasks(1, '{train}', 1, 60);
select results_eq($$ select k.kind, k.ranker_configuration ->> 'kind', k.configuration ? 'seed' from lease l, ls.leased_work(1, l.token) k $$,
    $$ values ('train', 'listwise', true) $$, 'lscoord looks at what the worker was to do');
select is_empty($$ select from ls.attempt a, ls.leased_work(2, a.token) where a.task_id = 7 $$, 'of the worker''s own lease');
select ls.release_leases(1);
select is(pg_temp.fail(1, false, 'unknown here'), 7::bigint, 'an older program does not know a key');
select results_eq('select state, attempt_count, attempt_count_max, run_after <= clock_timestamp() from ls.task where task_id = 7', $$ values ('waiting', 2, 6, true) $$,
    'the task waits at once, with as many attempts as before');
select results_eq('select state, error_message from ls.attempt where task_id = 7 and number = 2', $$ values ('released', 'said 1') $$, 'the attempt says why');
select is((select ls.fail_attempt(1, token, 'x', 'again', false, 'unknown here') from ls.attempt where task_id = 7 and number = 2), true, 'said twice it counts once');
select is((select unknown_to from ls.task_queue where task_id = 7), array['a'], 'the queue shows for whom it is not');
select pg_temp.leave(2);
select is(pg_temp.fail(1, false), null, 'that worker does not get it again, nobody else being there');
select is(ls.fail_attempt(1, gen_random_uuid(), 'x', 'y', false, 'unknown here'), false, 'nobody''s lease');
select pg_temp.connect(1, '2');
select is(pg_temp.fail(1, false, 'unknown here'), 7::bigint, 'until its program is another');
select results_eq('select state, attempt_count, attempt_count_max from ls.task where task_id = 7', $$ values ('waiting', 3, 6) $$, 'which does not know it either: a failure like any other');
select pg_temp.connect(2);
select is((select counted from (select pg_temp.ready()) r, ls.lease_tasks(2, '{train}', 1, 60) l, ls.complete_training(2, l.token, sha256('7'), '7', '{}')), true, 'another knows it');

-- Refused results: of two workers it is the task's fault.
select pg_temp.ask(1);
select is(array[pg_temp.refuse(1), pg_temp.refuse(2)], array[8, 8]::bigint[], 'the results of two workers are refused');
select results_eq('select state, ended_because from ls.task where task_id = 8', $$ values ('dead', 'attempt 2 of 5: not finite') $$, 'it is the task that is wrong');
select results_eq('select refused, refused_undecided from ls.worker_status order by name limit 2', $$ values (0, 0::bigint), (0, 0) $$, 'and neither worker');
-- Five that another one does: the worker's fault.
select pg_temp.ask(5);
select is(array[pg_temp.refuse(1), pg_temp.refuse(1), pg_temp.refuse(1), pg_temp.refuse(1), pg_temp.refuse(1)], array[9, 10, 11, 12, 13]::bigint[], 'five results are refused');
select results_eq('select state, refused, refused_undecided from ls.worker_status order by name limit 1', $$ values ('connected', 0, 5::bigint) $$, 'whose fault that was, nobody knows');
select is((select count(*) from (select pg_temp.ready()) r, ls.lease_tasks(2, '{train}', 5, 60) l, ls.complete_training(2, l.token, sha256(l.token::text::bytea), l.token::text::bytea, '{}')), 5::bigint, 'another does them');
select is((select count(*) from ls.expire_leases()), 0::bigint, 'with the next look at the leases');
select results_eq('select state, refused, refused_undecided, quarantined_because from ls.worker_status order by name limit 1',
    $$ values ('quarantined', 5, 0::bigint, '5 of its results were refused, the last because: not finite') $$, 'it is in quarantine');
select ls.release_worker('a', 'test');

-- Pauses: five failed that others did.
select pg_temp.clear(); select pg_temp.ask(5);
select is((select count(distinct pg_temp.fail(1, false)) from generate_series(1, 5)), 5::bigint, 'it fails five tasks');
select count(*) from (select pg_temp.ready()) r, ls.lease_tasks(2, '{train}', 5, 60) l, ls.complete_training(2, l.token, sha256(l.token::text::bytea), l.token::text::bytea, '{}');
select pg_temp.clear(); select pg_temp.ask(30);
select is((select state from ls.worker_status where name = 'a'), 'connected', 'which others do');
select is(pg_temp.fail(1, true) is not null, true, 'and one more');
select is((select state from ls.worker_status where name = 'a'), 'paused', 'that is a pause');
select is((select paused_because from ls.worker_status where name = 'a') ~ '^[0-9]+ tasks failed one after the other, of which others did [0-9]+, the last because: said 1$', true, 'the status says why');
select is((select paused_until - now() between interval '50 s' and interval '70 s' from ls.worker_status where name = 'a'), true, 'and until when: a minute');
select is((select actor || ' ' || subject from ls.audit_entry where action = 'pause worker' limit 1), 'lscoord a', 'the audit log knows');
select is(pg_temp.fail(1, true), null, 'it is leased nothing');
select is_empty($$ select * from ls.lease_tasks_for_workers('{1}', '{train}', '{1}', '{0}', '{}', 60) $$, 'with others neither');
select lives_ok($$ select ls.authenticate_worker('a') $$, 'it stays connected');
update ls.worker set paused_until = now() - interval '1 s' where worker_id = 1;
select is((select state from ls.worker_status where name = 'a'), 'connected', 'a pause ends by itself');
select is((select count(pg_temp.fail(1, false)) from generate_series(1, 25)), 21::bigint, 'twenty that nobody settled, and one that failed before');
select is((select state || round(extract(epoch from paused_until - clock_timestamp()) / 10) from ls.worker_status where name = 'a'), 'paused12', 'are the next pause, twice as long');
select ls.release_worker('a', 'repaired');
select results_eq($$ select state, paused_until from ls.worker_status where name = 'a' $$, $$ values ('connected', null::timestamptz) $$, 'an admin ends it');
select is((select pause_count from ls.worker where worker_id = 1), 0, 'and the next begins anew');
select pg_temp.leave(2); select pg_temp.clear(); select pg_temp.ask(25);
select is((select count(pg_temp.fail(1, false)) from generate_series(1, 100)) < 100, true, 'a single worker');
select is((select state || round(extract(epoch from paused_until - clock_timestamp()) / 10) from ls.worker_status where name = 'a'), 'paused3', 'has half a minute');
select is((select role from ls.audit_entry limit 1), session_user::text, 'every line names the role that logged in');

-- The last attempt is one worker's word, too, while another could do the task.
create temporary table next_ids as select max(task_id) as first_id from ls.task;
create function pg_temp.states() returns text language sql as $$
    select string_agg(distinct state, ' ') from ls.task where task_id > (select first_id from next_ids) $$;
create function pg_temp.begin(p_count integer) returns void language sql as $$
    select pg_temp.clear(); update next_ids set first_id = (select max(task_id) from ls.task);
    update ls.worker set paused_until = null, paused_because = null, pause_count = 0, failures_since = clock_timestamp();
    select pg_temp.ask(p_count) $$;
-- A worker takes all it can get and comes back without it, or says that it failed.
create function pg_temp.come_back(p_worker bigint, p_rounds integer, p_takes_over boolean default false) returns bigint language plpgsql as $$
declare v_count bigint := 0; begin
    for i in 1 .. p_rounds loop
        perform ls.worker_connected(p_worker, 'c', '1', 64, '{train,evaluate}', p_instance => case when p_takes_over then 'i' || i else 'i' end,
            p_place => case when p_takes_over then 'm' || i else 'm' end, p_keeping => '{}');
        perform pg_temp.ready();
        v_count := v_count + (select count(*) from ls.lease_tasks(p_worker, '{train}', 64, 60));
    end loop;
    perform ls.worker_connected(p_worker, 'c', '1', 64, '{train,evaluate}', p_instance => 'i', p_place => 'm', p_keeping => '{}');
    return v_count; end $$;
create function pg_temp.fail_all(p_worker bigint, p_rounds integer) returns bigint language plpgsql as $$
declare v_count bigint := 0; v_token uuid; begin
    for i in 1 .. p_rounds loop
        perform pg_temp.ready();
        update ls.worker set paused_until = null, paused_because = null where worker_id = p_worker;
        for v_token in select token from ls.lease_tasks(p_worker, '{train}', 64, 60) loop
            perform ls.fail_attempt(p_worker, v_token, 'x', 'no', true);
            v_count := v_count + 1;
        end loop;
    end loop;
    return v_count; end $$;
create function pg_temp.a_while_passes() returns void language sql as $$
    update ls.task_trial set first_failed_at = first_failed_at - interval '65 minutes', last_failed_at = last_failed_at - interval '65 minutes' $$;

select pg_temp.connect(2), pg_temp.begin(8);
select is(pg_temp.come_back(1, 8), 16::bigint, 'a worker that comes back again and again gets each task twice');
select is(pg_temp.states(), 'waiting', 'and makes none of them dead');
select is((select count(*) from ls.task_trial where task_id > (select first_id from next_ids) and failure_count = 2), 8::bigint, 'what it came back without counts as failed there');
select is((select count(*) from ls.lease_tasks(2, '{train}', 64, 60)), 8::bigint, 'the other gets them');
select pg_temp.begin(6);
select pg_temp.come_back(1, 1);
select count(*) from (select pg_temp.ready()) r, ls.lease_tasks(2, '{train}', 6, 60) l, ls.complete_training(2, l.token, sha256(l.token::text::bytea), l.token::text::bytea, '{}');
select pg_temp.ask(6);
select pg_temp.come_back(1, 1);
select is((select state from ls.worker_status where name = 'a'), 'connected', 'a worker that is restarted now and then is not paused, though others did its tasks');
select pg_temp.begin(130);
select pg_temp.come_back(1, 4);
select is((select state from ls.worker_status where name = 'a'), 'paused', 'a worker that comes back without one task after the other is paused');
select pg_temp.begin(8);
select pg_temp.come_back(1, 20, true);
select is(pg_temp.states(), 'waiting', 'machines that take over from each other make none dead either');

select ls.worker_connected(2, 'c', '1', 4, '{train,evaluate}', '{code}', 1000000), pg_temp.begin(8);
select is(pg_temp.fail_all(1, 6), 16::bigint, 'tasks that failed twice go to another whose owner allows them');
select ls.worker_connected(2, 'c', '1', 4, '{train,evaluate}', '{math/*}'), pg_temp.begin(8);
select is(ls.may_ask_others(max(task_id), 1), false, 'whose owner does not allow them is not asked') from ls.task;
select is(pg_temp.fail_all(1, 6), 40::bigint, 'and does not keep them from the one that is left');
select is(pg_temp.states(), 'dead', 'which uses their attempts up');

select pg_temp.connect(2), pg_temp.begin(1);
select is(ls.may_ask_others(max(task_id), 1), true, 'another could do it') from ls.task;
do $$ begin for i in 1 .. 19 loop perform pg_temp.fail_all(1, 1); perform pg_temp.a_while_passes(); end loop; end $$;
select is((select format('%s %s of %s', state, attempt_count, attempt_count_max) from ls.task order by task_id desc limit 1), 'waiting 19 of 20', 'one worker alone fails it on and on: it waits for the other');
select pg_temp.fail_all(1, 1);
select is((select ended_because from ls.task order by task_id desc limit 1), 'attempt 20 of 20: no', 'but not for ever');
select pg_temp.begin(1);
do $$ begin for i in 1 .. 6 loop perform pg_temp.fail_all(1, 1); perform pg_temp.a_while_passes(); end loop; end $$;
select pg_temp.fail_all(2, 1);
select is((select ended_because from ls.task order by task_id desc limit 1), 'attempt 7 of 7: no', 'failed with two workers, the last attempt is the last');
select pg_temp.begin(1);
select pg_temp.fail_all(1, 3);
select is(ls.is_kept_from(max(task_id), 1), true, 'two failures keep a worker from a task') from ls.task;
update ls.task_trial set last_failed_at = last_failed_at - interval '6 minutes';
select is(ls.is_kept_from(max(task_id), 1), false, 'for five minutes') from ls.task;
select pg_temp.fail_all(1, 1);
update ls.task_trial set last_failed_at = last_failed_at - interval '6 minutes';
select is(ls.is_kept_from(max(task_id), 1), true, 'a third for longer') from ls.task;
select pg_temp.begin(20);
select ls.worker_connected(1, 'c', '1', 2000000000, '{train,evaluate}');
select is((select count(ls.fail_attempt(1, token, 'x', 'no', true)) from ls.lease_tasks(1, '{train}', 64, 60)), 20::bigint, 'twenty said to have failed');
select is((select state from ls.worker_status where name = 'a'), 'paused', 'are a pause, whatever the worker says that it does at once');

-- What a worker in quarantine did better counts against nobody.
select pg_temp.connect(1), pg_temp.connect(2), pg_temp.connect(3), pg_temp.begin(4);
select pg_temp.refuse(1) from generate_series(1, 4);
select count(*) from (select pg_temp.ready()) r, ls.lease_tasks(2, '{train}', 4, 60) l, ls.complete_training(2, l.token, sha256(l.token::text::bytea), l.token::text::bytea, '{}');
select ls.expire_leases();
select ls.quarantine_worker(2, 'it lied');
select pg_temp.ask(1);
select pg_temp.refuse(1);
select count(*) from (select pg_temp.ready()) r, ls.lease_tasks(3, '{train}', 4, 60) l, ls.complete_training(3, l.token, sha256(l.token::text::bytea), l.token::text::bytea, '{}');
select ls.expire_leases();
select results_eq($$ select state, refused, ls.doubtful_refusals(1) from ls.worker_status where name = 'a' $$, $$ values ('connected', 5, 4) $$, 'five refused results, four of them on the word of a liar: no quarantine');
update ls.worker set quarantined_at = null, quarantined_because = null where worker_id = 2;
select is(ls.count_refusals(1), true, 'on the word of an honest worker it is one');
select ls.quarantine_worker(2, 'it lied after all');
select is((select reason from ls.audit_entry where action = 'doubt quarantine' and subject = 'a'),
    '4 of the 5 refused results that count against it were done by worker ''b'', which is in quarantine itself: lscoord worker release a lets it back',
    'and when that one is caught by other workers'' word the audit log says whom to let back');
select is((select state from ls.worker_status where name = 'a'), 'quarantined',
    'but that alone lets back nobody: a liar must not free another');

-- A coordinator's own measuring is no worker's word: who was shut out by what that liar did is let
-- back, also a day later.
update ls.task set ended_at = ended_at - interval '1 day',
    requested_at = requested_at - interval '1 day' where state = 'done';
select ls.archive_tasks(1000);
select ls.quarantine_worker(2, 'its figures were wrong', 'figures');
select results_eq($$ select state, refused, quarantined_because from ls.worker_status
    where name = 'a' $$, $$ values ('connected', 1, null) $$,
        'one refusal is left, of which an honest worker did the task');
select results_eq($$ select actor, reason from ls.audit_entry where action = 'release worker'
    and subject = 'a' order by at desc limit 1 $$,
    $$ values ('lscoord',
        '4 of the 5 refused results that counted against it were done by workers such as ''b'', '
        'whose figures a coordinator found wrong') $$, 'the audit log says so');
select is((select quarantined_because from ls.worker where worker_id = 2), 'its figures were wrong',
    'the liar is here for its figures now');
select is((select count(*) from ls.audit_entry where action = 'doubt quarantine'), 1::bigint,
    'nobody is left to doubt');
select is(ls.doubtful_refusals(1), 0, 'what was taken off is not taken off again');
select ls.quarantine_worker(1, 'caught', 'figures');
select ls.quarantine_worker(2, 'again', 'figures');
select is((select state from ls.worker_status where name = 'a'), 'quarantined',
    'who is here for figures is let back by nobody''s fault');

-- One that was seen a moment ago may come back; one that was not for a minute is not waited for.
select pg_temp.clear();
select fixture.worker(n) from unnest(array['y', 'z']) n;
select ls.revoke_worker(name, 'gone') from ls.worker where name not in ('y', 'z') and revoked_at is null;
create function pg_temp.id(p_name text) returns bigint language sql as $$ select worker_id from ls.worker where name = p_name $$;
select pg_temp.connect(pg_temp.id('y')), pg_temp.connect(pg_temp.id('z'));
update ls.worker_presence set disconnected_at = now(), seen_at = clock_timestamp() - interval '50 seconds' where worker_id = pg_temp.id('z');
select pg_temp.ask(1);
select pg_temp.fail(pg_temp.id('y'), false), pg_temp.fail(pg_temp.id('y'), false);
select is((select state from ls.task order by task_id desc limit 1), 'waiting', 'another that may come back is waited for');
update ls.worker_presence set seen_at = clock_timestamp() - interval '61 seconds' where worker_id = pg_temp.id('z');
select pg_temp.fail(pg_temp.id('y'), false);
select is((select state from ls.task order by task_id desc limit 1), 'dead', 'a minute');

select * from finish();
rollback;
