-- One identity, several machines: a name that joins again shuts its former machine out, wherever that is connected; two
-- processes with one identity are told apart, and the newer one stays.
begin;
select plan(65);
select fixture.base_model();
select fixture.feature_set('code', 'train');
select fixture.ranker('code');
select ls.set_certificate_authority(E'-----BEGIN CERTIFICATE-----\n', sha256('ca'));
create temporary table token (n integer, id text, secret text);
create function pg_temp.token(p_n integer, p_name text default null, p_lifetime interval default '1 hour') returns void language sql as $$
    insert into token select p_n, (regexp_match(t, '::(.*)\.'))[1], (regexp_match(t, '\.(.*)$'))[1] from ls.create_join_token(p_name, p_lifetime) t $$;
create function pg_temp.join(p_n integer, p_key text, p_name text default null) returns bigint language sql as $$
    select r.worker_id from token, ls.redeem_join_token(id, secret, sha256(p_key::bytea), p_name) r where n = p_n $$;

-- A used token: for ten minutes, until it expires, while the key is still the worker's.
select pg_temp.token(1);
select is(pg_temp.join(1, 'k1', 'edge'), 1::bigint, 'a worker joins');
select is(pg_temp.join(1, 'k1', 'edge'), 1::bigint, 'its reply was lost: again, minutes later');
select results_eq($$ select actor, action from ls.audit_entry limit 1 $$, $$ values ('worker edge', 'join again') $$, 'which the audit log knows');
update ls.join_token set used_at = clock_timestamp() - interval '11 minutes' where worker_id = 1;
select throws_ok($$ select pg_temp.join(1, 'k1', 'edge') $$, 'LS030', 'cannot join: the token was used before, more than ten minutes ago', 'later it is of no use');
update ls.join_token set used_at = clock_timestamp() - interval '9 minutes', expires_at = clock_timestamp() - interval '1 s' where worker_id = 1;
select throws_ok($$ select pg_temp.join(1, 'k1', 'edge') $$, 'LS030', 'cannot join: the token has expired', 'nor after it has expired');
update ls.join_token set expires_at = clock_timestamp() + interval '1 minute' where worker_id = 1;
select is(pg_temp.join(1, 'k1', 'edge'), 1::bigint, 'in between it is');

-- The machine works; then its name joins on another machine.
select ls.record_certificate(1, 'c1', now(), now() + interval '1 day');
create temporary table session (name text, connection uuid, number bigint, took_over boolean, released integer);
create function pg_temp.connect(p_name text, p_serial text, p_instance text, p_place text, p_keeping uuid[] default '{}', p_coordinator text default 'one-1')
returns boolean language sql as $$
    insert into session select p_name, w.* from ls.worker_connected(1, p_coordinator, '0.1.0', 4, '{train}', null, null, p_serial, p_instance, p_place, p_keeping) w
    returning took_over $$;
create function pg_temp.refusal(p_name text, p_instance text, p_serial text) returns text language sql as $$
    select coalesce((select coalesce(r.message, 'replaced') from session s, ls.refused_sessions(array[1::bigint], array[s.connection], array[p_instance], array[p_serial]) r
        where s.name = p_name), 'none') $$;
select is(pg_temp.connect('first', 'c1', 'i1', 'm1'), false, 'it connects, and takes nothing over');
select is(pg_temp.refusal('first', 'i1', 'c1'), 'none', 'its session stands');
select ls.request_training('code.listwise', p_seed => s) from generate_series(1, 2) s;
create temporary table lease as select l.* from session s, ls.lease_tasks_for_workers('{1}', '{train}', '{1}', '{0}', '{}', 60, array[s.connection]) l;
select is((select count(*) from lease), 1::bigint, 'it is leased a task');
select pg_temp.token(2, 'edge');
select is(pg_temp.join(2, 'k2'), 1::bigint, 'the name joins again, on another machine');
select is((select state || attempt_count || attempt_count_max from ls.task where task_id = 1), 'waiting16', 'its lease is given back, and counts against nobody');
select results_eq('select error_code, error_message from ls.attempt', $$ values ('takenOver', 'worker ''edge'' joined again, on another machine or with another token') $$, 'the attempt says why');
select is(pg_temp.refusal('first', 'i1', 'c1'), 'cannot serve worker ''edge'': the name has joined again since, on another machine or with another token', 'its session is over');
select is((select state from ls.worker_status), 'away', 'nobody looks for it there any more');
select is_empty($$ select l.* from session s, ls.lease_tasks_for_workers('{1}', '{train}', '{1}', '{0}', '{}', 60, array[s.connection]) l $$, 'it is leased nothing');
select results_eq($$ select r.worker_id, r.token, r.answer from session s, lease l, ls.renew_leases_for_workers(array[l.worker_id], array[l.token], '{0}', '{""}', '{1}', 60,
    '{1}', array[s.connection]) r $$, $$ values (1::bigint, null::uuid, 'refused') $$, 'its heartbeats are refused');
