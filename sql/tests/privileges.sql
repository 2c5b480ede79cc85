-- Who may do what, that tables are private, and that everything is described.
begin;
select plan(19);
select fixture.base_model();
select fixture.feature_set('code', 'train'), fixture.feature_set('code', 'test');
select fixture.ranker('code');
select fixture.version('code.listwise', 'w');
grant usage on schema fixture, public to ls_reader, ls_operator, ls_admin, ls_service;
create function pg_temp.as_role(p_role text, p_sql text) returns void language plpgsql as $$ begin
    execute format('set local role %I', p_role); execute p_sql; execute 'reset role'; end $$;
select lives_ok($$ select pg_temp.as_role('ls_reader', 'select * from ls.ranker_status') $$, 'a reader reads the views');
select lives_ok(format($$ select pg_temp.as_role('ls_reader', 'select * from %s') $$, string_agg(c.oid::regclass::text, ' cross join ')), 'all of them')
from pg_class c where relnamespace = 'ls'::regnamespace and relkind = 'v';
select lives_ok($$ select pg_temp.as_role('ls_reader', 'select * from ls.route(''tiny'')') $$, 'and asks the router');
select throws_ok($$ select pg_temp.as_role('ls_reader', 'select * from ls.worker') $$, '42501', null, 'but no table');
select throws_ok($$ select pg_temp.as_role('ls_reader', 'select ls.request_training(''code.listwise'')') $$, '42501', null, 'and asks for no work');
select lives_ok($$ select pg_temp.as_role('ls_operator', 'select ls.request_training(''code.listwise''), ls.promote(1, ''why'')') $$, 'an operator does');
select lives_ok($$ select pg_temp.as_role('ls_operator', 'select ls.request_sweep(''code.listwise''), ls.request_scaling_curve(''code.listwise'')') $$, 'asks for sweeps and curves');
select throws_ok($$ select pg_temp.as_role('ls_operator', 'update ls.sweep set best_version_id = null') $$, '42501', null, 'whose end is not theirs to write');
select throws_ok($$ select pg_temp.as_role('ls_operator', 'update ls.task set state = ''done''') $$, '42501', null, 'but moves no state by hand');
select throws_ok($$ select pg_temp.as_role('ls_operator', 'select ls.create_join_token()') $$, '42501', null, 'and invites nobody');
select throws_ok($$ select pg_temp.as_role('ls_admin', 'select ls.create_join_token()') $$, 'LS050', null, 'an admin does');
select throws_ok($$ select pg_temp.as_role('ls_admin', 'select ls.insert_task(null, null, null, null, null, null, null, null)') $$, '42501', null, 'inner functions are nobody''s');
select lives_ok($$ select pg_temp.as_role('ls_service', 'select * from ls.expire_leases()') $$, 'the service runs the leases');
select lives_ok($$ select pg_temp.as_role('ls_service', 'select * from ls.read_blob(sha256(''codetest''), 0)') $$, 'and reads blobs');
select throws_ok($$ select pg_temp.as_role('ls_service', 'update ls.task set state = ''done''') $$, '42501', null, 'through functions only');
select is_empty($$ select p.oid::regprocedure from pg_proc p where pronamespace = 'ls'::regnamespace and prosecdef
    and not coalesce(proconfig::text like '%search_path=pg_catalog, pg_temp%', false) $$, 'every function with the owner''s rights has a fixed search path');
select is_empty($$ select p.oid::regprocedure from pg_proc p where pronamespace = 'ls'::regnamespace and has_function_privilege('public', p.oid, 'execute') $$,
    'no function is open to everybody');
select is_empty($$ select p.oid::regprocedure::text from pg_proc p where pronamespace = 'ls'::regnamespace and obj_description(p.oid, 'pg_proc') is null
    union all select c.oid::regclass::text from pg_class c where relnamespace = 'ls'::regnamespace and relkind in ('r', 'v') and obj_description(c.oid, 'pg_class') is null $$,
    'every function, view and table is described');
select is_empty($$ select conname from pg_constraint where connamespace = 'ls'::regnamespace and contype = 'c' and conrelid <> coalesce(to_regclass('ls.schema_files'), 0) and conname ~ '_check[0-9]*$' $$, 'every rule has a name');
select * from finish();
rollback;
