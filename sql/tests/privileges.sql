-- Who may do what, asked of the catalogue: whatever is added later is under the same rules, or this fails.
begin;
select plan(coalesce((
    select 4 * (3 * count(*) filter (where relkind in ('r', 'p')) + 2 * count(*) filter (where relkind = 'v')) from pg_class where relnamespace = 'ls'::regnamespace), 0)::integer
    + (select count(*)::integer from pg_proc p cross join unnest('{ls_reader,ls_operator,ls_admin,ls_service}'::text[]) r
        where pronamespace = 'ls'::regnamespace and prorettype <> 'trigger'::regtype and not proisstrict and not has_function_privilege(r, p.oid, 'execute'))
    + 34);
select fixture.base_model();
select fixture.feature_set('code', 'train', 'secret-of-features'), fixture.feature_set('code', 'test');
select fixture.ranker('code');
select fixture.version('code.listwise', 'secret-of-weights');
select fixture.worker('w');
grant usage on schema fixture, public to ls_reader, ls_operator, ls_admin, ls_service;
create function pg_temp.as_role(p_role text, p_sql text) returns void language plpgsql as $$ begin
    execute format('set local role %I', p_role); execute p_sql; execute 'reset role'; end $$;
create temporary view role_name as select unnest('{ls_reader,ls_operator,ls_admin,ls_service}'::text[]) as r;
create temporary view private_table as select c.oid::regclass::text as t from pg_class c where relnamespace = 'ls'::regnamespace and relkind in ('r', 'p');
create temporary view public_view as select c.oid::regclass::text as v from pg_class c where relnamespace = 'ls'::regnamespace and relkind = 'v';
create temporary view routine as select p.oid, p.proname, p.prosecdef, p.provolatile, p.prokind, p.proisstrict, p.oid::regprocedure::text as signature,
    -- Its source without texts and comments, which may name functions that it does not call.
    regexp_replace(pg_get_functiondef(p.oid), '''(?:[^'']|'''')*''|--[^\n]*', '', 'g') as source,
    format('%s ls.%I(%s)', case prokind when 'p' then 'call' else 'select' end, proname, (select string_agg('null::' || format_type(a, null), ', ' order by o)
        from unnest(proargtypes::oid[]) with ordinality x (a, o))) as call
    from pg_proc p where pronamespace = 'ls'::regnamespace and prorettype <> 'trigger'::regtype;

-- Views are read by all, written by nobody.
select lives_ok(format('select pg_temp.as_role(%L, ''select * from %s'')', r, v), r || ' reads ' || v) from role_name, public_view;
select ok(not has_table_privilege(r, v, 'insert, update, delete, truncate, references, trigger'), r || ' may only read ' || v) from role_name, public_view;

-- Tables: nobody writes one, nobody reads one; lscoord alone copies features in and reads the schema's version.
create temporary view allowed as select * from (values ('ls_service', 'ls.feature_chunk', 'select'), ('ls_service', 'ls.feature_chunk', 'insert'),
    ('ls_service', 'ls.query', 'select'), ('ls_service', 'ls.query', 'insert'),
    ('ls_service', 'ls.schema_migration', 'select'), ('ls_service', 'ls.schema_files', 'select')) a (r, t, privilege);
select throws_ok(format('select pg_temp.as_role(%L, %L)', r, statement), '42501', null, r || ': ' || statement)
from role_name, private_table, lateral (values ('delete from ' || t), ('truncate ' || t)) s (statement);
select ok(not exists (select from unnest('{select,insert,update,delete,truncate,references,trigger}'::text[]) p
        where (has_table_privilege(r, t, p) or (p in ('select', 'insert', 'update', 'references') and has_any_column_privilege(r, t, p)))
            and not exists (select from allowed a where (a.r, a.t, a.privilege) = (role_name.r, private_table.t, p))), r || ' has no right on ' || t)
from role_name, private_table;
select is_empty($$ select r, c.oid::regclass from pg_class c, role_name where relnamespace = 'ls'::regnamespace and relkind = 'S'
    and (has_sequence_privilege(r, c.oid, 'usage') or has_sequence_privilege(r, c.oid, 'update') or has_sequence_privilege(r, c.oid, 'select')) $$, 'nor on a sequence');
select is_empty($$ select r from role_name where has_schema_privilege(r, 'ls', 'create') $$, 'nobody adds anything to the schema');
select is_empty($$ select r from pg_roles, role_name where rolname = r and (rolsuper or rolcreaterole or rolcreatedb or rolbypassrls) $$, 'nobody is more than they seem');

