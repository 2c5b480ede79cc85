-- ls.record_audit: beside the actor that the caller names stands the role that logged in.
begin;
select plan(6);
select fixture.base_model();
create role ls_test_operator login;
grant ls_admin to ls_test_operator;
select ls.create_api_key('one'), ls.create_api_key('two', p_by => 'somebody else');
select results_eq('select actor, role from ls.audit_entry order by at', format($$ values (%1$L, %1$L), ('somebody else', %1$L) $$, session_user), 'p_by names the actor, and not the role');
set local role ls_admin;
select ls.create_api_key('three', p_by => 'ada');
reset role;
select results_eq('select actor, role from ls.audit_entry limit 1', format($$ values ('ada', %L) $$, session_user), 'nor does set role');
set local session authorization ls_test_operator;
select ls.create_api_key('four', p_by => 'postgres'), ls.revoke_api_key('one', 'x', 'lscoord');
select throws_ok($$ insert into ls.audit_log (actor, role, action, subject, reason) values ('a', 'b', 'c', 'd', 'e') $$, '42501', null, 'nobody writes the log by hand');
select throws_ok($$ select ls.record_audit('a', 'b', 'c', 'd') $$, '42501', null, 'nor calls what writes it');
select results_eq('select actor, role from ls.audit_entry limit 2', $$ values ('lscoord', 'ls_test_operator'), ('postgres', 'ls_test_operator') $$, 'whoever logged in shows, whatever they say');
reset session authorization;
-- A function of each kind: all record through the one.
select is_empty($$ select proname from pg_proc where pronamespace = 'ls'::regnamespace and proname <> 'record_audit' and prosrc ~* 'insert into ls\.audit_log' $$,
    'no function writes the log past it');
select * from finish();
rollback;