select throws_ok($$ select ls.offer_local_data(1, '[]', '{}', connection) from session $$, 'LS031', 'cannot serve worker 1 over this session: another one of its name is newer', 'its offers, too');
select is(ls.fail_attempt(1, (select token from lease), 'x', 'y', true), false, 'what it hands in does not count');
select throws_ok($$ select pg_temp.connect('late', 'c1', 'i1', 'm1') $$, 'LS031', 'cannot serve worker ''edge'': the name has joined again since, on another machine or with another token',
    'a session that opens with a certificate that was good a moment ago');
update ls.join_token set expires_at = clock_timestamp() + interval '1 hour';
select throws_ok($$ select pg_temp.join(1, 'k1', 'edge') $$, 'LS030', 'cannot join: the token was used before, and worker ''edge'' has joined again since, with another key', 'its token does not let it back in');
select throws_ok($$ select ls.recover_worker('edge', sha256('k1')) $$, 'LS031', null, 'nor does its key');

-- Two machines with one state directory.
delete from session;
select ls.record_certificate(1, 'c2', now(), now() + interval '1 day');
select is(pg_temp.connect('one', 'c2', 'i1', 'm1'), false, 'the new machine connects');
select ls.lease_tasks(1, '{train}', 1, 60);
select is(pg_temp.connect('two', 'c2', 'i2', 'm2', p_coordinator => 'two-2'), true, 'a second one with its identity takes over, at another coordinator');
select is((select number from session where name = 'two'), (select number + 1 from session where name = 'one'), 'the later session has the larger number');
select is((select released from session where name = 'two'), 1, 'the lease of the first goes back');
select is((select attempt_count_max - attempt_count from ls.task where task_id = 1), 5, 'it was no failed attempt of the task');
select matches(pg_temp.refusal('one', 'i1', 'c2'), '^cannot go on as worker ''edge'': another machine uses this identity since ', 'the first is told');
select is(pg_temp.refusal('two', 'i2', 'c2'), 'none', 'the second stays');
select results_eq($$ select actor, action, subject from ls.audit_entry limit 1 $$, $$ values ('worker edge', 'take over identity', 'edge') $$, 'the audit log has it');
select throws_ok($$ select pg_temp.connect('again', 'c2', 'i1', 'm1') $$, 'LS031', 'cannot serve worker ''edge'': another machine uses this identity', 'the first comes back and is refused: nothing goes back and forth');
select is(pg_temp.connect('two again', 'c2', 'i2', 'm2'), false, 'the second replaces its own session');
select is(pg_temp.refusal('two', 'i2', 'c2'), 'replaced', 'whose end needs no reason');
update ls.worker_presence set disconnected_at = clock_timestamp();
select is(pg_temp.connect('back', 'c2', 'i1', 'm1'), false, 'when the second has left the first may come back');
select is((select count(*) from ls.audit_entry where action = 'take over identity'), 1::bigint, 'nothing is taken over by that');
select throws_ok($$ select pg_temp.connect('two', 'c2', 'i2', 'm2') $$, 'LS031', null, 'then the second is the older');
select is(pg_temp.connect('restarted', 'c2', 'i3', 'm1'), false, 'a process that was restarted takes nothing over: its place is locked, so the older is dead');
select is((select array_agg(i order by i) from ls.worker_presence, unnest(replaced_instances) i), '{i1,i2}', 'but must not come back');

-- An lsworker of before says nothing of itself.
select is(pg_temp.connect('old', 'c2', null, null), true, 'one from before takes over');
select is(pg_temp.connect('old again', 'c2', null, null), false, 'and replaces its own session');
select is(pg_temp.refusal('old', null, 'c2'), 'replaced', 'as ever');
select matches(pg_temp.refusal('restarted', 'i3', 'c2'), 'another machine uses this identity', 'who says who it is, is told');

-- Two of before, with one state directory, look like one that comes back again and again: each is
-- left alone for longer.
select is((select quick_replacements from ls.worker_presence), 1, 'once is no wonder');
select is(pg_temp.connect('old 2', 'c2', null, null) or pg_temp.connect('old 3', 'c2', null, null),
    false, 'nor are three times in a row');
select results_eq($$ select actor, action, subject from ls.audit_entry limit 1 $$,
    $$ values ('worker edge', 'take turns', 'edge') $$, 'but the audit log has it');
select throws_ok($$ select pg_temp.connect('old 4', 'c2', null, null) $$, 'LS050',
    'cannot open a session for worker ''edge'': one of it is open, and such sessions took each '
    'other''s place 3 times in a row', 'the next is told to wait');