-- Functions: what a role was not given it cannot call, whatever the arguments.
select throws_ok(format('select pg_temp.as_role(%L, %L)', r, call), '42501', null, r || ' may not ' || signature)
from role_name, routine where not has_function_privilege(r, oid, 'execute') and not proisstrict;  -- with null, those are not called
select is_empty($$ select signature from routine where has_function_privilege('public', oid, 'execute') $$, 'no function is open to everybody');
select is_empty($$ select signature from routine where has_function_privilege('ls_reader', oid, 'execute') and not has_function_privilege('ls_operator', oid, 'execute')
    or has_function_privilege('ls_operator', oid, 'execute') and not has_function_privilege('ls_admin', oid, 'execute') $$, 'an admin may all that an operator may, and so on');
select is_empty($$ select signature from routine where not prosecdef and has_function_privilege('ls_service', oid, 'execute')
    and not has_function_privilege('ls_reader', oid, 'execute') $$, 'the service calls what runs with the owner''s rights');
-- A reader's function that runs with the owner's rights writes nothing: neither it nor anything it calls is volatile.
create function pg_temp.reaches(p_start oid) returns setof oid language sql as $$
    with recursive r (oid) as (select p_start union select g.oid from r join routine f on f.oid = r.oid
        join routine g on f.source ~ ('ls\.' || g.proname || '\(') and g.oid <> f.oid)
    select oid from r $$;
select is_empty($$ select f.signature, g.signature from routine f, lateral pg_temp.reaches(f.oid) x (oid) join routine g on g.oid = x.oid
    where has_function_privilege('ls_reader', f.oid, 'execute') and f.prosecdef and g.provolatile = 'v' and g.proname not in ('refuse', 'refuse_features') $$,
    'what a reader calls changes nothing');
select is_empty($$ select signature from routine where has_function_privilege('ls_reader', oid, 'execute') and not prosecdef
    and provolatile = 'v' and prokind <> 'p' $$, 'with a reader''s own rights nothing can change');
select is_empty($$ select signature from routine where has_function_privilege('ls_reader', oid, 'execute')
    and source ~* '\m(insert into|update ls|delete from|truncate|nextval|pg_notify|setval)\M' $$, 'nor do the words of its functions say so');
select is_empty($$ select signature from routine where prosecdef and not coalesce((select proconfig::text from pg_proc p where p.oid = routine.oid)
    like '%search_path=pg_catalog, pg_temp%', false) $$, 'every function with the owner''s rights has a fixed search path');

-- Secrets: of invitations, keys, features, weights and leases no view shows anything, and no function of an admin's either.
create temporary table secret (t text, c text);
insert into secret values ('ls.join_token', 'secret_sha256'), ('ls.api_key', 'secret_sha256'), ('ls.share_secret', 'secret'), ('ls.decision', 'features'), ('ls.join_token', 'used_by_key'), ('ls.feature_chunk', 'bytes'), ('ls.canary', 'bytes'), ('ls.ranker_weights', 'bytes'),
    ('ls.certificate_authority', 'certificate_pem'), ('ls.certificate_authority', 'previous_certificate_pem'), ('ls.worker', 'public_key_sha256'), ('ls.attempt', 'token'), ('ls.worker_presence', 'connection');
select is((select count(*) from secret s join pg_attribute a on a.attrelid = s.t::regclass and a.attname = s.c), (select count(*) from secret), 'the secrets are where they are said to be');
select is_empty($$ select r.ev_class::regclass, s.* from secret s join pg_attribute a on a.attrelid = s.t::regclass and a.attname = s.c
    join pg_depend d on d.refobjid = a.attrelid and d.refobjsubid = a.attnum and d.classid = 'pg_rewrite'::regclass
    join pg_rewrite r on r.oid = d.objid $$, 'no view reads one');
select is_empty($$ select attrelid::regclass, attname from pg_attribute a join pg_class c on c.oid = attrelid where relnamespace = 'ls'::regnamespace and relkind in ('r', 'p')
    and attname ~ '(secret|token|key|pem|bytes)' and attnum > 0 and attname !~ '(_id|byte_count|request_key)$' and not exists (select from secret s where s.t::regclass = attrelid and s.c = attname)
    and attrelid <> 'ls.certificate_authority'::regclass and (attrelid, attname) <> ('ls.tag'::regclass, 'key') $$, 'a column that sounds like a secret is listed as one');
select is_empty($$ select f.signature from routine f where has_function_privilege('ls_operator', f.oid, 'execute')
    and f.source ~ '(secret_sha256|feature_chunk|\mw\.bytes|certificate_pem|public_key_sha256)'
    -- It compares weights with their name, and tells neither.
    and f.oid <> 'ls.broken_rules(boolean)'::regprocedure $$, 'no function of an operator''s touches one');
