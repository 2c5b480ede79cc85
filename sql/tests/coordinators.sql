-- Coordinators know of each other, and which workers are where.
begin;
select plan(21);
select fixture.worker('w1'), fixture.worker('w2'), fixture.worker('w3');
select is_empty($$ select * from ls.coordinator_seen('one-1', '10.0.0.1:8444') $$, 'the first is alone');
select is((select state || ' ' || address from ls.coordinator_status), 'running 10.0.0.1:8444', 'and is listed');
select results_eq($$ select * from ls.coordinator_seen('two-2', '[::1]:8444') $$, $$ values ('one-1', '10.0.0.1:8444', '{}'::bigint[]) $$,
    'the second sees it, without workers');
create temporary table connection as
    select a.connection as w1, b.connection as w2, c.connection as w3 from ls.worker_connected(1, 'one-1', '0.1.0', 1, '{train}') a,
        ls.worker_connected(2, 'two-2', '0.1.0', 1, '{train}') b, ls.worker_connected(3, 'one-1', '0.1.0', 1, '{train}') c;
select results_eq($$ select * from ls.coordinator_seen('two-2', '[::1]:8444') $$, $$ values ('one-1', '10.0.0.1:8444', '{1,3}'::bigint[]) $$,
    'the workers of others');
select results_eq($$ select * from ls.coordinator_seen('one-1', '10.0.0.1:8444') $$, $$ values ('two-2', '[::1]:8444', '{2}'::bigint[]) $$,
    'and not one''s own');
select results_eq('select name, workers from ls.coordinator_status', $$ values ('one-1', 2::bigint), ('two-2', 1::bigint) $$, 'the view counts them');

-- What changes.
select ls.worker_disconnected(3, w3) from connection;
select results_eq($$ select worker_ids from ls.coordinator_seen('two-2', '[::1]:8444') $$, $$ values ('{1}'::bigint[]) $$, 'a worker left');
select ls.worker_connected(1, 'two-2', '0.1.0', 1, '{train}');
select is(ls.worker_disconnected(1, w1), false, 'a worker moved; the end of its older connection') from connection;
select results_eq($$ select worker_ids from ls.coordinator_seen('one-1', '10.0.0.1:8444') $$, $$ values ('{1,2}'::bigint[]) $$, 'changes nothing');
select results_eq($$ select coordinator, address from ls.coordinator_seen('two-2', 'other.example.org:1') $$, $$ values ('one-1', '10.0.0.1:8444') $$, 'another address');
select results_eq($$ select address from ls.coordinator_seen('one-1', '10.0.0.1:8444') $$, $$ values ('other.example.org:1') $$, 'is heard of');

-- Who was killed is not asked any more.
update ls.coordinator set seen_at = clock_timestamp() - interval '11 seconds' where name = 'two-2';
select is_empty($$ select * from ls.coordinator_seen('one-1', '10.0.0.1:8444') $$, 'not seen for ten seconds');
select is((select state from ls.coordinator_status where name = 'two-2'), 'gone', 'the view says so');
update ls.coordinator set seen_at = clock_timestamp() - interval '61 minutes' where name = 'two-2';
select ls.coordinator_seen('one-1', '10.0.0.1:8444');
select results_eq('select name from ls.coordinator', $$ values ('one-1') $$, 'after an hour it is forgotten');

select is(ls.coordinator_left('one-1'), true, 'one leaves');
select is(ls.coordinator_left('one-1'), false, 'twice');
select is_empty('select * from ls.coordinator_status', 'nobody is left');

select throws_ok($$ select ls.coordinator_seen(null, 'h:1') $$, 'LS001', null, 'no name');
select throws_ok($$ select ls.coordinator_seen('Not A Name', 'h:1') $$, 'LS001',
    'cannot note coordinator ''Not A Name'' at ''h:1'': expected a name of at most 63 small letters, digits, ''.'', ''_'' and ''-'', and host:port', 'a name that is none');
select throws_ok($$ select ls.coordinator_seen('one-1', null) $$, 'LS001', null, 'no address');
select throws_ok($$ select ls.coordinator_seen('one-1', 'nowhere') $$, 'LS001', null, 'an address without a port');
select * from finish();
rollback;