update ls.worker_presence set connected_at = clock_timestamp() - interval '5 s';
select is(pg_temp.connect('old 4', 'c2', null, null), false, 'five seconds');
update ls.worker_presence set connected_at = clock_timestamp() - interval '6 s';
select throws_ok($$ select pg_temp.connect('old 5', 'c2', null, null) $$, 'LS050', null,
    'then ten');
update ls.worker_presence
    set connected_at = clock_timestamp() - interval '61 s', quick_replacements = 100;
select is(pg_temp.connect('old 5', 'c2', null, null), false, 'and never more than a minute');
select is((select count(*) from ls.audit_entry where action = 'take turns'), 1::bigint,
    'which is said once');
update ls.worker_presence set connected_at = clock_timestamp() - interval '3 minutes';
select is(pg_temp.connect('old 6', 'c2', null, null) or pg_temp.connect('old 7', 'c2', null, null),
    false, 'who stayed for two minutes is one machine');

-- Bounded, whatever a worker says.
do $$ begin for i in 1 .. 40 loop perform pg_temp.connect('many', 'c2', 'many' || i, 'm' || i); end loop; end $$;
select is((select cardinality(replaced_instances) from ls.worker_presence), 16, 'the last processes are remembered');
select is((select replaced_instances[16] from ls.worker_presence), 'many39', 'the newest of them');
create temporary table before as select count(*) as n from ls.audit_log;
do $$ begin for i in 41 .. 160 loop perform pg_temp.connect('many', 'c2', 'many' || i, 'm' || i); end loop; end $$;
select is((select count(*) from ls.audit_entry where action = 'take over identity'), 101::bigint, 'a hundred lines of a day are kept, and one that says so');
select results_eq('select actor, action, count from ls.frequent_event', $$ values ('worker edge', 'take over identity', 162::bigint) $$, 'all are counted');
select ls.lease_tasks(1, '{train}', 2, 60);
select is((select count(*) from ls.attempt where error_code = 'takenOver' and task_id = 1), 2::bigint, 'task 1 lost two attempts to other machines');
do $$ begin for i in 1 .. 12 loop
    perform pg_temp.connect('many', 'c2', 'more' || i, 'm' || i);
    update ls.task set run_after = clock_timestamp() where state = 'waiting';
    perform ls.lease_tasks(1, '{train}', 2, 60);
end loop; end $$;
select is((select state || attempt_count_max from ls.task where task_id = 1), 'dead10', 'five are forgiven, then they count: no task goes on for ever');

-- Certificates and tokens that are over go; what somebody may still ask for stays.
select throws_ok($$ do $do$ begin for i in 1 .. 61 loop perform ls.record_certificate(1, 's' || i, now(), now() + interval '1 day'); end loop; end $do$ $$,
    'LS041', 'cannot issue another certificate to worker 1: found 60 of the last hour', 'a worker gets no more certificates than it can need');
select lives_ok($$ select ls.record_certificate(1, 'c2', now(), now() + interval '1 day') $$, 'the same serial again is no other one');
insert into ls.certificate (serial, worker_id, not_before, not_after) select 'old' || d, 1, now() - (d + 1) * interval '1 day', now() - d * interval '1 day' from generate_series(85, 95) d;
update ls.join_token set expires_at = now() - interval '91 days' where join_token_id = (select id from token where n = 1);
select ls.housekeep();
select results_eq($$ select serial from ls.certificate where serial like 'old%' order by serial $$, $$ values ('old85'), ('old86'), ('old87'), ('old88'), ('old89') $$, 'what ended 90 days ago is gone');
select is((select count(*) from ls.join_token), 1::bigint, 'so is a token');
select ls.set_retention('audit', '30 days', 'less to keep');
select throws_ok($$ select ls.set_retention('audit', '29 days', 'x') $$, 'LS001', null, 'the audit log is kept for a while');
select throws_ok($$ select ls.set_retention('certificate', '7 days', 'x') $$, 'LS001', null, 'certificates until nobody recovers with one');
insert into ls.audit_log (at, actor, action, subject, reason) values (now() - interval '31 days', 'ada', 'long ago', 'x', 'y');
insert into ls.event_day values ('ada', 'long ago', current_date - 32, 101, now() - interval '32 days', now() - interval '32 days'),
    ('ada', 'long ago', current_date - 4, 100, now() - interval '4 days', now() - interval '4 days');
select ls.housekeep();
select is((select count(*) from ls.audit_log where action = 'long ago') + (select count(*) from ls.event_day where action = 'long ago'), 0::bigint, 'old lines go');
select throws_ok($$ delete from ls.audit_log $$, 'LS021', null, 'but nobody else deletes one');
select cmp_ok((select count(*) from ls.audit_log), '>', 100::bigint, 'the others stay');
select * from finish();
rollback;