select ls.set_certificate_authority(E'-----BEGIN CERTIFICATE-----\nsecret-of-authority', sha256('ca'));
create temporary table invitation as select split_part(ls.create_join_token('edge'), '.', 2) as secret;
create temporary table lease as select l.* from ls.request_training('code.listwise') t, ls.lease_tasks(1, '{train}', 1, 60) l;
create function pg_temp.shows(p_text text) returns setof text language plpgsql as $$ declare v text; f boolean; begin
    for v in select x.v from public_view x loop
        execute format('select exists (select from %s x where x::text ~ $1)', v) into f using p_text;
        if f then return next v; end if;
    end loop; end $$;
select is_empty(format('select pg_temp.shows(%L)', (select secret from invitation)), 'no view shows the secret of an invitation');
select is_empty(format('select pg_temp.shows(%L)', (select encode(sha256(convert_to(secret, 'UTF8')), 'hex') from invitation)), 'nor what is kept of it');
select is_empty(format('select pg_temp.shows(%L)', 'secret-of-weights|' || encode('secret-of-weights', 'hex')), 'nor weights');
select is_empty(format('select pg_temp.shows(%L)', 'secret-of-features|' || encode('secret-of-features', 'hex')), 'nor features');
select is_empty(format('select pg_temp.shows(%L)', 'secret-of-authority'), 'nor the authority''s certificate');
select is_empty(format('select pg_temp.shows(%L)', (select token from lease)), 'nor the token of a lease');
select isnt_empty($$ select pg_temp.shows('code.listwise') $$, 'and this test would see one');

-- What each is for.
select lives_ok($$ select pg_temp.as_role('ls_reader', 'select * from ls.route(''tiny'')') $$, 'a reader asks the router');
select lives_ok($$ select pg_temp.as_role('ls_reader', 'select ls.words_of_judgement(1), i.reason, ls.words_of_e(j.log_e), ls.points(j.mean_difference),
    ls.log_e(ls.log_sums(j.differences)), ls.claims_that_hold(array[j.log_e], 0.1) from ls.judge(1) j, ls.incumbent(1) i') $$, 'and weighs evidence');
select throws_ok($$ select pg_temp.as_role('ls_reader', 'select ls.set_promotion_policy(''code.listwise'', ''manual'')') $$, '42501', null, 'but says not what is enough');
select lives_ok($$ select pg_temp.as_role('ls_operator', 'select ls.set_promotion_policy(''code.listwise'', ''manual'')') $$, 'as an operator does');
select lives_ok($$ select pg_temp.as_role('ls_operator', 'select ls.request_training(''code.listwise'', p_seed => 2), ls.promote(1, ''why'')') $$, 'an operator asks for work and promotes');
select lives_ok($$ select pg_temp.as_role('ls_operator', 'select ls.request_sweep(''code.listwise''), ls.request_scaling_curve(''code.listwise'')') $$, 'asks for sweeps and curves');
select lives_ok($$ select pg_temp.as_role('ls_admin', 'select ls.create_join_token()') $$, 'an admin invites');
select lives_ok($$ select pg_temp.as_role('ls_service', 'select * from ls.expire_leases()') $$, 'the service runs the leases');
select lives_ok($$ select pg_temp.as_role('ls_service', 'select * from ls.read_blob(sha256(''codetest''), 0)') $$, 'and reads blobs');
select throws_ok($$ select pg_temp.as_role('ls_service', 'select ls.read_weights(sha256(''none''))') $$, 'LS014', null, 'and weights');
select is(ls.domain_is_within('math/algebra', 'math'), true, 'a domain is within a broader one');

-- Everything is described.
select is_empty($$ select signature from routine where obj_description(oid, 'pg_proc') is null
    union all select c.oid::regclass::text from pg_class c where relnamespace = 'ls'::regnamespace and relkind in ('r', 'p', 'v') and not relispartition and obj_description(c.oid, 'pg_class') is null
    union all select attrelid::regclass || '.' || attname from pg_attribute join pg_class c on c.oid = attrelid where relnamespace = 'ls'::regnamespace and relkind in ('r', 'p', 'v') and not relispartition
        and attnum > 0 and not attisdropped and col_description(attrelid, attnum) is null $$, 'every function, table, view and column is described');
select is_empty($$ select conname from pg_constraint where connamespace = 'ls'::regnamespace and contype = 'c' and conrelid <> coalesce(to_regclass('ls.schema_files'), 0) and conname ~ '_check[0-9]*$' $$, 'every rule has a name');
select * from finish();
rollback;
